"""The runs of a channel that are not over, and the last words that end one whose writers are dead. Pure.

The rule of the file: only what the channel's history says counts, and only runs that our tags are on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING, cast

from temporal_ably._dialect import ait08
from temporal_ably._publisher.run_end import RunEnd
from temporal_ably._publisher.suspension import Suspension
from temporal_ably._wire import tags
from temporal_ably._wire.events import Run, RunClosed, Step, StepClosed, StepReason
from temporal_ably._wire.operations import Append, Extras, Message, Operation, Publish
from temporal_ably.envelope import Envelope
from temporal_ably.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from temporal_ably._publisher.handover import Standing
    from temporal_ably._publisher.notice import Notice
    from temporal_ably._transport.base import Stored

_AGENTS = ("run-start", "run-suspend", "run-resume", "run-end", "step-start", "step-end", "part")
_FIRST_ONLY = (
    tags.ACTIVITY_TYPE,
    tags.WORKFLOW_TYPE,
    tags.AGENT,
    tags.TRACEPARENT,
    tags.NAMESPACE,
    tags.TASK_QUEUE,
)
# Steps that the interceptor of a workflow's worker numbers; without it they are named after activities.
_NUMBERED = re.compile(r".*:[0-9]+:[0-9]+")


@dataclass(frozen=True)
class Unfinished:
    """A run without an end.

    Attributes:
        run: as its newest opening tells it.
        owner_id: workflow id of its owner, empty where the channel does not tell.
        owner_run_id: Temporal run id of the owner, that of an earlier run in its chain perhaps.
        namespace: of the owner, empty where the tags do not tell.
        numbered: whether its steps are numbered, as they are where the workflow's worker has the interceptor.
        suspended: whether it waits for a client, and no workflow with it.
        written_ms: when it was last written to, in milliseconds since the epoch; ``None`` if nobody says.
        streams: parts that still grow.
        steps: openings of attempts without an end.
    """

    run: Run
    owner_id: str
    owner_run_id: str
    namespace: str
    numbered: bool
    suspended: bool
    written_ms: int | None
    streams: tuple[Stored, ...]
    steps: tuple[Stored, ...]


@dataclass(frozen=True)
class _Read:
    stored: Stored
    envelope: Envelope


def unfinished_runs(stored: Iterable[Stored], channel: str) -> list[Unfinished]:
    """Find the runs of a channel that are not over, in the order in which they began.

    Args:
        stored: the channel's messages, in any order.
        channel: its name.
    """
    runs: dict[str, list[_Read]] = {}
    for message in sorted(stored, key=attrgetter("serial")):
        read = _read(message, channel)
        if read is not None:
            runs.setdefault(read.envelope.session_run, []).append(read)
    return [_unfinished(found) for found in runs.values() if not _is_over(found)]


def _read(message: Stored, channel: str) -> _Read | None:
    try:
        envelope = Envelope.of(message, channel=channel)
    except DecodeError:
        return None
    ours = envelope.contract and envelope.session_run and envelope.event in _AGENTS
    return _Read(message, envelope) if ours and message.action != "delete" else None


def _is_over(found: Sequence[_Read]) -> bool:
    return any(each.envelope.event == "run-end" for each in found)


def _unfinished(found: Sequence[_Read]) -> Unfinished:
    envelopes = [each.envelope for each in found]
    ended = {each.step_serial for each in envelopes if each.event == "step-end"}
    owner = _opening(found) or _own_step(found)
    times = [each.stored.timestamp for each in found if each.stored.timestamp is not None]
    return Unfinished(
        run=_run(owner or found[-1]),
        owner_id=owner.envelope.workflow_id if owner else "",
        owner_run_id=owner.envelope.run_id if owner else "",
        namespace=next((each.namespace for each in envelopes if each.namespace), ""),
        numbered=any(_NUMBERED.fullmatch(each.step) for each in envelopes),
        suspended=_is_suspended(envelopes),
        written_ms=max(times, default=None),
        streams=tuple(each.stored for each in found if _grows(each.envelope)),
        steps=tuple(
            each.stored for each in found if each.envelope.event == "step-start" and each.stored.serial not in ended
        ),
    )


def _opening(found: Sequence[_Read]) -> _Read | None:
    # A second worker may repeat the first opening after a resumption.
    ranks = {"run-start": 0, "run-resume": 1}
    openings = [(ranks[each.envelope.event], n) for n, each in enumerate(found) if each.envelope.event in ranks]
    return found[max(openings)[1]] if openings else None


def _own_step(found: Sequence[_Read]) -> _Read | None:
    # What the run's own workflow wrote names it; what a child wrote names the child.
    return next((each for each in reversed(found) if each.envelope.step.startswith(":")), None)


def _run(read: _Read) -> Run:
    message = Message(read.stored.name, "", cast("Extras", read.stored.extras))
    try:
        event = ait08.decode(message, read.stored.serial)
    except DecodeError:
        event = None
    step: Step | None = getattr(event, "step", None)
    found: Run | None = step.run if step is not None else getattr(event, "run", None)
    return found if found is not None else Run(read.envelope.session_run, "")


def _is_suspended(envelopes: Iterable[Envelope]) -> bool:
    suspended, resumed_by = False, ""
    for each in envelopes:
        if each.event == "run-resume":
            suspended, resumed_by = False, each.invocation
        elif each.event == "run-suspend":
            # That of an earlier invocation comes late: the run goes on already.
            suspended = resumed_by in ("", each.invocation) and each.reason != "waiting"
    return suspended


def _grows(envelope: Envelope) -> bool:
    return envelope.part is not None and envelope.part.status == "streaming"


def last_words(
    dead: Unfinished, channel: str, event: RunClosed | Standing, client_id: str
) -> tuple[list[Operation], Operation]:
    """Give what ends or suspends a run: what closes its parts and attempts, which may be refused, and its end.

    Args:
        dead: the run.
        channel: its channel.
        event: its end, or how it stands, where it waits for a client.
        client_id: who publishes: Ably lets it change its own messages only.
    """
    cancelled = isinstance(event, RunClosed) and event.reason == "cancelled"
    step_reason: StepReason = "cancelled" if cancelled else "failed"
    # A recorder knows no client ids.
    own = [stream for stream in dead.streams if stream.client_id in (client_id, "")]
    closes: list[Operation] = [_close(stream) for stream in own]
    closes += [_end_step(step, step_reason) for step in dead.steps]
    return closes, _end(dead, channel, event)


def _end(dead: Unfinished, channel: str, event: RunClosed | Standing) -> Operation:
    owner = (dead.owner_id, dead.owner_run_id)
    if isinstance(event, RunClosed):
        notice: Notice = RunEnd(channel, event, *owner)
    else:
        notice = Suspension(channel, event, "handed-over", *owner)
    (ticket,) = notice.ready()
    return notice.take(ticket, 0.0)


def _close(stream: Stored) -> Operation:
    ai = cast("Mapping[str, Mapping[str, str]]", stream.extras["ai"])
    extras = {
        **stream.extras,
        "ai": {**ai, "transport": {**ai.get("transport", {}), "status": "cancelled"}},
        "headers": {**_headers(stream), tags.STATUS: "cancelled"},
    }
    # An append adds nothing and takes nothing away, whatever else happens to the message meanwhile.
    return Append(stream.serial, Message(stream.name, "", cast("Extras", extras)))


def _end_step(opening: Stored, reason: StepReason) -> Operation:
    run_of = _Read(opening, Envelope.of(opening, channel=""))
    step = Step(_run(run_of), ait08.transport_headers(opening.extras).get("step-id", ""), opening.serial)
    message = ait08.encode(StepClosed(step, reason))
    own = {name: value for name, value in _headers(opening).items() if name not in _FIRST_ONLY}
    own |= {tags.EVENT: "step-end", **tags.end_tags(reason)}
    # The id that the attempt itself would use.
    identity = f"{opening.id.removesuffix('/start')}/end" if opening.id else None
    return Publish((replace(message, extras={**message.extras, "headers": own}, id=identity),))


def _headers(message: Stored) -> dict[str, str]:
    return dict(cast("Mapping[str, str]", message.extras.get("headers", {})))
