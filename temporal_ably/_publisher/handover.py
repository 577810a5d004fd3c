"""How the run of a workflow stands, and whether it is handed over to the client. Pure.

A run is handed over when the workflow is done and its last words are a tool call that somebody else has to answer: a
tool of the client, or a person who has to approve. Then it is suspended, not ended, and whoever answers has a workflow
go on with it. All processes must come to the same decision, so it follows from the channel's history alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from temporal_ably._dialect import ait08
from temporal_ably._publisher.recall import event_of, tags_of
from temporal_ably._publisher.wakeups import Lifecycle, WakeUp, is_own
from temporal_ably._session.fold import Fold
from temporal_ably._wire import tags
from temporal_ably._wire.events import PartEmitted, PartText, Run, StepOpened
from temporal_ably.envelope import Envelope
from temporal_ably.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from temporal_ably._transport.base import Stored

State = Literal["active", "waiting", "handed-over", "elsewhere", "ended"]

# What finds its call anywhere in the run, whoever ran the tool.
_OUTCOMES = ("tool-output-available", "tool-output-error")


@dataclass(frozen=True)
class Standing:
    """How the newest run of a workflow, or of its turn, stands.

    ``state`` is ``waiting`` or ``handed-over`` while it is suspended, ``elsewhere`` where another workflow goes on with
    it, ``active`` also where the history tells nothing of it: it is not ``known`` then. ``last`` is the message of the
    channel that brought the last part of its answer, if there is one, and ``calls`` whether its last words are a tool
    call that waits for the client. ``left`` are runs that it left behind for this one.
    """

    run: Run
    state: State
    known: bool = True
    last: Stored | None = None
    calls: bool = False
    left: tuple[Run, ...] = ()

    @property
    def hands_over(self) -> bool:
        """Whether it is to be suspended once its workflow is done."""
        return self.state == "active" and self.calls


def standing(stored: Sequence[Stored], run: Run, name: str) -> Standing:
    """Tell how a run stands.

    Args:
        stored: the channel's history, newest first.
        run: the run as its workflow, or turn, is known to write to it.
        name: what that calls its own run: the id that the run has unless it goes on with another.
    """
    names = (name, run.invocation or run.id)
    told = Lifecycle(stored)
    own = told.own(names)
    newest = own[-1].run if own else run
    words = _last_words(stored, newest.id, names)
    state = _state(told, newest.id, own, words.last)
    return Standing(newest, state, bool(own) or words.any, words.last, words.calls, _left(told, own, newest))


def opening_of(run: Run, name: str) -> Callable[[Stored], bool]:
    """Give what tells the opening of a run: what came before it does not matter to ``standing``.

    Args:
        run: as in ``standing``.
        name: as in ``standing``.
    """
    run_id = name if is_own(run.id, name) else run.id

    def opens(message: Stored) -> bool:
        return message.name == ait08.RUN_START and ait08.transport_headers(message.extras).get("run-id") == run_id

    return opens


def _state(told: Lifecycle, run_id: str, own: list[WakeUp], last: Stored | None) -> State:
    if run_id in told.ended:
        return "ended"
    latest = next((each for each in reversed(told.wake_ups) if each.run.id == run_id), None)
    # A suspension of an earlier wake-up comes too late.
    pauses = (
        pause
        for run, pause in reversed(told.pauses)
        if run.id == run_id and (latest is None or (run.invocation == latest.run.invocation))
    )
    pause = next(pauses, None)
    if latest is not None and latest not in own:
        return "active" if pause is not None and not own else "elsewhere"
    if pause is None or (latest is not None and pause.serial < latest.serial) or _wrote_after(last, pause):
        return "active"
    return _reason(pause)


def _wrote_after(last: Stored | None, pause: Stored) -> bool:
    # A reset workflow may say something else after all.
    return last is not None and last.serial > pause.serial


def _reason(pause: Stored) -> State:
    return "waiting" if tags_of(pause).get(tags.REASON) == "waiting" else "handed-over"


def _left(told: Lifecycle, own: list[WakeUp], newest: Run) -> tuple[Run, ...]:
    passed = {each.run.id: each.run for each in own if each.run.id != newest.id}
    return tuple(run for run_id, run in passed.items() if run_id not in told.ended | told.superseded)


class _Words(NamedTuple):
    """Whether there are any; the message that brought the last part of the answer; whether that waits for a client."""

    any: bool = False
    last: Stored | None = None
    calls: bool = False


def _last_words(stored: Sequence[Stored], run_id: str, names: Collection[str]) -> _Words:
    fold = Fold()
    answers: dict[str, tuple[str, Stored]] = {}
    for message in stored:
        event = event_of(message)
        if not isinstance(event, StepOpened | PartEmitted | PartText) or not _is_of(event, run_id, names):
            continue
        is_answer = not isinstance(event, StepOpened) and event.step.answers
        if is_answer:
            answers[message.serial] = event.step.serial, message
        if is_answer or isinstance(event, StepOpened) or event.part.kind in _OUTCOMES:
            _apply(fold, message)
    run = next((each for each in fold.session.runs if each.id == run_id), None)
    if run is None:
        return _Words()
    dead = {attempt.serial for step in run.steps for attempt in step.dead}
    counting = [message for _, (attempt, message) in sorted(answers.items()) if attempt not in dead]
    return _Words(any=True, last=counting[-1] if counting else None, calls=run.waits_for_client)


def _is_of(event: StepOpened | PartEmitted | PartText, run_id: str, names: Collection[str]) -> bool:
    run = event.step.run
    woken = run.invocation or run.id
    return run.id == run_id and any(is_own(woken, name) for name in names)


def _apply(fold: Fold, message: Stored) -> None:
    try:
        fold.apply(Envelope.of(message, channel=""))
    except DecodeError:
        return
