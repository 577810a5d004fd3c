"""Parts: what a codec makes of a model's chunks, before any dialect frames it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Union

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = Union[str, int, float, bool, None, "list[Json]", "dict[str, Json]"]
Status = Literal["streaming", "complete", "cancelled"]


@dataclass(frozen=True)
class Whole:
    """A part that is published at once. ``fields``: header names to values, all strings."""

    kind: str
    fields: Mapping[str, str]
    data: Json = ""


@dataclass(frozen=True)
class Streamed:
    """A part whose text grows. ``id`` is unique within its message."""

    kind: str
    id: str
    fields: Mapping[str, str]
