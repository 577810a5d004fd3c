"""Payloads: what of a chunk goes into a message's ``data``, written and read by one object.

A payload is a copy: a caller who changes a value after it was written changes nothing.
Source: @ably/ai-transport 0.8.0, ``src/vercel/codec/outputs.ts``, ``src/vercel/codec/wire-data.ts``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from temporal_ably.codec.fields import check_text, refuse, refuse_absent, write_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from temporal_ably._wire.parts import Json


@dataclass(frozen=True)
class TextPayload:
    """The text of ``key``. An optional one that is absent is an empty text, and the reverse."""

    key: str
    required: bool = True

    def write(self, chunk_type: str, chunk: Mapping[str, Json]) -> Json:
        """Write the payload of a chunk.

        Raises:
            EncodeError: if it is not a string, or is required and absent.
        """
        value = chunk.get(self.key)
        if value is not None:
            return check_text(chunk_type, self.key, value)
        if self.required:
            refuse_absent(chunk_type, self.key, chunk)
        return ""

    def read(self, data: Json) -> dict[str, Json]:
        """Read the keys that the payload gives a chunk."""
        text = data if isinstance(data, str) else ""
        return {self.key: text} if text or self.required else {}


@dataclass(frozen=True)
class ValuePayload:
    """The value of ``key`` itself."""

    key: str
    required: bool = True

    def write(self, chunk_type: str, chunk: Mapping[str, Json]) -> Json:
        """Write the payload of a chunk; ``None`` is a value.

        Raises:
            EncodeError: if it cannot be the data of a message, or is required and absent.
        """
        if self.key not in chunk:
            if self.required:
                refuse_absent(chunk_type, self.key, chunk)
            return None
        value = _copy(chunk_type, self.key, chunk[self.key])
        # Ably's own SDKs refuse them: "data type is unsupported".
        if isinstance(value, (int, float)):
            what = f"a bare {type(value).__name__}, which no Ably message can carry"
            refuse(chunk_type, self.key, what, "wrap it in an object or a list")
        return value

    def read(self, data: Json) -> dict[str, Json]:
        """Read the keys that the payload gives a chunk."""
        return {self.key: data}


@dataclass(frozen=True)
class ObjectPayload:
    """An object of the text ``text`` and the value ``value``; either may be ``None``, which is no such key."""

    text: str | None = None
    value: str | None = None

    def write(self, chunk_type: str, chunk: Mapping[str, Json]) -> Json:
        """Write the payload of a chunk. The text is required; an absent value stays absent, ``None`` is a value.

        Raises:
            EncodeError: if the text is absent or not a string, or the value is not JSON.
        """
        data: dict[str, Json] = {}
        if self.text is not None:
            text = chunk.get(self.text)
            if text is None:
                refuse_absent(chunk_type, self.text, chunk)
            data[self.text] = check_text(chunk_type, self.text, text)
        if self.value is not None and self.value in chunk:
            data[self.value] = _copy(chunk_type, self.value, chunk[self.value])
        return data

    def read(self, data: Json) -> dict[str, Json]:
        """Read the keys that the payload gives a chunk. A malformed payload gives an empty text alone."""
        text = data.get(self.text, "") if isinstance(data, dict) and self.text else ""
        if not isinstance(data, dict) or not isinstance(text, str):
            return {self.text: ""} if self.text else {}
        keys: dict[str, Json] = {self.text: text} if self.text else {}
        if self.value is not None and self.value in data:
            keys[self.value] = data[self.value]
        return keys


Payload = TextPayload | ValuePayload | ObjectPayload


def _copy(chunk_type: str, key: str, value: Json) -> Json:
    return cast("Json", json.loads(write_json(chunk_type, key, value)))
