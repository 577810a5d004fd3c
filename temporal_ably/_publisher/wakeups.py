"""Which wake-ups of agents a channel tells of, and where the next one of a workflow belongs. Pure.

A wake-up is the opening of a run, or one more time that it goes on. It bears the name of the workflow that was woken:
that of its own run, or of its turn. Each time that it goes on after it waited, that has a number behind it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from temporal_ably._publisher.recall import Place, answering, event_of
from temporal_ably._wire.events import Input, Run, RunClosed, RunOpened, RunResumed, RunSuspended

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from temporal_ably._transport.base import Stored


@dataclass(frozen=True)
class WakeUp:
    """One wake-up. ``run`` has the place that its opening gives, and the invocation and input of this wake-up."""

    run: Run
    serial: str

    @property
    def name(self) -> str:
        """Who was woken."""
        return self.run.invocation or self.run.id


@dataclass(frozen=True)
class Heard:
    """An input, and who published it."""

    input: Input
    publisher: str
    serial: str


def wake_up_name(name: str, times: int) -> str:
    """Name the wake-up of who goes on for the ``times``-th time. No turn bears such a name."""
    return f"{name}/+{times}"


def is_own(wake_up: str, name: str) -> bool:
    """Tell whether a wake-up is one of whoever bears a name."""
    return wake_up == name or (wake_up.startswith(f"{name}/+") and wake_up[len(name) + 2 :].isdecimal())


def owner_of(wake_up: str) -> str:
    """Tell who was woken: the name without the number."""
    name, _, times = wake_up.rpartition("/+")
    return name if name and times.isdecimal() else wake_up


def times_resumed(wake_up: str, name: str) -> int:
    """Tell how often one had gone on with a wake-up that is his own."""
    return int(wake_up[len(name) + 2 :]) if wake_up != name else 0


class Lifecycle:
    """What a channel's history tells of runs as a whole.

    Args:
        stored: the history, newest first.
    """

    def __init__(self, stored: Sequence[Stored]) -> None:
        self.wake_ups: list[WakeUp] = []
        """In their order."""
        self.pauses: list[tuple[Run, Stored]] = []
        """Each suspension, in their order."""
        self.ended: set[str] = set()
        """The runs that are over."""
        self.superseded: set[str] = set()
        """The runs that an input hides."""
        self._inputs: dict[str, Heard] = {}
        opened: dict[str, Run] = {}
        for message in sorted(stored, key=lambda message: message.serial):
            match event_of(message):
                case RunOpened(run):
                    self.wake_ups.append(WakeUp(opened.setdefault(run.id, run), message.serial))
                case RunResumed(run):
                    self.wake_ups.append(WakeUp(_placed(run, opened.get(run.id)), message.serial))
                case RunSuspended(run):
                    self.pauses.append((run, message))
                case RunClosed(run):
                    self.ended.add(run.id)
                case Input() as said:
                    self.superseded.add(said.supersedes)
                    self._inputs.setdefault(said.event_id, Heard(said, message.client_id, message.serial))
                case _:
                    pass

    def own(self, names: Collection[str]) -> list[WakeUp]:
        """Give the wake-ups of whoever bears one of the names."""
        return [each for each in self.wake_ups if any(is_own(each.name, name) for name in names)]

    def heard(self, event_ids: Collection[str], since: str) -> list[Heard]:
        """Give the inputs among those that were published after a message, the newest first.

        Args:
            event_ids: which inputs.
            since: the serial of the message.
        """
        found = (self._inputs[event_id] for event_id in event_ids if event_id in self._inputs)
        newer = (each for each in found if each.serial > since)
        return sorted(newer, key=lambda each: each.serial, reverse=True)


def _placed(run: Run, opened: Run | None) -> Run:
    if opened is None:
        return replace(run, parent=f"{run.id}/in")
    return replace(run, parent=opened.parent, fork_of=opened.fork_of, regenerates=opened.regenerates)


def going_on(run: Run, heard: Collection[str], stored: Sequence[Stored], *, turn: bool) -> Place | None:
    """Place a workflow that goes on after it waited, by what it heard meanwhile.

    What continues one of its runs, it answers there. The result of a tool that hides its run, and what
    begins something new, have a run of their own. Where nothing of that kind came, the run goes on as it was.

    Args:
        run: the run that the workflow would write to, with the invocation that it is now.
        heard: the event ids of inputs that came to the workflow, whatever they were for.
        stored: the channel's history, newest first.
        turn: whether it is a turn: what begins something new is not for it then.

    Returns:
        Its place, ``None`` where the history does not tell of its earlier wake-ups.
    """
    told = Lifecycle(stored)
    own = told.own((run.id,))
    if not own:
        return None
    known = [each for each in own if each.name == run.invocation]
    if known:
        return _in_run(known[-1].run, run)
    latest = own[-1]
    runs = {each.run.id: each.run for each in own}
    candidates = told.heard(heard, latest.serial)
    for each in candidates:
        if each.input.run in runs:
            asked = _asked_by(runs[each.input.run], each)
            return _in_run(asked, run)
        if each.input.supersedes in runs:
            return _in_new_run(run, each, stored)
    begins = [each for each in candidates if not (turn or each.input.run or each.input.supersedes)]
    return _in_new_run(run, begins[0], stored) if begins else _in_run(latest.run, run)


def _asked_by(run: Run, heard: Heard) -> Run:
    return replace(run, client_id=heard.input.client_id, input_id=heard.input.id, input_client_id=heard.publisher)


def _in_run(placed: Run, run: Run) -> Place:
    # A run that bears its own name was opened as one.
    invocation = "" if placed.id == run.invocation else run.invocation
    # The steps of a workflow have names that are unique in its own runs only.
    return Place(replace(placed, invocation=invocation), "" if is_own(placed.id, run.id) else run.id)


def _in_new_run(run: Run, heard: Heard, stored: Sequence[Stored]) -> Place:
    return answering(replace(run, id=run.invocation, invocation=""), heard.input, heard.publisher, stored)
