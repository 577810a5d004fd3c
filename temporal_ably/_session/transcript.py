"""A session as indented lines that a person reads at once and a test compares as a whole.

The rule of the file: equal stories give equal lines. What differs from run to run, as uuids, ids of
messages and times, is left out or counted.
"""

from __future__ import annotations

import json
import re
from collections import deque
from operator import itemgetter
from typing import TYPE_CHECKING

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
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from temporal_ably._session.model import Attempt, Message, Run, Session, Step
    from temporal_ably._wire.parts import Json, Status

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_INDENT = "  "
_OUTCOMES = {"output-denied": " denied", "approval-requested": " awaits approval", "approval-responded": " approved"}


def transcript(session: Session, *, width: int | None = None) -> list[str]:
    """Tell a session as lines: what users said, runs, steps, attempts (dead ones marked), messages and parts.

    What is not shown, as the old version of an edited message, is there too, marked as hidden.

    Args:
        session: the session.
        width: columns that no line exceeds, by leaving out its middle; ``None`` for whole lines.
    """
    hidden = session.hidden
    prompts = [each.message for each in session.inputs if each.message is not None and not each.run]
    told = [(message.serial, _said(message, hidden=message.id in hidden)) for message in prompts]
    told += [
        (run.serial, list(_run(run, place, hidden=run.id in hidden))) for place, run in enumerate(session.runs, start=1)
    ]
    # Of equal serials, as in a session without any, the order stays.
    lines = [line for _, found in sorted(told, key=itemgetter(0)) for line in found]
    return lines if width is None else [_shorten(line, width) for line in lines]


def _said(message: Message, *, hidden: bool = False) -> list[str]:
    """Tell a user's message: a line for its first part, and one for each of the others."""
    name = f"user {message.client_id}" if message.client_id else "user"
    first, *others = [_part(part) for part in message.parts] or [""]
    line = " ".join(filter(None, (name, first.removeprefix("text "))))
    return [line + (" (hidden)" if hidden else ""), *(f"{_INDENT}{other}" for other in others)]


def _shorten(line: str, width: int) -> str:
    if len(line) <= width:
        return line
    head = width // 2
    tail = max(width - head - 1, 0)
    return f"{line[:head]}…{line[len(line) - tail :]}"


def _run(run: Run, place: int, *, hidden: bool) -> Iterator[str]:
    name = str(place) if _UUID.search(run.id) else run.id
    error = f": {run.error}" if run.error else ""
    status = "open" if run.status == "active" else run.status
    yield f"run {name} {status}{error}" + (" (hidden)" if hidden else "")
    said = deque(message for message in run.messages if message.role == "user")
    for step in run.steps:
        opening = min(attempt.serial for attempt in step.attempts)
        while said and said[0].serial < opening:
            yield from _indented(iter(_said(said.popleft())))
        yield from _indented(_step(step))
    for message in said:
        yield from _indented(iter(_said(message)))


def _step(step: Step) -> Iterator[str]:
    attempt = step.canonical
    agent = f"(agent {attempt.agent})" if attempt.agent else ""
    yield " ".join(filter(None, ("step", _UUID.sub("…", step.id), attempt.activity_type, agent)))
    for each in step.attempts:
        yield from _indented(_attempt(each))


def _attempt(attempt: Attempt) -> Iterator[str]:
    dead = attempt.superseded_by is not None
    state = attempt.ended or ("never ended" if dead else "open")
    by = f", superseded by attempt {attempt.superseded_by}" if dead else ""
    zombie = " (a zombie)" if attempt.why_dead.endswith("(a zombie)") else ""
    yield f"attempt {attempt.number} {state}{by}{zombie}"
    if len(attempt.messages) == 1:
        yield from _indented(_parts(attempt.messages[0]))
        return
    for place, message in enumerate(attempt.messages, start=1):
        yield f"{_INDENT}message {place}"
        yield from _indented(_indented(_parts(message)))


def _parts(message: Message) -> Iterator[str]:
    for place, part in enumerate(message.parts):
        # Every message begins with one.
        if place or not isinstance(part, StepStartPart):
            yield _part(part)


def _part(part: Part) -> str:
    if isinstance(part, TextPart | ReasoningPart):
        return f"{part.type} {_json(part.text)}{_remarks(part.status, part.missing)}"
    if isinstance(part, ToolPart):
        return _tool(part)
    if isinstance(part, FilePart):
        return f"file {part.media_type} {part.url}"
    if isinstance(part, DataPart):
        return part.type + (f" {part.id}" if part.id is not None else "") + f" {_json(part.data)}"
    return part.type if isinstance(part, StepStartPart) else _source(part)


def _source(part: SourceUrlPart | SourceDocumentPart) -> str:
    if isinstance(part, SourceUrlPart):
        return f"source {part.url}" + (f" {_json(part.title)}" if part.title else "")
    return f"source {part.media_type} {_json(part.title)}" + (f" {part.filename}" if part.filename else "")


def _tool(part: ToolPart) -> str:
    call = f"tool {part.name}" + (f" {_json(part.input)}" if "input" in part.values else "")
    return call + _remarks(part.status, part.missing) + _outcome(part)


def _outcome(part: ToolPart) -> str:
    if part.state == "output-available":
        return f" -> {_json(part.output)}" + (" (preliminary)" if part.preliminary else "")
    if part.state == "output-error":
        return f" failed: {part.error}"
    return _OUTCOMES.get(part.state, "")


def _remarks(status: Status, missing: int) -> str:
    remarks: list[str] = [] if status == "complete" else [status]
    if missing:
        remarks.append(f"{missing} character{'' if missing == 1 else 's'} missing")
    return f" ({', '.join(remarks)})" if remarks else ""


def _json(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _indented(lines: Iterator[str]) -> Iterator[str]:
    return (f"{_INDENT}{line}" for line in lines)
