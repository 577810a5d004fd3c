"""What clients say to an agent, as a table.

Source: @ably/ai-transport 0.8.0, ``src/vercel/codec/inputs.ts``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporal_ably.codec.fields import Flag, Text
from temporal_ably.codec.payloads import ObjectPayload
from temporal_ably.codec.table import Codec, Event

if TYPE_CHECKING:
    from collections.abc import Mapping

    from temporal_ably._wire.parts import Json

USER_MESSAGE = "user-message"

_CALL = Text("toolCallId", required=True)
_PART_TYPE = Text("partType")

INPUTS = Codec(
    "input",
    (
        # One part of a message; all parts of it have its id.
        Event(USER_MESSAGE, (Text("messageId"), _PART_TYPE, Text("mediaType"), Text("id"))),
        Event("tool-result", (_CALL,), ObjectPayload(value="output")),
        Event("tool-result-error", (_CALL,), ObjectPayload(text="message")),
        Event("tool-approval-response", (_CALL, Flag("approved"), Text("reason"))),
        Event("regenerate"),
    ),
)


def describe_input(kind: str, fields: Mapping[str, str]) -> dict[str, Json]:
    """Give an input's fields as typed values, after its type; a part of a message is of that part's own type.

    Args:
        kind: the input's kind.
        fields: its fields; those of a kind that the table lacks are described as text.
    """
    described = INPUTS.describe(kind, fields)
    part_type = described.pop(_PART_TYPE.name, None) if kind == USER_MESSAGE else None
    return described if part_type is None else {**described, "type": part_type}
