"""Header fields: a name on the wire and a type, written and read by one object.

All values on the wire are strings: booleans are ``true`` and ``false``, structures are JSON. What a
reader cannot make sense of is absent to it, as it is to the stock client.
Source: @ably/ai-transport 0.8.0, ``src/core/codec/fields.ts``.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, cast

from temporal_ably.errors import EncodeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from temporal_ably._wire.parts import Json


@dataclass(frozen=True)
class Text:
    """A string field. A required one that is absent reads as an empty string."""

    name: str
    required: bool = False

    def write(self, chunk_type: str, value: Json) -> str:
        """Write the value of a chunk.

        Raises:
            EncodeError: if it is not a string, or one that UTF-8 cannot hold.
        """
        return check_text(chunk_type, self.name, value)

    def read(self, text: str | None) -> Json:
        """Read the value, ``None`` where it is absent."""
        return "" if text is None and self.required else text


@dataclass(frozen=True)
class Choice:
    """A string field of few values, all others read as the fallback.

    Writing takes any string: a newer model's word for why it finished is no reason to lose a message.
    """

    name: str
    choices: tuple[str, ...]
    fallback: str
    required: bool = False

    def write(self, chunk_type: str, value: Json) -> str:
        """Write the value of a chunk.

        Raises:
            EncodeError: if it is not a string, or one that UTF-8 cannot hold.
        """
        return check_text(chunk_type, self.name, value)

    def read(self, text: str | None) -> Json:
        """Read the value."""
        return text if text in self.choices else self.fallback


@dataclass(frozen=True)
class Flag:
    """A boolean field."""

    name: str
    required: bool = False

    def write(self, chunk_type: str, value: Json) -> str:
        """Write the value of a chunk.

        Raises:
            EncodeError: if it is not a boolean.
        """
        if not isinstance(value, bool):
            refuse(chunk_type, self.name, type(value).__name__, "pass a bool")
        return "true" if value else "false"

    def read(self, text: str | None) -> Json:
        """Read the value, ``None`` where it is absent."""
        return None if text is None else text == "true"


@dataclass(frozen=True)
class JsonField:
    """A field of any JSON value."""

    name: str
    required: bool = False

    def write(self, chunk_type: str, value: Json) -> str:
        """Write the value of a chunk.

        Raises:
            EncodeError: if it cannot be written as JSON.
        """
        return write_json(chunk_type, self.name, value)

    def read(self, text: str | None) -> Json:
        """Read the value, ``None`` where it is absent or no JSON."""
        return None if text is None else read_json(text, None)


Field = Text | Choice | Flag | JsonField


def write_fields(chunk_type: str, fields: tuple[Field, ...], chunk: Mapping[str, Json]) -> dict[str, str]:
    """Write the fields that a chunk has; absent and null ones stay off the wire.

    Raises:
        EncodeError: if a field has the wrong type, or a required one is absent.
    """
    headers: dict[str, str] = {}
    for field in fields:
        value = chunk.get(field.name)
        if value is not None:
            headers[field.name] = field.write(chunk_type, value)
        elif field.required:
            refuse_absent(chunk_type, field.name, chunk)
    return headers


def read_fields(fields: tuple[Field, ...], headers: Mapping[str, str]) -> dict[str, Json]:
    """Read the fields that the headers hold, and those that have a value when absent."""
    values = {field.name: field.read(headers.get(field.name)) for field in fields}
    return {name: value for name, value in values.items() if value is not None}


def check_text(chunk_type: str, key: str, value: Json) -> str:
    """Give back a value that is a string.

    Raises:
        EncodeError: if it is not, or if UTF-8 cannot hold it.
    """
    if not isinstance(value, str):
        refuse(chunk_type, key, type(value).__name__, "pass a str")
    # The question is nearly always settled by a flag of the string; deltas come by the thousand.
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            refuse(chunk_type, key, "a str with half a surrogate pair", "pass whole characters")
    return value


def write_json(chunk_type: str, key: str, value: Json) -> str:
    """Write a value as JSON, compact and readable.

    As in ``json``, a tuple becomes a list and a number that is a key becomes text.

    Raises:
        EncodeError: if JSON cannot hold it in a way that every language reads.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as err:
        refuse(chunk_type, key, f"not JSON ({err})", "pass a value that JSON can hold")
    return text


def read_json(text: str, otherwise: Json) -> Json:
    """Read JSON, or give ``otherwise`` for a text that is none."""
    try:
        return cast("Json", json.loads(text, parse_float=_finite, parse_constant=_finite))
    except (ValueError, RecursionError):
        return otherwise


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no JSON number")
    return value


def refuse(chunk_type: str, key: str, what: str, fix: str) -> NoReturn:
    """Refuse a chunk.

    Raises:
        EncodeError: always.
    """
    text = f"unable to encode {chunk_type}; {key} is {what}; {fix}"
    # What UTF-8 cannot hold could not be told to Temporal either.
    raise EncodeError(text.encode(errors="backslashreplace").decode())


def refuse_absent(chunk_type: str, key: str, chunk: Mapping[str, Json]) -> NoReturn:
    """Refuse a chunk that lacks a required key.

    Raises:
        EncodeError: always.
    """
    refuse(chunk_type, key, "None" if key in chunk else "absent", f"pass a chunk with {key!r}")
