"""The watcher against a scripted server: it ends a run when its owner has really closed, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from temporalio.service import RPCError, RPCStatusCode

from temporal_ably._dialect import ait08
from temporal_ably._publisher.outbox import Rank, Ticket
from temporal_ably._temporal import watcher
from temporal_ably._temporal.following import Owned
from temporal_ably._temporal.open_runs import OpenRuns
from temporal_ably._temporal.watcher import Watchers
from temporal_ably._temporal.workflow import Suspended, TurnEnded
from temporal_ably._transport.base import Stored
from temporal_ably._wire.events import Run, RunClosed, RunOpened, RunResumed, StepOpened
from temporal_ably._wire.events import Step as WireStep
from temporal_ably._wire.identity import Binding
from temporal_ably.errors import HistoryError
from tests.publisher.told import FIRST, approves, call, forks, history, opened, says, suspended, text, wrote
from tests.temporal.closes import COMPLETED, close_event, failed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from temporalio.api.history.v1 import HistoryEvent
    from temporalio.client import Client

    from temporal_ably._publisher.plan import Plan
    from temporal_ably._publisher.preparation import Preparation
    from temporal_ably._publisher.publisher import Publisher
    from temporal_ably._publisher.run_end import RunEnd
    from temporal_ably._publisher.suspension import Suspension

OWNED = Owned("ai:wf", Run("run-1", "run-1/in"), "wf", "run-1", "run-1")


class Server:
    """Temporal's server, scripted: the close event of each workflow run, or none while it goes on.

    `errors` are what the next looks at events give instead. `current` is the run that a description names.
    """

    def __init__(self, *errors: Exception, current: str = "run-1", **closes: HistoryEvent) -> None:
        self.closes = {run.replace("_", "-"): event for run, event in closes.items()}
        self.errors = deque(errors)
        self.current = current
        self.asked: list[str] = []

    def get_workflow_handle(self, workflow_id: str, run_id: str = "") -> Any:
        assert workflow_id == "wf"

        def events(*, wait_new_event: bool, **_: object) -> AsyncIterator[HistoryEvent]:
            return self._events(run_id, wait=wait_new_event)

        async def describe() -> Any:
            execution = SimpleNamespace(run_id=self.current)
            info = SimpleNamespace(execution=execution, first_run_id="run-1")
            raw = SimpleNamespace(workflow_execution_info=info)
            close_time = 1.0 if self.errors or run_id in self.closes else None
            return SimpleNamespace(raw_description=raw, close_time=close_time)

        return SimpleNamespace(fetch_history_events=events, describe=describe)

    async def _events(self, run_id: str, *, wait: bool) -> AsyncIterator[HistoryEvent]:
        self.asked.append(run_id)
        if self.errors:
            raise self.errors.popleft()
        if run_id in self.closes:
            yield self.closes[run_id]
        elif wait:
            await asyncio.Event().wait()


class Publishing:
    """What watchers need of the publisher and of the preparation: it keeps the ends."""

    def __init__(self) -> None:
        self.engine = SimpleNamespace(loop=asyncio.get_running_loop())
        self.ends: list[RunEnd] = []
        self.suspensions: list[Suspension] = []
        self.stored: list[Stored] | HistoryError = []
        self.readable: list[Stored] = []
        self.ended = asyncio.Event()
        self.reading = asyncio.Event()
        self.let_read = asyncio.Event()
        self.let_read.set()
        self.away = False

    def end_run(self, end: RunEnd, now: float) -> None:
        assert now > 0
        self.ends.append(end)

    def wake(self) -> None:
        self.ended.set()

    def suspend_run(self, suspension: Suspension, now: float) -> None:
        assert now > 0
        self.suspensions.append(suspension)

    async def settled(self, channel: str) -> None:
        assert channel == "ai:wf"

    def is_away(self, channel: str) -> bool:
        assert channel == "ai:wf"
        return self.away

    async def wait_while(self, condition: Callable[[], bool], deadline: float) -> None:
        assert deadline > 0
        while condition():
            await self.ended.wait()
            self.ended.clear()

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        self.spawned = asyncio.ensure_future(work)

    async def history(self, channel: str) -> list[Stored]:
        assert channel == "ai:wf"
        if isinstance(self.stored, HistoryError):
            error, self.stored = self.stored, self.readable
            raise error
        return self.stored

    async def read(self, channel: str, until: Callable[[Stored], bool]) -> list[Stored]:
        self.reading.set()
        await self.let_read.wait()
        stored = await self.history(channel)
        assert not any(until(message) for message in stored[:-1])
        return stored

    async def locate(self, plan: Plan, event_id: str) -> Run:
        assert event_id == "e1"
        return plan.run

    def reasons(self) -> list[str]:
        """How each run ended, as a reader finds it."""
        return [header for end in self.ends for header in _run_reasons(end)]


def _run_reasons(end: RunEnd) -> list[str]:
    operation = cast("Any", end.take(Ticket(end, "run-end", Rank.FRAMING, 0.0), 0.0))
    return [ait08.transport_headers(message.extras)["run-reason"] for message in operation.messages]


@pytest.fixture
async def publishing() -> Publishing:
    return Publishing()


@pytest.fixture
def watchers(publishing: Publishing, monkeypatch: pytest.MonkeyPatch) -> Watchers:
    monkeypatch.setattr(watcher, "_RETRY_S", (0.0, 0.0))
    publisher = cast("Publisher", publishing)
    open_runs = OpenRuns(publisher, "off")
    return Watchers(publisher, cast("Preparation", publishing), open_runs, expose_errors=False)


def watch(watchers: Watchers, server: Server, owned: Owned = OWNED) -> None:
    watchers.watch(owned, cast("Client", server))


@pytest.mark.parametrize(
    ("event", "reason"), [(COMPLETED, "complete"), (close_event("canceled"), "cancelled"), (failed(), "error")]
)
async def test_end_of_the_owner_is_the_end_of_its_run(
    watchers: Watchers, publishing: Publishing, event: HistoryEvent, reason: str
) -> None:
    watch(watchers, Server(run_1=event))
    await publishing.ended.wait()
    assert publishing.reasons() == [reason]


async def test_run_goes_on_in_the_workflow_run_that_follows(watchers: Watchers, publishing: Publishing) -> None:
    continued = close_event("continued_as_new", new_execution_run_id="run-2")
    continued.workflow_execution_continued_as_new_event_attributes.workflow_type.name = "Chat"
    server = Server(run_1=continued, run_2=COMPLETED)
    watch(watchers, server)
    await publishing.ended.wait()
    assert server.asked == ["run-1", "run-2"]
    assert publishing.reasons() == ["complete"]


@pytest.mark.parametrize(("current", "reason"), [("run-2", "complete"), ("run-1", "error")])
async def test_terminated_run_goes_on_only_where_a_reset_put_another_in_its_place(
    watchers: Watchers, publishing: Publishing, current: str, reason: str
) -> None:
    watch(watchers, Server(current=current, run_1=close_event("terminated", reason="why"), run_2=COMPLETED))
    await publishing.ended.wait()
    assert publishing.reasons() == [reason]


async def test_server_that_fails_for_a_while_is_asked_again(watchers: Watchers, publishing: Publishing) -> None:
    away = RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
    watch(watchers, Server(away, away, run_1=COMPLETED))
    await publishing.ended.wait()
    assert publishing.reasons() == ["complete"]


async def test_what_nobody_foresaw_is_told_and_the_watch_goes_on(
    watchers: Watchers, publishing: Publishing, caplog: pytest.LogCaptureFixture
) -> None:
    watch(watchers, Server(KeyError("a bug"), run_1=COMPLETED))
    await publishing.ended.wait()
    assert publishing.reasons() == ["complete"]
    (record,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert "a bug" in record.getMessage()


async def test_workflow_that_is_not_known_any_more_is_let_go(watchers: Watchers, publishing: Publishing) -> None:
    watch(watchers, Server(RPCError("gone", RPCStatusCode.NOT_FOUND, b"")))
    await asyncio.wait(list(watchers._tasks.values()))
    await asyncio.sleep(0)
    assert publishing.ends == []
    assert watchers._tasks == {}
    assert watchers._clients == {}


async def test_each_run_has_one_watcher(watchers: Watchers) -> None:
    watch(watchers, Server())
    watch(watchers, Server())
    assert len(watchers._tasks) == 1
    await watchers.stop()


async def test_before_exit_closed_runs_are_ended_and_open_ones_left_to_others(
    watchers: Watchers, publishing: Publishing
) -> None:
    closes, goes_on = Server(), Server()
    watch(watchers, closes)
    watch(watchers, goes_on, Owned("ai:wf", Run("other", "other/in"), "wf", "run-1", "run-1"))
    await asyncio.sleep(0)
    closes.closes["run-1"] = COMPLETED
    await watchers.settle(1.0)
    assert [end.run_id for end in publishing.ends] == ["run-1"]
    await watchers.stop()


async def test_before_exit_a_server_that_does_not_answer_is_no_error(
    watchers: Watchers, publishing: Publishing, caplog: pytest.LogCaptureFixture
) -> None:
    server = Server()
    watch(watchers, server)
    await asyncio.sleep(0)
    server.errors.append(RPCError("away", RPCStatusCode.UNAVAILABLE, b""))
    await watchers.settle(1.0)
    assert publishing.ends == []
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []
    await watchers.stop()


def step_opened() -> Stored:
    """The opening of a step of the run, as it stands on the channel."""
    message = ait08.encode(StepOpened(WireStep(OWNED.run, ":0:1")))
    return Stored("1", message.name, None, message.extras)


@pytest.mark.parametrize(
    ("stored", "reasons"),
    [([], []), ([step_opened()], ["complete"]), (HistoryError("unreadable", retryable=False), [])],
)
async def test_hint_ends_a_run_only_if_somebody_opened_it(
    watchers: Watchers, publishing: Publishing, stored: list[Stored] | HistoryError, reasons: list[str]
) -> None:
    publishing.stored = stored
    watchers.client = cast("Client", Server(run_1=COMPLETED))
    watchers.streamed_types.add("Chat")
    watchers.hint(OWNED, "Chat")
    await asyncio.wait(list(watchers._tasks.values()))
    assert publishing.reasons() == reasons


async def test_hint_of_a_type_that_never_streamed_here_costs_nothing(watchers: Watchers) -> None:
    watchers.hint(OWNED, "Chat")
    watchers.client = cast("Client", Server())
    watchers.hint(OWNED, "Chat")
    assert watchers._tasks == {}


async def test_run_that_this_process_opens_while_a_hint_looks_for_it_is_ended(
    watchers: Watchers, publishing: Publishing
) -> None:
    server = Server(run_1=COMPLETED)
    watchers.streamed_types.add("Chat")
    watchers.hint(OWNED, "Chat", cast("Client", server))
    # Its opening is on its way to the channel.
    watch(watchers, server)
    await publishing.ended.wait()
    assert publishing.reasons() == ["complete"]


async def test_history_that_cannot_be_read_for_a_while_is_read_again(
    watchers: Watchers, publishing: Publishing
) -> None:
    publishing.stored = HistoryError("away")
    publishing.readable = [step_opened()]
    watchers.streamed_types.add("Chat")
    watchers.hint(OWNED, "Chat", cast("Client", Server(run_1=COMPLETED)))
    await publishing.ended.wait()
    assert publishing.reasons() == ["complete"]


async def test_turn_that_has_just_ended_is_ended_before_exit(
    watchers: Watchers, publishing: Publishing, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def completed(*_: object) -> bool:
        asked.set()
        if answers:
            raise answers.pop()
        return True

    answers = [RPCError("away", RPCStatusCode.UNAVAILABLE, b"")]
    monkeypatch.setattr(watcher, "task_completed", completed)
    publishing.stored = [step_opened()]
    bound = Binding("ai:wf", "run-1", "wf", "run-1", turn="0.1")
    watchers.turn_ended(OWNED, TurnEnded(bound, "run-1", "Chat", 3, "complete"), cast("Client", Server()))
    await watchers.settle(1.0)
    assert asked.is_set()
    assert publishing.reasons() == ["complete"]


# A run that answers an input.

ANSWER = Owned("ai:wf", FIRST, "wf", "run-1", "run-1", input="e1", name="R")
ASKED = (RunOpened(FIRST), opened(), wrote(call()))
SAID = (RunOpened(FIRST), opened(), wrote(text()))
SECOND = replace(FIRST, invocation="W2")


def told(publishing: Publishing) -> list[str]:
    """Whatever was published of a run's end and suspension."""
    return [f"{end.run_id} ended" for end in publishing.ends] + [
        f"{suspension.run_id} {suspension.reason}" for suspension in publishing.suspensions
    ]


@pytest.mark.parametrize(
    ("stored", "event", "expected"),
    [
        (SAID, COMPLETED, ["R ended"]),
        (ASKED, COMPLETED, ["R handed-over"]),
        (ASKED, close_event("canceled"), ["R ended"]),
        (ASKED, failed(), ["R ended"]),
        ((*ASKED, suspended()), COMPLETED, []),
        ((*ASKED, suspended(reason="waiting")), COMPLETED, ["R ended"]),
        ((*ASKED, RunClosed(FIRST, "complete")), COMPLETED, []),
        ((*ASKED, approves(), RunResumed(SECOND)), COMPLETED, []),
        ((*ASKED, approves(), RunResumed(SECOND)), failed(), []),
        (
            (*ASKED, suspended(reason="waiting"), forks(), RunOpened(replace(FIRST, id="R/+1"))),
            failed(),
            ["R/+1 ended"],
        ),
        (
            (*ASKED, suspended(reason="waiting"), says("e2", "u2"), RunOpened(replace(FIRST, id="R/+1"))),
            COMPLETED,
            ["R ended", "R/+1 ended"],
        ),
        ((), COMPLETED, ["R ended"]),
    ],
)
async def test_end_of_an_answer_is_what_its_channel_says(
    watchers: Watchers, publishing: Publishing, stored: tuple[Any, ...], event: HistoryEvent, expected: list[str]
) -> None:
    publishing.stored = history(*stored)
    watch(watchers, Server(run_1=event), ANSWER)
    await asyncio.wait(list(watchers._tasks.values()))
    assert told(publishing) == expected


async def test_before_exit_what_is_being_decided_is_waited_for(watchers: Watchers, publishing: Publishing) -> None:
    publishing.stored = history(*ASKED)
    publishing.let_read.clear()
    watch(watchers, Server(run_1=COMPLETED), ANSWER)
    await publishing.reading.wait()
    settling = asyncio.ensure_future(watchers.settle(1.0))
    await asyncio.sleep(0)
    assert not settling.done()
    publishing.let_read.set()
    await settling
    assert told(publishing) == ["R handed-over"]


async def test_before_exit_nothing_is_waited_for_that_is_out_of_reach(
    watchers: Watchers, publishing: Publishing
) -> None:
    publishing.let_read.clear()
    publishing.away = True
    watch(watchers, Server(run_1=COMPLETED), ANSWER)
    await publishing.reading.wait()
    settling = asyncio.ensure_future(watchers.settle(1.0))
    await asyncio.wait([settling], timeout=30)
    assert settling.done()
    await watchers.stop()


BINDING = Binding("ai:wf", "R", "wf", "run-1", input="e1")


@pytest.mark.parametrize(
    ("stored", "resumed", "expected"),
    [
        (ASKED, 0, ["R waiting"]),
        (SAID, 0, ["R waiting"]),
        ((*ASKED, RunResumed(replace(FIRST, invocation="R/+1"))), 1, ["R waiting"]),
        # It went on already.
        ((*ASKED, RunResumed(replace(FIRST, invocation="R/+1"))), 0, []),
        # It went on and waits again, without a word in between.
        ((*ASKED, suspended(reason="waiting")), 1, []),
        ((*ASKED, RunClosed(FIRST, "complete")), 0, []),
        ((*ASKED, RunResumed(SECOND)), 0, []),
        # Nothing was ever said, so nobody saw a run.
        ((), 0, []),
    ],
)
async def test_run_of_a_workflow_that_waits_is_suspended(
    watchers: Watchers,
    publishing: Publishing,
    monkeypatch: pytest.MonkeyPatch,
    stored: tuple[Any, ...],
    resumed: int,
    expected: list[str],
) -> None:
    publishing.stored = history(*stored)
    monkeypatch.setattr(watcher, "task_completed", _completed(answer=True))
    said = Suspended(replace(BINDING, resumed=resumed), "run-1", 7)
    watchers.suspended(ANSWER, said, cast("Client", Server()))
    await publishing.spawned
    assert told(publishing) == expected


async def test_what_a_refused_workflow_task_said_is_not_true(
    watchers: Watchers, publishing: Publishing, monkeypatch: pytest.MonkeyPatch
) -> None:
    publishing.stored = history(*ASKED)
    monkeypatch.setattr(watcher, "task_completed", _completed(answer=False))
    watchers.suspended(ANSWER, Suspended(BINDING, "run-1", 7), cast("Client", Server()))
    await publishing.spawned
    assert told(publishing) == []


async def test_nobody_can_tell_whether_a_workflow_waits_without_a_client(
    watchers: Watchers, publishing: Publishing
) -> None:
    publishing.stored = history(*ASKED)
    watchers.suspended(ANSWER, Suspended(BINDING, "run-1", 7))
    await publishing.spawned
    assert told(publishing) == []


def _completed(*, answer: bool) -> Callable[..., Coroutine[object, object, bool]]:
    async def task_completed(client: object, workflow_id: str, run_id: str, length: int) -> bool:
        assert (workflow_id, run_id, length) == ("wf", "run-1", 7)
        return answer

    return task_completed
