"""AI Transport 0.8: names, headers and framing.

The rule of the file: it alone knows this dialect. ``encode`` turns a neutral event into a channel
message, ``decode`` turns one back. Every message repeats all its headers, because an append or
update replaces the whole of ``extras``.

Source: @ably/ai-transport 0.8.0, ``src/constants.ts``, ``src/core/transport/headers.ts``,
``src/core/transport/run-step-writer.ts``, ``src/core/codec/encoder.ts``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast, get_args

from temporal_ably._wire.events import (
    Event,
    PartEmitted,
    PartText,
    Run,
    RunClosed,
    RunOpened,
    RunReason,
    Step,
    StepClosed,
    StepOpened,
    StepReason,
)
from temporal_ably._wire.operations import Message
from temporal_ably._wire.parts import Json, Status, Streamed, Whole
from temporal_ably.errors import DecodeError

RUN_START = "ai-run-start"
RUN_END = "ai-run-end"
STEP_START = "ai-step-start"
STEP_END = "ai-step-end"
OUTPUT = "ai-output"

# The code that a stock client assumes for a run that failed without one (src/errors.ts, StreamError).
STREAM_ERROR = "104008"


def run_start_id(run: str) -> str:
    """Give the idempotency id of a run's opening: the same in every process."""
    return f"{run}/start"


def run_end_id(run: str) -> str:
    """Give the idempotency id of a run's end: the same in every process."""
    return f"{run}/end"


def encode(event: Event) -> Message:
    """Frame an event as a channel message, without an id and without tags."""
    if isinstance(event, RunOpened):
        return _message(RUN_START, _run_headers(event.run) | {"parent": event.run.parent})
    if isinstance(event, RunClosed):
        return _message(RUN_END, _run_headers(event.run) | _end_headers(event))
    if isinstance(event, StepOpened):
        return _message(STEP_START, _step_headers(event.step))
    if isinstance(event, StepClosed):
        headers = {"step-start-serial": event.step.serial, "step-reason": event.reason}
        return _message(STEP_END, _step_headers(event.step) | headers)
    return _encode_part(event)


def _encode_part(event: PartEmitted | PartText) -> Message:
    headers = _step_headers(event.step) | {
        "role": "assistant",
        "codec-message-id": event.message_id,
        "parent": event.step.run.parent,
        "step-start-serial": event.step.serial,
    }
    codec = {"kind": event.part.kind, **event.part.fields}
    if isinstance(event, PartEmitted):
        message = _message(OUTPUT, headers | {"stream": "false"}, codec, event.part.data)
        return replace(message, extras={**message.extras, "ephemeral": True}) if event.part.ephemeral else message
    headers |= {"stream": "true", "status": event.status, "stream-id": event.part.id}
    return _message(OUTPUT, headers, codec, event.text)


def _message(name: str, transport: dict[str, str], codec: dict[str, str] | None = None, data: Json = None) -> Message:
    tiers = {"transport": transport, "codec": codec} if codec else {"transport": transport}
    return Message(name, data, {"ai": tiers})


def _run_headers(run: Run) -> dict[str, str]:
    # One wake-up a run: the run and the invocation are the same. No input, so the owner is unknown.
    return {"run-id": run.id, "invocation-id": run.id, "run-client-id": ""}


def _step_headers(step: Step) -> dict[str, str]:
    return _run_headers(step.run) | {"step-id": step.id, "step-client-id": ""}


def _end_headers(event: RunClosed) -> dict[str, str]:
    headers = {"run-reason": event.reason}
    if event.reason == "error":
        headers |= {"error-code": STREAM_ERROR, "error-message": event.error or "the agent failed"}
    return headers


def transport_headers(extras: object) -> Mapping[str, str]:
    """Read the transport headers of a message, empty where it is not of this dialect."""
    return _tier(extras, "transport")


def _tier(extras: object, name: str) -> Mapping[str, str]:
    ai = _mapping(extras).get("ai")
    tier = _mapping(_mapping(ai).get(name))
    return {header: value for header, value in tier.items() if isinstance(value, str)}


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def decode(message: Message, serial: str) -> Event | None:
    """Read a channel message.

    Args:
        message: the message as it was delivered.
        serial: its serial; for a step's opening it becomes the serial of the attempt.

    Returns:
        The event, or ``None`` for a message that is not an agent's.

    Raises:
        DecodeError: if an agent's message lacks a header that its name requires.
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
    step, message_id = _step(headers), headers["codec-message-id"]
    if headers.get("stream") != "true":
        ephemeral = _mapping(message.extras).get("ephemeral") is True
        return PartEmitted(step, message_id, Whole(kind, fields, message.data, ephemeral))
    status = cast("Status", _closed_set(headers["status"], Status))
    text = message.data if isinstance(message.data, str) else ""
    return PartText(step, message_id, Streamed(kind, headers["stream-id"], fields), text, status)


_DECODERS = {
    RUN_START: _decode_run_start,
    RUN_END: _decode_run_end,
    STEP_START: _decode_step_start,
    STEP_END: _decode_step_end,
    OUTPUT: _decode_output,
}


def _run(headers: Mapping[str, str]) -> Run:
    return Run(headers["run-id"], headers.get("parent", ""))


def _step(headers: Mapping[str, str]) -> Step:
    return Step(_run(headers), headers.get("step-id", ""), headers.get("step-start-serial", ""))


def _closed_set(value: str, literal: object) -> str:
    if value not in get_args(literal):
        raise DecodeError(f"unable to read a message; {value!r} is none of {get_args(literal)}; skip the message")
    return value
