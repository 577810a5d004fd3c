"""What a retried or reset workflow run must learn from the channel before it writes. Pure.

Nobody who wrote the replaced steps may be alive, so the channel's history is the only memory.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from temporal_ably._dialect import ait08
from temporal_ably._publisher.attempt import Attempt
from temporal_ably._wire import tags
from temporal_ably._wire.events import Event, Input, Run, RunClosed, RunOpened, StepOpened
from temporal_ably._wire.identity import Reset, Sweep, is_swept
from temporal_ably._wire.operations import Message
from temporal_ably.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from temporal_ably._publisher.plan import Plan
    from temporal_ably._transport.base import Stored


_STARTED = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True)
class Recalled:
    """What the history says of a run. ``newest``: wire step to the start of its newest attempt, in µs.

    ``opened`` is the run as its opening tells it, ``None`` where none was found.
    """

    ended: bool
    newest: Mapping[str, int]
    opened: Run | None = None


@dataclass(frozen=True)
class Place:
    """Where an invocation writes: the run, and what tells its steps from those of other invocations."""

    run: Run
    prefix: str = ""


def find_input(stored: Iterable[Stored], event_id: str) -> tuple[Input, str] | None:
    """Find an input and the client id of its publisher; the parts of a user's message share their event id.

    The first of them counts, in whatever order they are given: who says it again later changes nothing.
    """
    read = ((message, event_of(message)) for message in stored)
    found = [(message, event) for message, event in read if isinstance(event, Input) and event.event_id == event_id]
    if not found:
        return None
    message, event = min(found, key=lambda each: each[0].serial)
    return event, message.client_id


def answering(run: Run, found: Input, publisher: str, stored: Iterable[Stored]) -> Place:
    """Place a run in the conversation by the input that it answers.

    Args:
        run: the run that would be made.
        found: the input.
        publisher: the client id of the input's publisher.
        stored: the channel's history, for the run that the input goes on with.
    """
    asked = replace(run, client_id=found.client_id, input_id=found.id, input_client_id=publisher)
    if found.run:
        opened = recall(stored, found.run).opened or Run(found.run, f"{found.run}/in")
        same = opened.id == run.id
        kept = replace(asked, id=opened.id, parent=opened.parent, fork_of=opened.fork_of)
        kept = replace(kept, regenerates=opened.regenerates, invocation=run.invocation or ("" if same else run.id))
        return Place(kept, "" if same else run.id)
    # A wish to regenerate, and the result of a tool, are no messages of their own in the conversation: the answer
    # stands where they point to.
    own_message = found.role == "user" and not found.regenerates
    parent = found.id if own_message else found.parent
    return Place(replace(asked, parent=parent, fork_of=found.fork_of, regenerates=found.regenerates))


def recall(stored: Iterable[Stored], run_id: str) -> Recalled:
    """Read a run's state from the messages of its channel."""
    ended, opened = False, None
    newest: dict[str, int] = {}
    for message in stored:
        event = event_of(message)
        if isinstance(event, RunClosed):
            ended = ended or event.run.id == run_id
        elif isinstance(event, RunOpened) and event.run.id == run_id:
            opened = event.run
        elif isinstance(event, StepOpened) and event.step.run.id == run_id:
            newest[event.step.id] = max(newest.get(event.step.id, 0), _started_us(message))
    return Recalled(ended, newest, opened)


def event_of(message: Stored) -> Event | None:
    """Read what a message says, without its text; ``None`` where it says nothing that is known."""
    extras = cast("Mapping[str, Mapping[str, str]]", message.extras)
    try:
        return ait08.decode(Message(message.name, "", extras), message.serial)
    except DecodeError:
        return None


def tags_of(message: Stored) -> dict[str, str]:
    """Read the tags of a message. Anybody may publish to the channel, headers of any shape."""
    headers = message.extras.get("headers")
    if not isinstance(headers, Mapping):
        return {}
    return {name: value for name, value in cast("Mapping[str, object]", headers).items() if isinstance(value, str)}


def _started_us(message: Stored) -> int:
    return tags.started_us(tags_of(message)) or 0


def resolve_run(run: Run, reset: Reset | None, recalled: Recalled) -> Run:
    """Give the run to write to: an ended run is never reopened, a reset goes on beside it."""
    if reset is None or not recalled.ended:
        return run
    beside = f"{run.id}/r{reset.run_id}"
    gone_on = run.invocation.removeprefix(run.id) if run.invocation.startswith(f"{run.id}/") else ""
    return replace(run, id=beside, invocation=beside + gone_on if gone_on else "")


def tombstones(plan: Plan, sweeps: tuple[Sweep, ...], recalled: Recalled) -> list[Attempt]:
    """Give an empty attempt for each step that the sweeps replace: it makes the dead text go.

    Its start is that of the sweep: later than what it replaces, earlier than what really replaces it.
    """
    made: list[Attempt] = []
    for name, started_us in recalled.newest.items():
        step, _, tried = name.partition("@")
        since_us = max((sweep.since_us for sweep in sweeps if is_swept(step, started_us, sweep)), default=None)
        if since_us is not None:
            origin = replace(plan.origin, started_us=since_us)
            # Anybody may publish steps with names of any kind.
            earlier = int(tried) if _STARTED.fullmatch(tried) else 0
            dead = replace(
                plan,
                step=step,
                since_us=earlier,
                origin=origin,
                opens_run=False,
                replaces=True,
                tombstone=True,
                traceparent="",
            )
            made.append(Attempt(dead))
    return made
