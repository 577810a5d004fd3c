"""Histories of a channel, written down as what their messages tell."""

from __future__ import annotations

from dataclasses import replace

from temporal_ably._dialect import ait08
from temporal_ably._transport.base import Stored
from temporal_ably._wire import tags
from temporal_ably._wire.events import Event, Input, PartEmitted, PartText, Run, RunSuspended, Step, StepOpened
from temporal_ably._wire.parts import Json, Streamed, Whole

FIRST = Run("R", "u1", client_id="alice", input_id="u1", input_client_id="alice")


def history(*events: Event | Stored) -> list[Stored]:
    """Give the history, newest first, of a channel that was told so; serials are `01`, `02` and so on."""
    return [_stored(event, f"{place:02}") for place, event in enumerate(events, start=1)][::-1]


def _stored(event: Event | Stored, serial: str) -> Stored:
    if isinstance(event, Stored):
        return replace(event, serial=serial)
    message = ait08.encode(event)
    publisher = "alice" if isinstance(event, Input) else "agent"
    return Stored(serial, message.name, message.data, message.extras, client_id=publisher)


def opened(run: Run = FIRST, step: str = ":0:1") -> StepOpened:
    """Give the opening of a step."""
    return StepOpened(Step(run, step))


def wrote(
    part: Whole | Streamed, run: Run = FIRST, *, serial: str = "02", step: str = ":0:1", answers: bool = True
) -> PartEmitted | PartText:
    """Give a part of the step that the message with the serial opened."""
    attempt = Step(run, step, serial, answers)
    message = f"{run.id}/{step}/0"
    if isinstance(part, Whole):
        return PartEmitted(attempt, message, part)
    return PartText(attempt, message, part, "", "complete")


def text() -> Streamed:
    return Streamed("text", "t", {"id": "t"})


def call(call_id: str = "c1", **fields: str) -> Whole:
    return Whole("tool-input", {"toolCallId": call_id, "toolName": "clock", **fields}, {})


def approval_request(call_id: str = "c1") -> Whole:
    return Whole("tool-approval-request", {"toolCallId": call_id, "approvalId": "a1"})


def outcome(call_id: str = "c1") -> Whole:
    return Whole("tool-output-available", {"toolCallId": call_id}, {"output": 12})


def suspended(run: Run = FIRST, reason: tags.Pause = "handed-over") -> Stored:
    message = ait08.encode(RunSuspended(run))
    extras = {**message.extras, "headers": tags.end_tags(reason)}
    return Stored("", message.name, message.data, extras, client_id="agent")


def approves(event_id: str = "e2", run: str = "R", target: str = "R/:0:1/0") -> Input:
    part = Whole("tool-approval-response", {"toolCallId": "c1", "approved": "true"})
    return Input(target, event_id, "user", client_id="alice", run=run, part=part)


def forks(event_id: str = "e2", hides: str = "R") -> Input:
    data: Json = {"output": 12}
    part = Whole("tool-result", {"toolCallId": "c1"}, data)
    return Input("f1", event_id, "assistant", client_id="alice", parent="u1", supersedes=hides, part=part)


def says(event_id: str, message: str, parent: str = "") -> Input:
    part = Whole("user-message", {"messageId": message, "partType": "text"}, "hello")
    return Input(message, event_id, "user", client_id="alice", parent=parent, part=part)
