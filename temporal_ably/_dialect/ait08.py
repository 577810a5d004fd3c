"""AI Transport 0.8: names, headers and framing.

The rule of the file: it alone knows this dialect. ``encode`` turns a neutral event into a channel
message, ``decode`` turns one back. Every message repeats all its headers, because an append or
update replaces the whole of ``extras``.

Source: @ably/ai-transport 0.8.0, ``src/constants.ts``, ``src/core/transport/headers.ts``,
``src/core/transport/run-step-writer.ts``, ``src/core/codec/encoder.ts``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, cast, get_args

from temporal_ably._wire.events import (
    CancelRequested,
    Event,
    Input,
    PartEmitted,
    PartText,
    Run,
    RunClosed,
    RunOpened,
    RunReason,
    RunResumed,
    RunSuspended,
    Step,
    StepClosed,
    StepOpened,
    StepReason,
)
from temporal_ably._wire.operations import Message
from temporal_ably._wire.parts import Json, Status, Streamed, Whole
from temporal_ably.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterable

RUN_START = "ai-run-start"
RUN_SUSPEND = "ai-run-suspend"
RUN_RESUME = "ai-run-resume"
RUN_END = "ai-run-end"
STEP_START = "ai-step-start"
STEP_END = "ai-step-end"
OUTPUT = "ai-output"
INPUT = "ai-input"
CANCEL = "ai-cancel"

_STEERS = "steer-codec-message-ids"

# The code that a stock client assumes for a run that failed without one (src/errors.ts, StreamError).
STREAM_ERROR = "104008"


def run_start_id(run: Run) -> str:
    """Give the idempotency id of a run's opening, first or later: the same in every process."""
    return f"{run.id}/resume/{run.invocation}" if run.invocation else f"{run.id}/start"


def run_suspend_id(run: Run) -> str:
    """Give the idempotency id of a run's suspension: the same in every process."""
    return f"{run.id}/suspend/{run.invocation}"


def run_end_id(run: Run) -> str:
    """Give the idempotency id of a run's end: the same in every process."""
    return f"{run.id}/end"


def encode(event: Event) -> Message:
    """Frame an event as a channel message, without an id and without tags."""
    match event:
        case RunOpened() | RunSuspended() | RunResumed() | RunClosed():
            return _encode_run(event)
        case StepOpened(step):
            return _message(STEP_START, _step_headers(step))
        case StepClosed(step, reason):
            headers = {"step-start-serial": step.serial, "step-reason": reason}
            return _message(STEP_END, _step_headers(step) | headers)
        case PartEmitted() | PartText():
            return _encode_part(event)
        case Input():
            return _encode_input(event)
        case CancelRequested(event_id, run, input_id):
            named = {"run-id": run, "input-codec-message-id": input_id}
            return _message(CANCEL, {"event-id": event_id} | _present(named))


def _encode_run(event: RunOpened | RunSuspended | RunResumed | RunClosed) -> Message:
    headers = _run_headers(event.run) | _input_headers(event.run)
    match event:
        case RunOpened(run):
            return _message(RUN_START, headers | _place_headers(run))
        case RunSuspended():
            return _message(RUN_SUSPEND, headers)
        case RunResumed():
            return _message(RUN_RESUME, headers)
        case RunClosed():
            return _message(RUN_END, headers | _end_headers(event))


def _encode_part(event: PartEmitted | PartText) -> Message:
    step = event.step
    headers = _step_headers(step) | {
        "role": "assistant",
        "codec-message-id": event.message_id,
        **_place_headers(step.run),
        "step-start-serial": step.serial,
    }
    if step.answers:
        headers |= _input_headers(step.run)
    if event.steers:
        headers[_STEERS] = json.dumps(event.steers, separators=(",", ":"))
    codec = {"kind": event.part.kind, **event.part.fields}
    if isinstance(event, PartEmitted):
        message = _message(OUTPUT, headers | {"stream": "false"}, codec, event.part.data)
        return replace(message, extras={**message.extras, "ephemeral": True}) if event.part.ephemeral else message
    headers |= {"stream": "true", "status": event.status, "stream-id": event.part.id}
    return _message(OUTPUT, headers, codec, event.text)


def _encode_input(event: Input) -> Message:
    optional = {
        "run-id": event.run,
        "parent": event.parent,
        "fork-of": event.fork_of,
        "msg-regenerate": event.regenerates,
        "supersedes": event.supersedes,
        "run-client-id": event.client_id,
    }
    headers = {"role": event.role, "codec-message-id": event.id, "event-id": event.event_id, "stream": "false"}
    part = event.part or Whole("", {}, "")
    return _message(INPUT, headers | _present(optional), {"kind": part.kind, **part.fields}, part.data)


def _message(name: str, transport: dict[str, str], codec: dict[str, str] | None = None, data: Json = None) -> Message:
    transport = {header: _sendable(value) for header, value in transport.items()}
    tiers = {"transport": transport, "codec": codec} if codec else {"transport": transport}
    return Message(name, data, {"ai": tiers})


def _sendable(text: str) -> str:
    # Half a surrogate pair in what a client calls itself would stop everything that is sent.
    return text if text.isascii() else text.encode(errors="replace").decode()


def _run_headers(run: Run) -> dict[str, str]:
    # An owner that is unknown is empty, not absent.
    return {"run-id": run.id, "invocation-id": run.invocation or run.id, "run-client-id": run.client_id}


def _input_headers(run: Run) -> dict[str, str]:
    return _present({"input-codec-message-id": run.input_id, "input-client-id": run.input_client_id})


def _place_headers(run: Run) -> dict[str, str]:
    return _present({"parent": run.parent, "fork-of": run.fork_of, "msg-regenerate": run.regenerates})


def _step_headers(step: Step) -> dict[str, str]:
    run = step.run
    asked = _present({"input-client-id": run.input_client_id})
    return _run_headers(run) | asked | {"step-id": step.id, "step-client-id": run.input_client_id}


def _present(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if value}


def _end_headers(event: RunClosed) -> dict[str, str]:
    headers = {"run-reason": event.reason}
    if event.reason == "error":
        headers |= {"error-code": STREAM_ERROR, "error-message": event.error or "the agent failed"}
    return headers


def transport_headers(extras: object) -> Mapping[str, str]:
    """Read the transport headers of a message, empty where it is not of this dialect."""
    return _tier(extras, "transport")


def heeds(extras: object) -> bool:
    """Tell, without reading more of it, whether a message heeds what users said meanwhile."""
    return _STEERS in transport_headers(extras)


def _tier(extras: object, name: str) -> Mapping[str, str]:
    ai = _mapping(extras).get("ai")
    tier = _mapping(_mapping(ai).get(name))
    items = cast("Iterable[tuple[object, object]]", tier.items())
    return {header: value for header, value in items if isinstance(header, str) and isinstance(value, str)}


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def decode(message: Message, serial: str) -> Event | None:
    """Read a channel message.

    Args:
        message: the message as it was delivered.
        serial: its serial; for a step's opening it becomes the serial of the attempt.

    Returns:
        The event, or ``None`` for a message that is none of a session.

    Raises:
        DecodeError: if a message of a session lacks a header that its name requires.
    """
    headers = transport_headers(message.extras)
    # Ably leaves the name out of an append, and only outputs are appended to.
    name = message.name or (OUTPUT if "codec-message-id" in headers else "")
    if name not in _DECODERS or not headers:
        return None
    try:
        return _DECODERS[name](message, headers, serial)
    except KeyError as err:
        raise DecodeError(f"unable to read {name} {serial}; header {err} is absent; skip the message") from err


def _decode_run_start(message: Message, headers: Mapping[str, str], serial: str) -> Event:
    del message, serial
    return RunOpened(_run(headers))


def _decode_run_suspend(message: Message, headers: Mapping[str, str], serial: str) -> Event:
    del message, serial
    return RunSuspended(_run(headers))


def _decode_run_resume(message: Message, headers: Mapping[str, str], serial: str) -> Event:
    del message, serial
    return RunResumed(_run(headers))


def _decode_run_end(message: Message, headers: Mapping[str, str], serial: str) -> Event:
    del message, serial
    reason = _closed_set(headers.get("run-reason", "complete"), RunReason)
    return RunClosed(_run(headers), cast("RunReason", reason), headers.get("error-message"))


def _decode_step_start(message: Message, headers: Mapping[str, str], serial: str) -> Event:
    del message
    return StepOpened(Step(_run(headers), headers["step-id"], serial))


def _decode_step_end(message: Message, headers: Mapping[str, str], serial: str) -> Event:
    del message, serial
    reason = _closed_set(headers["step-reason"], StepReason)
    return StepClosed(_step(headers), cast("StepReason", reason))


def _decode_output(message: Message, headers: Mapping[str, str], serial: str) -> Event:
    del serial
    fields = dict(_tier(message.extras, "codec"))
    kind = fields.pop("kind")
    step = replace(_step(headers), answers="input-codec-message-id" in headers)
    message_id, steers = headers["codec-message-id"], _steers(headers)
    if headers.get("stream") != "true":
        ephemeral = _mapping(message.extras).get("ephemeral") is True
        return PartEmitted(step, message_id, Whole(kind, fields, message.data, ephemeral), steers)
    status = cast("Status", _closed_set(headers["status"], Status))
    text = message.data if isinstance(message.data, str) else ""
    return PartText(step, message_id, Streamed(kind, headers["stream-id"], fields), text, status, steers)


def _steers(headers: Mapping[str, str]) -> tuple[str, ...]:
    text = headers.get(_STEERS)
    try:
        read: object = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return ()
    listed = cast("list[object]", read) if isinstance(read, list) else []
    return tuple(each for each in listed if isinstance(each, str))


def _decode_input(message: Message, headers: Mapping[str, str], serial: str) -> Event:
    del serial
    fields = dict(_tier(message.extras, "codec"))
    kind = fields.pop("kind", "")
    return Input(
        id=headers["codec-message-id"],
        event_id=headers.get("event-id", ""),
        role=headers.get("role", "user"),
        client_id=headers.get("run-client-id", ""),
        run=headers.get("run-id", ""),
        parent=headers.get("parent", ""),
        fork_of=headers.get("fork-of", ""),
        regenerates=headers.get("msg-regenerate", ""),
        supersedes=headers.get("supersedes", ""),
        part=Whole(kind, fields, message.data) if kind else None,
    )


def _decode_cancel(message: Message, headers: Mapping[str, str], serial: str) -> Event:
    del message, serial
    return CancelRequested(
        headers.get("event-id", ""), headers.get("run-id", ""), headers.get("input-codec-message-id", "")
    )


_DECODERS = {
    RUN_START: _decode_run_start,
    RUN_SUSPEND: _decode_run_suspend,
    RUN_RESUME: _decode_run_resume,
    RUN_END: _decode_run_end,
    STEP_START: _decode_step_start,
    STEP_END: _decode_step_end,
    OUTPUT: _decode_output,
    INPUT: _decode_input,
    CANCEL: _decode_cancel,
}


def _run(headers: Mapping[str, str]) -> Run:
    run_id, invocation = headers["run-id"], headers.get("invocation-id", "")
    return Run(
        id=run_id,
        parent=headers.get("parent", ""),
        client_id=headers.get("run-client-id", ""),
        input_id=headers.get("input-codec-message-id", ""),
        input_client_id=headers.get("input-client-id", ""),
        fork_of=headers.get("fork-of", ""),
        regenerates=headers.get("msg-regenerate", ""),
        invocation="" if invocation == run_id else invocation,
    )


def _step(headers: Mapping[str, str]) -> Step:
    return Step(_run(headers), headers.get("step-id", ""), headers.get("step-start-serial", ""))


def _closed_set(value: str, literal: object) -> str:
    if value not in get_args(literal):
        raise DecodeError(f"unable to read a message; {value!r} is none of {get_args(literal)}; skip the message")
    return value
