"""What clients ask of a run while it goes on: to stop, and to heed what a user adds. Pure.

The rule of the file: what is asked follows from the set of messages that were taken in, in any order, each any
number of times. So what comes live and what the history holds need not be told apart.

Source: @ably/ai-transport 0.8.0, ``src/core/transport/cancel-envelope.ts``, ``agent-session.ts`` (which run a cancel
means), ``run-steer-tracker.ts``, ``steer-coordinator.ts``.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from temporal_ably._dialect import ait08
from temporal_ably._publisher.recall import event_of
from temporal_ably._session.conversation import Conversation
from temporal_ably._session.fold import Fold
from temporal_ably._wire.events import (
    CancelRequested,
    Event,
    Input,
    PartEmitted,
    PartText,
    Run,
    RunClosed,
    RunOpened,
    RunResumed,
    RunSuspended,
    StepClosed,
)
from temporal_ably.envelope import Envelope
from temporal_ably.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from temporal_ably._transport.base import Stored

# Anybody may publish to the channel: what is kept of it is bounded, and the newest counts.
_KEPT = 500

_USER_MESSAGE = "user-message"

_NAMES = (
    ait08.CANCEL,
    ait08.INPUT,
    ait08.RUN_START,
    ait08.RUN_RESUME,
    ait08.RUN_SUSPEND,
    ait08.RUN_END,
)


@dataclass(frozen=True)
class Steer:
    """What a user said to a run that goes on: one chat message, in one or more parts."""

    id: str
    parts: tuple[Stored, ...]


class Requests:
    """What clients ask of one run.

    A cancel names the run, or else the input that it answers. It counts if it is newer than that input, and than
    the last end or suspension of a run that it could mean.

    Args:
        event_id: the event id of the input that the run answers, empty where it answers none.
    """

    def __init__(self, event_id: str = "") -> None:
        self._event_id = event_id
        self._run: Run | None = None
        self._kept: dict[str, tuple[Event, Stored]] = {}
        self._heeded: dict[str, set[str]] = {}

    def know(self, run: Run) -> None:
        """Say which run it is. Until then all is kept that could concern it."""
        self._run = run
        self._kept = {serial: each for serial, each in self._kept.items() if self._concerns(each[0])}

    def take(self, stored: Stored) -> bool:
        """Take in a message of the run's channel.

        Returns:
            Whether no older message can concern the run.
        """
        event = _read(stored)
        if event is None or not self._concerns(event):
            return False
        if isinstance(event, PartEmitted | PartText):
            self._note_heeded(event)
            return False
        self._kept[stored.serial] = event, stored
        if len(self._kept) > _KEPT:
            del self._kept[min(self._kept)]
        if self._event_id:
            return self._is_trigger(event)
        return self._run is not None and isinstance(event, RunOpened)

    def _concerns(self, event: Event) -> bool:
        run = self._run
        match event:
            case CancelRequested():
                return run is None or _means(event, run)
            case Input():
                return self._is_trigger(event) or (_is_steer(event) and (run is None or event.run == run.id))
            case RunClosed(about) | RunSuspended(about):
                return run is None or about.id == run.id or _answer_the_same(about, run)
            case RunOpened(about) | RunResumed(about):
                return run is None or about.id == run.id
            case PartEmitted() | PartText():
                return run is None or event.step.run.id == run.id
            case _:
                return False

    def _is_trigger(self, event: Event) -> bool:
        return isinstance(event, Input) and bool(self._event_id) and event.event_id == self._event_id

    def _note_heeded(self, event: PartEmitted | PartText) -> None:
        step = _base(event.step.id)
        for steer in event.steers:
            self._heeded.setdefault(steer, set()).add(step)
        while len(self._heeded) > _KEPT:
            del self._heeded[next(iter(self._heeded))]

    def learn(self, other: Requests) -> None:
        """Take in what another one of the same channel has kept."""
        for _, stored in other._kept.values():
            self.take(stored)
        for steer, steps in other._heeded.items():
            self._heeded.setdefault(steer, set()).update(steps)

    @property
    def cancelled_at(self) -> str:
        """The serial of the cancel that stops the run, empty without one, and as long as the run is not known."""
        if self._run is None:
            return ""
        begun = min((serial for serial, (event, _) in self._kept.items() if self._is_trigger(event)), default="")
        over = (serial for serial, (event, _) in self._kept.items() if isinstance(event, RunClosed | RunSuspended))
        since = max(begun, *over, "")
        asked = (serial for serial, (event, _) in self._kept.items() if isinstance(event, CancelRequested))
        return min((serial for serial in asked if serial > since), default="")

    def steers(self, step: str) -> list[Steer]:
        """Give what users said to the run, so far as no step but this one heeds it.

        What an attempt of the same step heeded is heeded no more once another attempt takes its place.

        Args:
            step: the step that asks.
        """
        if self._run is None:
            return []
        begun_with = {
            event.run.input_id for event, _ in self._kept.values() if isinstance(event, RunOpened | RunResumed)
        }
        found: dict[str, list[Stored]] = {}
        for _, (event, stored) in sorted(self._kept.items()):
            if not (isinstance(event, Input) and _is_steer(event)) or self._is_trigger(event) or event.id in begun_with:
                continue
            if self._heeded.get(event.id, set()) <= {_base(step)}:
                found.setdefault(event.id, []).append(stored)
        return [Steer(steer, tuple(parts)) for steer, parts in found.items()]

    def heed(self, steers: Iterable[str], step: str) -> None:
        """Note that a step of this process heeds what users said; the others are not given it any more."""
        for steer in steers:
            self._heeded.setdefault(steer, set()).add(_base(step))


def as_conversation(steers: Iterable[Steer], channel: str) -> Conversation:
    """Give what users said as chat messages, in the order in which they said it."""
    fold = Fold()
    for part in (part for steer in steers for part in steer.parts):
        with suppress(DecodeError):
            fold.apply(Envelope.of(part, channel=channel))
    return Conversation(tuple(each.message for each in fold.session.inputs if each.message is not None))


def stopped(stored: Iterable[Stored], run: Run, event_id: str = "") -> bool:
    """Tell whether clients stopped a run, so far as its channel tells: a cancel counts, and a step was cut after it.

    Args:
        stored: the channel's history.
        run: the run.
        event_id: the event id of the input that it answers.
    """
    requests, cut = Requests(event_id), [""]
    requests.know(run)
    for message in stored:
        requests.take(message)
        event = event_of(message) if message.name == ait08.STEP_END else None
        if isinstance(event, StepClosed) and event.step.run.id == run.id and event.reason == "cancelled":
            cut.append(message.serial)
    asked = requests.cancelled_at
    return bool(asked) and max(cut) > asked


def _read(stored: Stored) -> Event | None:
    # Most of a busy channel is output, and most output heeds nothing in particular.
    if stored.action == "delete":
        return None
    if stored.name in _NAMES:
        return event_of(stored)
    output = stored.name in ("", ait08.OUTPUT) and ait08.heeds(stored.extras)
    return event_of(stored) if output else None


def _means(cancel: CancelRequested, run: Run) -> bool:
    if cancel.run:
        return cancel.run == run.id
    return bool(cancel.input_id) and cancel.input_id == run.input_id


def _answer_the_same(one: Run, other: Run) -> bool:
    return bool(one.input_id) and one.input_id == other.input_id


def _is_steer(event: Input) -> bool:
    part = event.part
    return bool(event.run) and event.role == "user" and part is not None and part.kind == _USER_MESSAGE


def _base(step: str) -> str:
    # Each try of a workflow names its steps anew.
    return step.partition("@")[0]
