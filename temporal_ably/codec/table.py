"""A codec is a table of chunk types; this is the driver that reads it in both directions.

A new chunk type is one entry. A type without an entry is a loud error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from temporal_ably._wire.parts import Json, Streamed, Whole
from temporal_ably.codec.fields import Field, Text, check_text, read_fields, read_json, refuse_absent, write_fields
from temporal_ably.errors import EncodeError

if TYPE_CHECKING:
    from temporal_ably.codec.payloads import Payload, ValuePayload

Chunk = Mapping[str, Json]

# Opaque to readers and often large: signatures, cache keys.
_UNDESCRIBED = "providerMetadata"


@dataclass(frozen=True)
class Event:
    """A chunk type that becomes a whole part of the same kind.

    Args:
        type: the chunk type; one that ends in ``*`` stands for all types that begin so.
        fields: what goes into headers.
        payload: what goes into the message's data.
        ephemeral: the key that, where true, keeps the part out of history.
    """

    type: str
    fields: tuple[Field, ...] = ()
    payload: Payload | None = None
    ephemeral: str | None = None


@dataclass(frozen=True)
class Stream:
    """Three chunk types that become one streamed part.

    Args:
        kind: the part's kind.
        start: the type of the chunk that opens it.
        delta: the type of the chunks that extend it.
        end: the type of the chunk that closes it.
        id: the key that names the stream; a field too.
        text: the key of a delta's new text.
        fields: what else of the start goes into headers.
        end_fields: which of all fields the end sends again; ``None`` is all.
        input: the payload of an end that is a whole part by itself where no stream is open. It is JSON, and
            the text of the stream is its JSON text.
    """

    kind: str
    start: str
    delta: str
    end: str
    id: Text
    text: str
    fields: tuple[Field, ...] = ()
    end_fields: tuple[Field, ...] | None = None
    input: ValuePayload | None = None

    @property
    def all_fields(self) -> tuple[Field, ...]:
        """The fields of the start."""
        return (self.id, *self.fields)

    @property
    def closing_fields(self) -> tuple[Field, ...]:
        """The fields of the end."""
        return self.all_fields if self.end_fields is None else (self.id, *self.end_fields)


@dataclass(frozen=True)
class Open:
    """A streamed part begins."""

    part: Streamed


@dataclass(frozen=True)
class Extend:
    """A streamed part grows."""

    kind: str
    id: str
    text: str


@dataclass(frozen=True)
class Close:
    """A streamed part is complete.

    Args:
        kind: the part's kind.
        id: the part's id, unique within its kind.
        fields: what overlays the fields of its start.
        whole: what to publish instead where no such part is open, ``None`` where that makes no part.
    """

    kind: str
    id: str
    fields: Mapping[str, str]
    whole: Whole | None = None


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
        self._streams: dict[str, Stream] = {}
        for entry in entries:
            if isinstance(entry, Stream):
                self._streams[entry.kind] = entry
                self._by_type |= dict.fromkeys((entry.start, entry.delta, entry.end), entry)
            else:
                self._by_type[entry.type] = entry
        self._wildcards = tuple(entry for entry in entries if isinstance(entry, Event) and entry.type.endswith("*"))

    @property
    def types(self) -> tuple[str, ...]:
        """The chunk types of the table; ``data-*`` stands for all that begin with ``data-``."""
        return tuple(self._by_type)

    def encode(self, chunk: Chunk) -> Action:
        """Turn a chunk into what happens to a message.

        Keys that the table lacks are ignored; a null one is as good as absent, except as a payload.

        Raises:
            EncodeError: if the chunk's type has no entry, a required key is absent or a key has the wrong type.
        """
        chunk_type = chunk.get("type")
        if isinstance(chunk_type, str):
            check_text(chunk_type, "type", chunk_type)
        entry = self._entry(chunk_type) if isinstance(chunk_type, str) else None
        if entry is None or not isinstance(chunk_type, str):
            raise EncodeError(
                f"unable to encode a chunk of type {chunk_type!r}; the {self.name} codec has no such type; "
                f"use one of {', '.join(self.types)}, or teach the codec your chunk class with "
                "temporal_ably.codec.register_adapter"
            )
        return _whole(entry, chunk_type, chunk) if isinstance(entry, Event) else _streamed(entry, chunk_type, chunk)

    def decode(self, action: Action) -> tuple[Chunk, ...]:
        """Turn what happened to a message back into chunks.

        Returns:
            The chunks; none for a kind that the table lacks, as a newer writer may send.
        """
        if isinstance(action, Whole):
            return self._decode_whole(action)
        entry = self._streams.get(action.part.kind if isinstance(action, Open) else action.kind)
        if entry is None:
            return ()
        if isinstance(action, Open):
            return ({"type": entry.start, **read_fields(entry.all_fields, action.part.fields)},)
        if isinstance(action, Extend):
            return ({"type": entry.delta, entry.id.name: action.id, entry.text: action.text},)
        return (_end(entry, action),)

    def close(self, part: Streamed, text: str) -> Close:
        """Give the closing action of a part that was read from a channel.

        Args:
            part: the part with the fields of its last message.
            text: the whole text.
        """
        entry = self._streams.get(part.kind)
        # An empty text is no input at all; what is not JSON is the input itself.
        whole = Whole(part.kind, part.fields, read_json(text, text)) if entry and entry.input and text else None
        return Close(part.kind, part.id, part.fields, whole)

    def describe(self, kind: str, fields: Mapping[str, str]) -> dict[str, Json]:
        """Give a part's fields as typed values, after its kind, for readers that do not know this codec.

        Provider metadata is left out: it is for the provider alone.

        Args:
            kind: the part's kind.
            fields: the part's fields; those of a kind that the table lacks are described as text.
        """
        entry = self._streams.get(kind) or self._entry(kind)
        known = entry.all_fields if isinstance(entry, Stream) else entry.fields if entry else _as_text(fields)
        described = tuple(field for field in known if field.name in fields and field.name != _UNDESCRIBED)
        return {"type": kind, **read_fields(described, fields)}

    def _entry(self, chunk_type: str) -> Event | Stream | None:
        wildcards = (entry for entry in self._wildcards if chunk_type.startswith(entry.type[:-1]))
        return self._by_type.get(chunk_type) or next(wildcards, None)

    def _decode_whole(self, action: Whole) -> tuple[Chunk, ...]:
        stream = self._streams.get(action.kind)
        if stream is not None:
            close = Close(action.kind, action.fields.get(stream.id.name, ""), action.fields, action)
            return (*self.decode(Open(Streamed(action.kind, close.id, action.fields))), _end(stream, close))
        entry = self._entry(action.kind)
        if not isinstance(entry, Event):
            return ()
        payload = entry.payload.read(action.data) if entry.payload else {}
        return ({"type": action.kind, **read_fields(entry.fields, action.fields), **payload},)


def _whole(entry: Event, chunk_type: str, chunk: Chunk) -> Whole:
    fields = write_fields(chunk_type, entry.fields, chunk)
    data = entry.payload.write(chunk_type, chunk) if entry.payload else ""
    return Whole(chunk_type, fields, data, ephemeral=entry.ephemeral is not None and chunk.get(entry.ephemeral) is True)


def _streamed(entry: Stream, chunk_type: str, chunk: Chunk) -> Action:
    part_id = write_fields(chunk_type, (entry.id,), chunk)[entry.id.name]
    if chunk_type == entry.start:
        return Open(Streamed(entry.kind, part_id, write_fields(chunk_type, entry.all_fields, chunk)))
    if chunk_type == entry.end:
        return _closing(entry, part_id, chunk)
    text = chunk.get(entry.text)
    if text is None:
        refuse_absent(chunk_type, entry.text, chunk)
    return Extend(entry.kind, part_id, check_text(chunk_type, entry.text, text))


def _closing(entry: Stream, part_id: str, chunk: Chunk) -> Close:
    whole = None
    if entry.input:
        fields = write_fields(entry.end, entry.all_fields, chunk)
        whole = Whole(entry.kind, fields, entry.input.write(entry.end, chunk))
    return Close(entry.kind, part_id, write_fields(entry.end, entry.closing_fields, chunk), whole)


def _end(entry: Stream, close: Close) -> Chunk:
    payload = entry.input.read(close.whole.data) if entry.input and close.whole else {}
    return {"type": entry.end, **read_fields(entry.closing_fields, close.fields), **payload}


def _as_text(fields: Mapping[str, str]) -> tuple[Field, ...]:
    return tuple(Text(name) for name in fields)
