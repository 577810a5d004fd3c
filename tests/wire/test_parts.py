from __future__ import annotations

from typing import get_args

import pytest

from temporal_ably._wire.parts import Json, Status, Streamed, Whole, fields_bytes, size_bytes


def test_whole_part_without_a_payload_carries_empty_text() -> None:
    assert Whole("start-step", {}).data == ""


def test_parts_are_values() -> None:
    assert Streamed("text", "0", {"id": "0"}) == Streamed("text", "0", {"id": "0"})
    assert Streamed("text", "0", {}) != Streamed("text", "1", {})


def test_a_stream_is_open_complete_or_cancelled() -> None:
    assert get_args(Status) == ("streaming", "complete", "cancelled")


def test_whole_part_is_kept_unless_it_says_otherwise() -> None:
    assert not Whole("data-a", {}).ephemeral


@pytest.mark.parametrize(
    ("data", "size"),
    [("", 0), ("abc", 3), ("\u20ac", 3), (None, 4), ({"a": 1}, 8), ({"a": "\u20ac"}, 15), (["\U0001f600"], 16)],
    ids=repr,
)
def test_text_counts_as_utf8_and_any_other_value_as_ascii_json_because_the_sdk_sends_it_so(
    data: Json, size: int
) -> None:
    assert size_bytes(Whole("data-a", {}, data)) == size


def test_fields_count_twice_because_they_stand_on_the_channel_twice() -> None:
    fields = {"title": 'a "b" \u20ac'}
    assert size_bytes(Whole("data-a", fields, "abc")) == 3 + fields_bytes(fields)
    assert fields_bytes(fields) == 2 * (len("title") + len('"a \\"b\\" "') + 3)
    assert fields_bytes({}) == 0
