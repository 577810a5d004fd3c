"""Parts on the wire in, chat messages out.

The rule of the file: entries are folded in the order of their serials, each with its whole text, as
if the stock client had loaded them from history. What finds no place is dropped, but what a client
says to a tool call waits for it: a step that is tried again may make the call anew.

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
from temporal_ably._session.places import is_said
from temporal_ably._session.seeds import genuine, read_seeds
from temporal_ably.codec.fields import read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from temporal_ably._session.model import Role
    from temporal_ably._session.record import Entry
    from temporal_ably._wire.parts import Json
    from temporal_ably.envelope import EnvelopePart

    Originals = Mapping[str, Sequence[Message]]


def compose(entries: Iterable[Entry], originals: Originals | None = None) -> tuple[Message, ...]:
    """Fold what was written to a run, or by one attempt, or said by a user, into messages.

    Args:
        entries: of parts and inputs, in the order of their serials.
        originals: for each result of a tool the messages that it may copy; ``None`` to believe each copy.
    """
    composer = _Composer(originals)
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
    role: Role = "assistant"
    client_id: str = ""
    parts: list[Part] = field(default_factory=list[Part])
    calls: dict[str, int] = field(default_factory=dict[str, int])
    metadata: Json = None

    @property
    def message(self) -> Message:
        """The message as it stands."""
        return Message(
            self.id, self.serial, self.ui_id, tuple(self.parts), self.metadata, self.role, client_id=self.client_id
        )

    def call(self, call_id: str) -> ToolPart | None:
        """Find a tool call."""
        return cast("ToolPart", self.parts[self.calls[call_id]]) if call_id in self.calls else None

    def place(self, part: Part) -> None:
        """Add a part at the end."""
        if isinstance(part, ToolPart):
            self.calls[part.call_id] = len(self.parts)
        self.parts.append(part)

    def move_call(self, call: ToolPart, state: ToolState, values: dict[str, Json]) -> None:
        """Bring a tool call into another state; only its input stays."""
        kept: dict[str, Json] = {"input": call.input} if "input" in call.values else {}
        self.parts[self.calls[call.call_id]] = replace(call, state=state, values=kept | values)


@dataclass(frozen=True)
class _Answer:
    """What a client says to a tool call of one message."""

    message_id: str
    call_id: str
    state: ToolState
    values: dict[str, Json]

    def land(self, drafts: Mapping[str, _Draft]) -> bool:
        """Land on the call, if it is there."""
        draft = drafts.get(self.message_id)
        call = draft.call(self.call_id) if draft is not None else None
        if draft is None or call is None:
            return False
        draft.move_call(call, self.state, self._asked(call) if self.state == "approval-responded" else self.values)
        return True

    def _asked(self, call: ToolPart) -> dict[str, Json]:
        approval_id = _object(call.approval).get("id", "")
        return {"approval": {"id": approval_id, **_object(self.values["approval"])}}


def _result(entry: Entry, part: EnvelopePart) -> tuple[ToolState, dict[str, Json]]:
    del part
    data = _object(entry.data)
    return "output-available", ({"output": data["output"]} if "output" in data else {})


def _result_error(entry: Entry, part: EnvelopePart) -> tuple[ToolState, dict[str, Json]]:
    del part
    return "output-error", {"errorText": _string(_object(entry.data).get("message"))}


def _approval_response(entry: Entry, part: EnvelopePart) -> tuple[ToolState, dict[str, Json]]:
    del entry
    if _field(part, "approved") is not True:
        return "output-denied", {"approval": {"id": "", "approved": False}}
    return "approval-responded", {"approval": {"approved": True, **_present(reason=_option(part, "reason"))}}


class _Composer:
    def __init__(self, originals: Originals | None) -> None:
        self._originals = originals
        self._drafts: dict[str, _Draft] = {}
        # Answers to calls that are not there yet.
        self._waiting: list[_Answer] = []

    @property
    def messages(self) -> tuple[Message, ...]:
        return tuple(draft.message for draft in self._drafts.values())

    def add(self, entry: Entry, part: EnvelopePart) -> None:
        if entry.envelope.event == "input":
            self._input(entry, part)
        elif part.kind.startswith("data-"):
            self._data(entry, part)
        elif part.kind in self._folds:
            self._folds[part.kind](self, entry, part)
        self._waiting = [answer for answer in self._waiting if not answer.land(self._drafts)]

    def _draft(self, entry: Entry, role: Role = "assistant") -> _Draft:
        message_id = entry.envelope.message_id
        found = self._drafts.get(message_id)
        if found is None:
            found = _Draft(message_id, entry.serial, message_id, role, entry.envelope.client_id)
            self._drafts[message_id] = found
        return found

    def _input(self, entry: Entry, part: EnvelopePart) -> None:
        if is_said(entry.envelope):
            self._said(entry, part)
        elif part.kind in self._answers:
            state, values = self._answers[part.kind](entry, part)
            if not entry.envelope.session_run:
                self._seed(entry)
            self._waiting.append(_Answer(entry.envelope.message_id, _text(part, "toolCallId"), state, values))

    def _said(self, entry: Entry, part: EnvelopePart) -> None:
        draft = self._draft(entry, "user")
        draft.ui_id = _text(part, "messageId", draft.ui_id)
        if part.kind == "text":
            draft.place(TextPart(entry.serial, entry.text))
        elif part.kind == "file":
            draft.place(FilePart(entry.serial, _text(part, "mediaType"), _string(entry.data)))
        else:
            draft.place(DataPart(entry.serial, part.kind, _option(part, "id"), entry.data))

    def _seed(self, entry: Entry) -> None:
        message_id = entry.envelope.message_id
        if message_id in self._drafts:
            return
        seeds = read_seeds(entry.data, entry.serial)
        if self._originals is not None:
            seeds = genuine(seeds, self._originals.get(message_id, ()), entry.serial)
        for seed in seeds:
            if seed.id not in self._drafts:
                role: Role = "user" if seed.by_user else "assistant"
                draft = _Draft(seed.id, entry.serial, seed.ui_id, role, metadata=seed.metadata)
                for part in seed.parts:
                    draft.place(part)
                self._drafts[seed.id] = draft

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
        self._draft(entry).place(StepStartPart(entry.serial))

    def _text(self, entry: Entry, part: EnvelopePart) -> None:
        made = TextPart if part.kind == "text" else ReasoningPart
        self._draft(entry).place(made(entry.serial, entry.text, part.status or "complete", entry.missing))

    def _tool_input(self, entry: Entry, part: EnvelopePart) -> None:
        complete = part.status in (None, "complete")
        values = _present(input=entry.data) if part.status is None else _parsed(entry.text, complete=complete)
        call = _call(entry, part, "input-available" if complete else "input-streaming", values)
        self._draft(entry).place(replace(call, status=part.status or "complete", missing=entry.missing))

    def _tool_input_error(self, entry: Entry, part: EnvelopePart) -> None:
        draft, data = self._draft(entry), _object(entry.data)
        values: dict[str, Json] = {"errorText": _error(data)} | ({"input": data["input"]} if "input" in data else {})
        call = draft.call(_text(part, "toolCallId"))
        if call is None:
            draft.place(_call(entry, part, "output-error", values))
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
        self._draft(entry).place(FilePart(entry.serial, _text(part, "mediaType"), _string(entry.data)))

    def _source_url(self, entry: Entry, part: EnvelopePart) -> None:
        source = SourceUrlPart(entry.serial, _text(part, "sourceId"), _string(entry.data), _option(part, "title"))
        self._draft(entry).place(source)

    def _source_document(self, entry: Entry, part: EnvelopePart) -> None:
        source_id, media_type, title = (_text(part, name) for name in ("sourceId", "mediaType", "title"))
        source = SourceDocumentPart(entry.serial, source_id, media_type, title, _option(part, "filename"))
        self._draft(entry).place(source)

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
    _answers: ClassVar[dict[str, Callable[[Entry, EnvelopePart], tuple[ToolState, dict[str, Json]]]]] = {
        "tool-result": _result,
        "tool-result-error": _result_error,
        "tool-approval-response": _approval_response,
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
