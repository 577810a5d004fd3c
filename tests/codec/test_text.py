from __future__ import annotations

from temporal_ably._wire.parts import Streamed, Whole
from temporal_ably.codec.text import message_start, text_part


def test_text_part_is_a_stream_with_its_id_in_both_tiers() -> None:
    assert text_part("3") == Streamed("text", "3", {"id": "3"})


def test_message_begins_with_its_id_its_metadata_and_a_step_of_its_own() -> None:
    assert message_start("m", {"agent": "writer"}) == (
        Whole("start", {"messageId": "m", "messageMetadata": '{"agent":"writer"}'}),
        Whole("start-step", {}),
    )
