"""Messages that a client hands over as a whole: the copy of a run that the result of a tool begins its own run with.

The rule of the file: it reads what a stock client wrote, part by part; what is malformed is left out.

Source: @ably/ai-transport 0.8.0, ``src/vercel/codec/wire-data.ts``, ``readForkSeedWireData``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, get_args

from temporal_ably._session.parts import (
    DataPart,
    FilePart,
    Part,
    ReasoningPart,
    SourceDocumentPart,
    SourceUrlPart,
    StepStartPart,
    TextPart,
    ToolPart,
    ToolState,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from temporal_ably._session.model import Message
    from temporal_ably._wire.parts import Json

_OPTIONS = ("title", "providerExecuted")
_VALUES = ("input", "output", "errorText", "preliminary", "approval")


@dataclass(frozen=True)
class Seed:
    """A message of the copy. ``id`` is its own, not that of what it copies."""

    id: str
    ui_id: str
    by_user: bool
    parts: tuple[Part, ...]
    metadata: Json = None


def read_seeds(data: Json, serial: str) -> tuple[Seed, ...]:
    """Read the copy that came along with the result of a tool.

    Args:
        data: the payload of the result.
        serial: that of its message, which brings all parts.
    """
    seed = data.get("forkSeed") if isinstance(data, dict) else None
    listed = seed.get("messages") if isinstance(seed, dict) else None
    found = (_seed(each, serial) for each in listed) if isinstance(listed, list) else ()
    return tuple(each for each in found if each is not None)


def genuine(seeds: Sequence[Seed], originals: Sequence[Message], serial: str) -> tuple[Seed, ...]:
    """Give copies as they should be: what they say comes from what they are copies of.

    Args:
        seeds: the copies, as a client made them.
        originals: all messages that may be copied. What is a copy of none of them is left out.
        serial: that of the message which brings the copies.
    """
    known = {(message.ui_id, message.role == "user"): message for message in originals}
    found = ((seed, known.get((seed.ui_id, seed.by_user))) for seed in seeds)
    return tuple(
        replace(seed, parts=tuple(replace(part, serial=serial) for part in original.parts), metadata=original.metadata)
        for seed, original in found
        if original is not None
    )


def _seed(value: Json, serial: str) -> Seed | None:
    entry = value if isinstance(value, dict) else {}
    seed_id, message = entry.get("codecMessageId"), entry.get("message")
    parts = message.get("parts") if isinstance(message, dict) else None
    if not isinstance(seed_id, str) or not isinstance(message, dict) or not isinstance(parts, list):
        return None
    ui_id = message.get("id")
    by_user = message.get("role") == "user"
    read = tuple(_parts(parts, serial))
    return Seed(seed_id, ui_id if isinstance(ui_id, str) else seed_id, by_user, read, message.get("metadata"))


def _parts(values: list[Json], serial: str) -> Iterator[Part]:
    for value in values:
        part = _part(value, serial) if isinstance(value, dict) else None
        if part is not None:
            yield part


def _part(value: dict[str, Json], serial: str) -> Part | None:
    kind = _text(value, "type")
    if kind == "dynamic-tool" or kind.startswith("tool-"):
        return _tool(value, kind, serial)
    if kind.startswith("data-"):
        return DataPart(serial, kind, _option(value, "id"), value.get("data"))
    return _MADE[kind](value, serial) if kind in _MADE else None


def _source_url(value: dict[str, Json], serial: str) -> SourceUrlPart:
    return SourceUrlPart(serial, _text(value, "sourceId"), _text(value, "url"), _option(value, "title"))


def _source_document(value: dict[str, Json], serial: str) -> SourceDocumentPart:
    source_id, media_type, title = (_text(value, name) for name in ("sourceId", "mediaType", "title"))
    return SourceDocumentPart(serial, source_id, media_type, title, _option(value, "filename"))


_MADE: dict[str, Callable[[dict[str, Json], str], Part]] = {
    "text": lambda value, serial: TextPart(serial, _text(value, "text")),
    "reasoning": lambda value, serial: ReasoningPart(serial, _text(value, "text")),
    "step-start": lambda value, serial: StepStartPart(serial),
    "file": lambda value, serial: FilePart(serial, _text(value, "mediaType"), _text(value, "url")),
    "source-url": _source_url,
    "source-document": _source_document,
}


def _tool(value: dict[str, Json], kind: str, serial: str) -> ToolPart | None:
    state = next((each for each in get_args(ToolState) if each == value.get("state")), None)
    call_id = value.get("toolCallId")
    if state is None or not isinstance(call_id, str):
        return None
    dynamic = kind == "dynamic-tool"
    name = _text(value, "toolName") if dynamic else kind.removeprefix("tool-")
    options = {key: value[key] for key in _OPTIONS if value.get(key) is not None}
    values = {key: value[key] for key in _VALUES if key in value}
    return ToolPart(serial, call_id, name, state, dynamic=dynamic, options=options, values=values)


def _option(value: dict[str, Json], name: str) -> str | None:
    found = value.get(name)
    return found if isinstance(found, str) else None


def _text(value: dict[str, Json], name: str) -> str:
    return _option(value, name) or ""
