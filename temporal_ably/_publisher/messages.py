"""How an attempt's frames and parts look on the channel: dialect, tags, ids. Pure."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from temporal_ably._dialect import ait08
from temporal_ably._publisher.stream import CREATE
from temporal_ably._wire import tags
from temporal_ably._wire.events import (
    Event,
    PartEmitted,
    PartText,
    RunOpened,
    RunResumed,
    Step,
    StepClosed,
    StepOpened,
    StepReason,
)
from temporal_ably._wire.operations import Append, Message, Operation, Publish, Update
from temporal_ably._wire.parts import Whole
from temporal_ably.codec.message import named
from temporal_ably.codec.vercel import CODEC

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from temporal_ably._publisher.bundle import Bundle
    from temporal_ably._publisher.plan import Plan
    from temporal_ably._publisher.stream import Move, Stream

    Heeds: TypeAlias = Mapping[int, tuple[str, ...]]

RUN_START = "run-start"
STEP_START = "step-start"
STEP_END = "step-end"

NOTHING: Heeds = MappingProxyType({})


def message_id(plan: Plan, message: int) -> str:
    """Name the ``message``-th message of a step: the same in each of its attempts."""
    return f"{plan.run.id}/{plan.step}/{message}"


def frame(plan: Plan, name: str, serial: str, reason: StepReason) -> Operation:
    """Give the publish of a frame.

    Args:
        plan: the attempt's.
        name: of the frame.
        serial: that of the step's opening, empty before it.
        reason: how the step ended, where it ends.
    """
    run, origin = plan.run, plan.origin
    if name == RUN_START:
        opening, event = (RunResumed(run), "run-resume") if run.invocation else (RunOpened(run), "run-start")
        own = tags.run_tags(run, event, plan.owner_id, plan.owner_run_id)
        return _publish(replace(_tagged(opening, own), id=ait08.run_start_id(run)))
    step = Step(run, plan.wire_step, serial, plan.answers)
    if name == STEP_START:
        own = tags.step_tags(origin, run.id, plan.step, "step-start")
        own |= tags.first_tags(origin, plan.traceparent, full=plan.full_tags)
        return _publish(replace(_tagged(StepOpened(step), own), id=f"{plan.id}/start"))
    own = tags.step_tags(origin, run.id, plan.step, "step-end") | tags.end_tags(reason)
    return _publish(replace(_tagged(StepClosed(step, reason), own), id=f"{plan.id}/end"))


def creation(plan: Plan, serial: str, bundle: Bundle, heeds: Heeds = NOTHING) -> Operation:
    """Give the publish of a bundle; under its ids it may be sent again. ``heeds``: what users said, by message."""
    wholes = bundle.wholes
    if plan.aborts and bundle.number == 0:
        # The client that asked got the dead text as a stream, which nothing can take back: it closes that and
        # shows what stands in the session from here on (@ably/ai-transport 0.8.0, run-output-stream.ts).
        wholes = [(0, Whole("abort", {}, "")), *wholes]
    made = [_whole(plan, serial, message, part, heeds) for message, part in wholes]
    if bundle.stream is not None:
        made.append(_streamed(plan, serial, bundle.stream, CREATE, heeds))
    base = f"{plan.id}/{bundle.number}"
    return Publish(tuple(replace(each, id=f"{base}:{n}") for n, each in enumerate(made)))


def change(plan: Plan, serial: str, stream: Stream, move: Move, heeds: Heeds = NOTHING) -> Operation:
    """Give the append or update of a streamed part. ``heeds``: as in ``creation``."""
    message = _streamed(plan, serial, stream, move, heeds)
    return Append(stream.serial, message) if move.verb == "append" else Update(stream.serial, message)


def _whole(plan: Plan, serial: str, message: int, part: Whole, heeds: Heeds) -> Message:
    step = Step(plan.run, plan.wire_step, serial, plan.answers)
    # Only now: which run a reset one goes on in is not known when its first part is written.
    part = named(part, message_id(plan, message))
    own = tags.step_tags(plan.origin, plan.run.id, plan.step, "part")
    own |= tags.part_tags(message, CODEC.describe(part.kind, part.fields))
    return _tagged(PartEmitted(step, message_id(plan, message), part, heeds.get(message, ())), own)


def _streamed(plan: Plan, serial: str, stream: Stream, move: Move, heeds: Heeds) -> Message:
    step = Step(plan.run, plan.wire_step, serial, plan.answers)
    part = stream.part if move.status == "streaming" else stream.closing
    length = 0 if move.verb == "create" else stream.length
    own = tags.step_tags(plan.origin, plan.run.id, plan.step, "part", length)
    own |= tags.part_tags(stream.message, CODEC.describe(part.kind, part.fields), move.status)
    steers = heeds.get(stream.message, ())
    return _tagged(PartText(step, message_id(plan, stream.message), part, move.text, move.status, steers), own)


def _publish(message: Message) -> Publish:
    return Publish((message,))


def _tagged(event: Event, own: Mapping[str, str]) -> Message:
    message = ait08.encode(event)
    return replace(message, extras={**message.extras, "headers": dict(own)})
