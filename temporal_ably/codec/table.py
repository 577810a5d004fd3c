"""A codec is a table of chunk types; this is the driver that reads it in both directions.

A new chunk type is one entry. A type without an entry is a loud error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from temporal_ably._wire.parts import Json, Streamed, Whole
from temporal_ably.codec.fields import Field, read_fields, write_fields
from temporal_ably.errors import EncodeError

Chunk = Mapping[str, Json]


@dataclass(frozen=True)
class Event:
    """A chunk type that becomes a whole part. ``kind`` is its name on the wire."""

    type: str
    kind: str
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True)
class Stream:
    """Three chunk types that become one streamed part. ``delta`` is the key of the new text."""

    kind: str
    start: str
    delta: str
    end: str
    id: Field
    text: str
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True)
class Open:
    """A streamed part begins."""

    part: Streamed


@dataclass(frozen=True)
class Extend:
    """A streamed part grows."""

    id: str
    text: str


@dataclass(frozen=True)
class Close:
    """A streamed part is complete."""

    id: str


Action = Open | Extend | Close | Whole


class Codec:
    """Encode and decode the chunks of one vocabulary.

    Args:
        name: the vocabulary, for error texts.
        entries: the table.
    """

    def __init__(self, name: str, entries: tuple[Event | Stream, ...]) -> None:
        self.name = name
        self._by_type: dict[str, Event | Stream] = {}
        self._by_kind: dict[str, Event | Stream] = {}
        for entry in entries:
            self._by_kind[entry.kind] = entry
            for chunk_type in _types(entry):
                self._by_type[chunk_type] = entry

    @property
    def types(self) -> tuple[str, ...]:
        """The chunk types of the table."""
        return tuple(self._by_type)

    def encode(self, chunk: Chunk) -> Action:
        """Turn a chunk into what happens to a message.

        Raises:
            EncodeError: if the chunk's type has no entry or a field has the wrong type.
        """
        chunk_type = chunk.get("type")
        entry = self._by_type.get(chunk_type) if isinstance(chunk_type, str) else None
        if entry is None:
            raise EncodeError(
                f"unable to encode a chunk of type {chunk_type!r}; the {self.name} codec has no such type; "
                f"use one of {', '.join(self.types)}"
            )
        if isinstance(entry, Event):
            return Whole(entry.kind, write_fields(entry.fields, chunk))
        part_id = entry.id.write(chunk.get(entry.id.name))
        if chunk_type == entry.start:
            return Open(Streamed(entry.kind, part_id, write_fields((entry.id, *entry.fields), chunk)))
        if chunk_type == entry.end:
            return Close(part_id)
        text = chunk.get(entry.text)
        if not isinstance(text, str):
            raise EncodeError(f"unable to encode {entry.delta}; {entry.text} is {type(text).__name__}; pass a str")
        return Extend(part_id, text)

    def decode(self, action: Action, kind: str) -> Chunk | None:
        """Turn what happened to a message back into a chunk.

        Args:
            action: what happened.
            kind: the part's kind on the wire.

        Returns:
            The chunk, or ``None`` for a kind that the table lacks.
        """
        entry = self._by_kind.get(kind)
        if isinstance(entry, Event) and isinstance(action, Whole):
            return {"type": entry.type, **read_fields(entry.fields, action.fields)}
        if not isinstance(entry, Stream) or isinstance(action, Whole):
            return None
        if isinstance(action, Open):
            return {"type": entry.start, **read_fields((entry.id, *entry.fields), action.part.fields)}
        if isinstance(action, Extend):
            return {"type": entry.delta, entry.id.name: action.id, entry.text: action.text}
        return {"type": entry.end, entry.id.name: action.id}


def _types(entry: Event | Stream) -> tuple[str, ...]:
    return (entry.type,) if isinstance(entry, Event) else (entry.start, entry.delta, entry.end)
