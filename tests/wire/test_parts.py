from __future__ import annotations

from typing import get_args

from temporal_ably._wire.parts import Status, Streamed, Whole


def test_whole_part_without_a_payload_carries_empty_text() -> None:
    assert Whole("start-step", {}).data == ""


def test_parts_are_values() -> None:
    assert Streamed("text", "0", {"id": "0"}) == Streamed("text", "0", {"id": "0"})
    assert Streamed("text", "0", {}) != Streamed("text", "1", {})


def test_a_stream_is_open_complete_or_cancelled() -> None:
    assert get_args(Status) == ("streaming", "complete", "cancelled")
