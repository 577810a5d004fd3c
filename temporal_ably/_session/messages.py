"""Parts on the wire in, chat messages out.

The rule of the file: entries are folded in the order of their serials, each with its whole text, as
if the stock client had loaded them from history. What finds no place is dropped.

Source: @ably/ai-transport 0.8.0, ``src/vercel/codec/reducer.ts``, ``fold-*.ts``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, cast

from temporal_ably._session.model import Message
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
from temporal_ably.codec.fields import read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from temporal_ably._session.record import Entry
    from temporal_ably._wire.parts import Json
    from temporal_ably.envelope import EnvelopePart


def compose(entries: Iterable[Entry]) -> tuple[Message, ...]:
    """Fold the parts of a run, or of one attempt, into messages.

    Args:
        entries: of parts, in the order of their serials.
    """
    composer = _Composer()
    for entry in entries:
        if entry.envelope.part is not None and entry.envelope.message_id:
            composer.add(entry, entry.envelope.part)
    return composer.messages


@dataclass
class _Draft:
    """A message in the making. ``calls``: the place of each tool call among the parts."""

    id: str
    serial: str
    ui_id: str
    parts: list[Part] = field(default_factory=list[Part])
    calls: dict[str, int] = field(default_factory=dict[str, int])
    metadata: Json = None

    def call(self, call_id: str) -> ToolPart | None:
        """Find a tool call."""
        return cast("ToolPart", self.parts[self.calls[call_id]]) if call_id in self.calls else None

    def place_call(self, part: ToolPart) -> None:
        """Add a tool call at the end."""
        self.calls[part.call_id] = len(self.parts)
        self.parts.append(part)

    def move_call(self, call: ToolPart, state: ToolState, values: dict[str, Json]) -> None:
        """Bring a tool call into another state; only its input stays."""
        kept: dict[str, Json] = {"input": call.input} if "input" in call.values else {}
        self.parts[self.calls[call.call_id]] = replace(call, state=state, values=kept | values)


class _Composer:
    def __init__(self) -> None:
        self._drafts: dict[str, _Draft] = {}

    @property
    def messages(self) -> tuple[Message, ...]:
        return tuple(
            Message(draft.id, draft.serial, draft.ui_id, tuple(draft.parts), draft.metadata)
            for draft in self._drafts.values()
        )

    def add(self, entry: Entry, part: EnvelopePart) -> None:
        if part.kind.startswith("data-"):
            self._data(entry, part)
        elif part.kind in self._folds:
            self._folds[part.kind](self, entry, part)

    def _draft(self, entry: Entry) -> _Draft:
        message_id = entry.envelope.message_id
        return self._drafts.setdefault(message_id, _Draft(message_id, entry.serial, message_id))

    def _start(self, entry: Entry, part: EnvelopePart) -> None:
        draft = self._draft(entry)
        draft.ui_id = _text(part, "messageId", draft.ui_id)
        self._metadata(entry, part)

    def _metadata(self, entry: Entry, part: EnvelopePart) -> None:
        draft = self._drafts.get(entry.envelope.message_id)
        metadata = _field(part, "messageMetadata")
        if draft is not None and metadata is not None:
            draft.metadata = metadata

    def _step_start(self, entry: Entry, part: EnvelopePart) -> None:
        del part
        self._draft(entry).parts.append(StepStartPart(entry.serial))

    def _text(self, entry: Entry, part: EnvelopePart) -> None:
        made = TextPart if part.kind == "text" else ReasoningPart
        self._draft(entry).parts.append(made(entry.serial, entry.text, part.status or "complete", entry.missing))

    def _tool_input(self, entry: Entry, part: EnvelopePart) -> None:
        complete = part.status in (None, "complete")
        values = _present(input=entry.data) if part.status is None else _parsed(entry.text, complete=complete)
        call = _call(entry, part, "input-available" if complete else "input-streaming", values)
        self._draft(entry).place_call(replace(call, status=part.status or "complete", missing=entry.missing))

    def _tool_input_error(self, entry: Entry, part: EnvelopePart) -> None:
        draft, data = self._draft(entry), _object(entry.data)
        values: dict[str, Json] = {"errorText": _error(data)} | ({"input": data["input"]} if "input" in data else {})
        call = draft.call(_text(part, "toolCallId"))
        if call is None:
            draft.place_call(_call(entry, part, "output-error", values))
        else:
            # Unlike an output, it brings the input itself.
            draft.parts[draft.calls[call.call_id]] = replace(call, state="output-error", values=values)

    def _tool_output(self, entry: Entry, part: EnvelopePart) -> None:
        data = _object(entry.data)
        output: dict[str, Json] = {"output": data["output"]} if "output" in data else {}
        self._settle(part, "output-available", output | _present(preliminary=_field(part, "preliminary")))

    def _tool_error(self, entry: Entry, part: EnvelopePart) -> None:
        self._settle(part, "output-error", {"errorText": _error(_object(entry.data))})

    def _settle(self, part: EnvelopePart, state: ToolState, values: dict[str, Json]) -> None:
        """Land on a call anywhere in the run: a tool may run in another step than the one that called it."""
        call_id = _text(part, "toolCallId")
        for draft in self._drafts.values():
            call = draft.call(call_id)
            if call is not None:
                draft.move_call(call, state, values)
                return

    def _denied(self, entry: Entry, part: EnvelopePart) -> None:
        self._approve(entry, part, "output-denied", {"id": "", "approved": False})

    def _approval(self, entry: Entry, part: EnvelopePart) -> None:
        self._approve(entry, part, "approval-requested", {"id": _text(part, "approvalId")})

    def _approve(self, entry: Entry, part: EnvelopePart, state: ToolState, approval: dict[str, Json]) -> None:
        draft = self._draft(entry)
        call = draft.call(_text(part, "toolCallId"))
        if call is not None:
            draft.move_call(call, state, {"approval": approval})

    def _file(self, entry: Entry, part: EnvelopePart) -> None:
        self._draft(entry).parts.append(FilePart(entry.serial, _text(part, "mediaType"), _string(entry.data)))

    def _source_url(self, entry: Entry, part: EnvelopePart) -> None:
        source = SourceUrlPart(entry.serial, _text(part, "sourceId"), _string(entry.data), _option(part, "title"))
        self._draft(entry).parts.append(source)

    def _source_document(self, entry: Entry, part: EnvelopePart) -> None:
        source_id, media_type, title = (_text(part, name) for name in ("sourceId", "mediaType", "title"))
        source = SourceDocumentPart(entry.serial, source_id, media_type, title, _option(part, "filename"))
        self._draft(entry).parts.append(source)

    def _data(self, entry: Entry, part: EnvelopePart) -> None:
        if part.ephemeral or _field(part, "transient") is True:
            return
        parts = self._draft(entry).parts
        made = DataPart(entry.serial, part.kind, _option(part, "id"), entry.data)
        for place, earlier in enumerate(parts):
            if made.id is not None and isinstance(earlier, DataPart) and _same(earlier, made):
                parts[place] = replace(made, serial=earlier.serial)
                return
        parts.append(made)

    _folds: ClassVar[dict[str, Callable[[_Composer, Entry, EnvelopePart], None]]] = {
        "start": _start,
        "message-metadata": _metadata,
        "finish": _metadata,
        "start-step": _step_start,
        "text": _text,
        "reasoning": _text,
        "tool-input": _tool_input,
        "tool-input-error": _tool_input_error,
        "tool-output-available": _tool_output,
        "tool-output-error": _tool_error,
        "tool-output-denied": _denied,
        "tool-approval-request": _approval,
        "file": _file,
        "source-url": _source_url,
        "source-document": _source_document,
    }


def _same(one: DataPart, other: DataPart) -> bool:
    return (one.type, one.id) == (other.type, other.id)


def _call(entry: Entry, part: EnvelopePart, state: ToolState, values: dict[str, Json]) -> ToolPart:
    options = _present(title=_option(part, "title"), providerExecuted=_field(part, "providerExecuted"))
    dynamic = _field(part, "dynamic") is True
    call_id, name = _text(part, "toolCallId"), _text(part, "toolName")
    return ToolPart(entry.serial, call_id, name, state, dynamic=dynamic, options=options, values=values)


def _parsed(text: str, *, complete: bool) -> dict[str, Json]:
    value = read_json(text, None)
    if value is not None or text.strip() == "null":
        return {"input": value}
    return {"input": text} if complete and text else {}


def _field(part: EnvelopePart, name: str) -> Json:
    return cast("Json", part.fields.get(name))


def _option(part: EnvelopePart, name: str) -> str | None:
    value = part.fields.get(name)
    return value if isinstance(value, str) else None


def _text(part: EnvelopePart, name: str, otherwise: str = "") -> str:
    value = _option(part, name)
    return otherwise if value is None else value


def _string(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _error(data: dict[str, Json]) -> str:
    return _string(data.get("errorText"))


def _present(**values: Json) -> dict[str, Json]:
    return {name: value for name, value in values.items() if value is not None}
