"""Parts: what a codec makes of a model's chunks, before any dialect frames it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Union

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Json = Union[str, int, float, bool, None, "list[Json]", "dict[str, Json]"]
# What callers may pass for it: a `dict[str, str]` is none of `dict[str, Json]`.
JsonLike = Union[str, int, float, bool, None, "Sequence[JsonLike]", "Mapping[str, JsonLike]"]
Status = Literal["streaming", "complete", "cancelled"]


@dataclass(frozen=True)
class Whole:
    """A part that is published at once. ``fields``: header names to values, all strings.

    An ``ephemeral`` one is for who is connected now: it is not kept in history.
    """

    kind: str
    fields: Mapping[str, str]
    data: Json = ""
    ephemeral: bool = False


@dataclass(frozen=True)
class Streamed:
    """A part whose text grows. ``id`` is unique within its message."""

    kind: str
    id: str
    fields: Mapping[str, str]


def size_bytes(part: Whole) -> int:
    """Give the size of a whole part as it counts against Ably's message limit, its headers' fixed rest left out."""
    # What is no text, the SDK sends as JSON in ASCII. Source: ably 3.1.4, ``Message.as_dict``.
    data = part.data if isinstance(part.data, str) else json.dumps(part.data)
    return len(data.encode()) + fields_bytes(part.fields)


def fields_bytes(fields: Mapping[str, str]) -> int:
    """Give the size of a part's fields, which stand on the channel twice: for the dialect, and in our tag."""
    values = (json.dumps(value, ensure_ascii=False) for value in fields.values())
    return 2 * (sum(map(len, fields)) + sum(len(value.encode()) for value in values))
