"""What a message needs besides its user's parts: how it begins, its metadata, ids of its streamed parts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from temporal_ably._wire.parts import Json, Streamed, Whole
from temporal_ably.codec.vercel import CODEC

if TYPE_CHECKING:
    from collections.abc import Mapping


def message_start(metadata: Mapping[str, Json]) -> tuple[Whole, ...]:
    """Give the parts that begin a message, which ``named`` has yet to name.

    ``start-step`` is sent for each message, because a 0.8 reader adds one of its own to the first
    message of a run only.
    """
    return _whole({"type": "start", "messageMetadata": dict(metadata)}), _whole({"type": "start-step"})


def named(part: Whole, message_id: str) -> Whole:
    """Put the id that a UI sees into the part that begins a message; give any other as it is."""
    return replace(part, fields={"messageId": message_id, **part.fields}) if part.kind == "start" else part


def message_metadata(metadata: Mapping[str, Json]) -> Whole:
    """Give the part that replaces the metadata of a message."""
    return _whole({"type": "message-metadata", "messageMetadata": dict(metadata)})


def _whole(chunk: Mapping[str, Json]) -> Whole:
    action = CODEC.encode(chunk)
    if not isinstance(action, Whole):
        raise TypeError(f"{chunk['type']} is no whole part")
    return action


def numbered(part: Streamed, index: int) -> Streamed:
    """Give text or reasoning the id ``index``, unique in its message; a tool call keeps its own."""
    if "id" not in part.fields:
        return part
    return replace(part, id=str(index), fields={**part.fields, "id": str(index)})
