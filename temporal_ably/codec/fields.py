"""Header fields: a name on the wire and a type, written and read by one object.

All values on the wire are strings; booleans are ``true`` and ``false``, everything else is JSON.
Source: @ably/ai-transport 0.8.0, ``src/core/codec/fields.ts``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from temporal_ably.errors import DecodeError, EncodeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from temporal_ably._wire.parts import Json


@dataclass(frozen=True)
class Text:
    """A string field."""

    name: str

    def write(self, value: Json) -> str:
        """Write the value.

        Raises:
            EncodeError: if it is not a string.
        """
        if not isinstance(value, str):
            raise EncodeError(f"unable to encode {self.name}; it is {type(value).__name__}; pass a str")
        return value

    def read(self, text: str) -> Json:
        """Read the value."""
        return text


@dataclass(frozen=True)
class JsonField:
    """A field of any JSON value."""

    name: str

    def write(self, value: Json) -> str:
        """Write the value.

        Raises:
            EncodeError: if it cannot be written as JSON.
        """
        try:
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError) as err:
            raise EncodeError(f"unable to encode {self.name}; {err}; pass a value that JSON can hold") from err

    def read(self, text: str) -> Json:
        """Read the value.

        Raises:
            DecodeError: if the text is not JSON.
        """
        try:
            return cast("Json", json.loads(text))
        except ValueError as err:
            raise DecodeError(f"unable to read {self.name}; it is not JSON; skip the message") from err


Field = Text | JsonField


def write_fields(fields: tuple[Field, ...], chunk: Mapping[str, Json]) -> dict[str, str]:
    """Write the fields that a chunk has; absent and null ones stay off the wire."""
    return {field.name: field.write(chunk[field.name]) for field in fields if chunk.get(field.name) is not None}


def read_fields(fields: tuple[Field, ...], headers: Mapping[str, str]) -> dict[str, Json]:
    """Read the fields that the headers hold."""
    return {field.name: field.read(headers[field.name]) for field in fields if field.name in headers}
