from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from temporal_ably._wire.parts import Streamed, Whole
from temporal_ably.codec.message import message_metadata, message_start, named, numbered
from temporal_ably.errors import EncodeError

if TYPE_CHECKING:
    from temporal_ably._wire.parts import Json


def test_message_begins_with_its_id_its_metadata_and_a_step_of_its_own() -> None:
    assert [named(part, "m") for part in message_start({"agent": "writer"})] == [
        Whole("start", {"messageId": "m", "messageMetadata": '{"agent":"writer"}'}),
        Whole("start-step", {}),
    ]


def test_metadata_of_a_message_goes_out_as_a_part() -> None:
    assert message_metadata({"tokens": 7}) == Whole("message-metadata", {"messageMetadata": '{"tokens":7}'})


def test_metadata_is_what_it_was_when_the_part_was_made() -> None:
    metadata: dict[str, Json] = {"tokens": 7}
    part = message_metadata(metadata)
    metadata["tokens"] = 8
    assert part.fields == {"messageMetadata": '{"tokens":7}'}


def test_metadata_that_is_not_json_is_refused() -> None:
    with pytest.raises(EncodeError, match="unable to encode message-metadata; messageMetadata is not JSON"):
        message_metadata({"cost": float("nan")})


@pytest.mark.parametrize("kind", ["text", "reasoning"])
def test_text_and_reasoning_are_numbered_within_their_message(kind: str) -> None:
    part = Streamed(kind, "any", {"id": "any", "providerMetadata": "{}"})
    assert numbered(part, 3) == Streamed(kind, "3", {"id": "3", "providerMetadata": "{}"})


def test_tool_call_keeps_its_own_id() -> None:
    part = Streamed("tool-input", "call", {"toolCallId": "call", "toolName": "t"})
    assert numbered(part, 3) == part
