"""Parts: what a codec makes of a model's chunks, before any dialect frames it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Union

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = Union[str, int, float, bool, None, "list[Json]", "dict[str, Json]"]
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
    """Give the size of a whole part as it counts against Ably's message limit, its headers' rest left out."""
    data = part.data if isinstance(part.data, str) else json.dumps(part.data, ensure_ascii=False)
    return len(data.encode()) + sum(len(name) + len(value.encode()) for name, value in part.fields.items())
