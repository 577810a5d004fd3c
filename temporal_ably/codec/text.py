"""Plain strings as UIMessage parts: how a message begins, and a text part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from temporal_ably._wire.parts import Json, Streamed, Whole
from temporal_ably.codec.vercel import CODEC

if TYPE_CHECKING:
    from temporal_ably.codec.table import Open


def text_part(part_id: str) -> Streamed:
    """Give a text part. ``part_id`` is unique within its message."""
    return cast("Open", CODEC.encode({"type": "text-start", "id": part_id})).part


def message_start(message_id: str, metadata: dict[str, Json]) -> tuple[Whole, ...]:
    """Give the parts that begin a message.

    ``start`` carries the id that a UI sees. ``start-step`` is sent for each message, because a
    0.8 reader adds one of its own to the first message of a run only.
    """
    chunks: tuple[dict[str, Json], ...] = (
        {"type": "start", "messageId": message_id, "messageMetadata": metadata},
        {"type": "start-step"},
    )
    actions = [CODEC.encode(chunk) for chunk in chunks]
    return tuple(action for action in actions if isinstance(action, Whole))
