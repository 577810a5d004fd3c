"""Open runs against a scripted channel and a scripted server: who is listened to, who is stopped, who is left alone."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from temporalio.service import RPCError, RPCStatusCode

from temporal_ably._publisher.requests import Requests
from temporal_ably._temporal import open_runs as module
from temporal_ably._temporal.following import Owned
from temporal_ably._temporal.open_runs import OpenRuns
from temporal_ably._wire.events import CancelRequested, Event, Input, Run, RunOpened, RunSuspended, Step, StepClosed
from temporal_ably._wire.parts import Whole
from temporal_ably.errors import HistoryError
from tests.publisher.test_requests import channel, message

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Coroutine

    from temporalio.client import Client

    from temporal_ably._publisher.attempt import Attempt
    from temporal_ably._publisher.publisher import Publisher
    from temporal_ably._temporal.cut import Cut
    from temporal_ably._transport.base import Stored
    from temporal_ably.settings import CancelMode

RUN = Run("run-1", "run-1/in")
OWNED = Owned("ai:wf", RUN, "wf", "run-1", "run-1", name="run-1")
CANCEL = CancelRequested("c", run="run-1")
TRIGGER = Input("prompt", "event", "user", part=Whole("user-message", {}, "why?"))


class Script:
    """What open runs need of the publisher: a channel that can be heard and read."""

    def __init__(self, *past: Event) -> None:
        self.engine = SimpleNamespace(loop=asyncio.get_running_loop())
        self.listening = self
        self.past: list[Stored] = channel(*past)
        self.errors: list[Exception] = []
        self.heard: list[tuple[Callable[[Stored], None], Callable[[], None]]] = []
        self.reads = 0
        self._tasks: list[asyncio.Task[None]] = []

    def listen(
        self, channel: str, on_message: Callable[[Stored], None], on_gap: Callable[[], None]
    ) -> Callable[[], None]:
        assert channel == "ai:wf"
        listener = on_message, on_gap
        self.heard.append(listener)
        asyncio.get_running_loop().call_soon(on_gap)
        return lambda: self.heard.remove(listener)

    def publish(self, event: Event) -> None:
        """Publish something that is heard at once."""
        said = message(len(self.past) + 1, event)
        self.past.append(said)
        for on_message, _ in self.heard:
            on_message(said)

    async def history(self, channel: str, *, until: Callable[[Stored], bool] = lambda _: False) -> list[Stored]:
        assert channel == "ai:wf"
        self.reads += 1
        if self.errors:
            raise self.errors.pop(0)
        found: list[Stored] = []
        for each in reversed(self.past):
            found.append(each)
            if until(each):
                break
        return found

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        self._tasks.append(asyncio.ensure_future(work))

    async def settled(self) -> None:
        """Wait until everything that was begun is done, so far as it does not sleep."""
        for _ in range(20):
            await asyncio.sleep(0)


class Stopped:
    """Stands for a cut, and remembers how it was stopped."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, concurrent.futures.Future[None] | None]] = []
        self.delivered = False

    def stop(self, until: float, owner: concurrent.futures.Future[None] | None) -> None:
        self.calls.append((until, owner))
        self.delivered = True


class Server:
    """Temporal's server: what it was asked to cancel. `errors` come first."""

    def __init__(self, *errors: RPCError) -> None:
        self.asked: list[tuple[str, str | None, str | None]] = []
        self._errors = list(errors)

    def get_workflow_handle(
        self, workflow_id: str, *, run_id: str | None, first_execution_run_id: str | None
    ) -> SimpleNamespace:
        async def cancel(*, reason: str) -> None:
            assert "ai:wf" in reason
            self.asked.append((workflow_id, run_id, first_execution_run_id))
            if self._errors:
                raise self._errors.pop(0)

        return SimpleNamespace(cancel=cancel)


def runs_of(script: Script, mode: CancelMode = "workflow") -> OpenRuns:
    return OpenRuns(cast("Publisher", script), mode)


def enter(runs: OpenRuns, cut: Stopped, server: Server | None = None, owned: Owned = OWNED, resumed: int = 0) -> None:
    """An attempt of a run that is known from the start."""
    runs.enter(owned, cast("Client | None", server), cast("Cut", cut), resumed=resumed)
    runs.located(owned)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RETRY_S", (0.0,))


async def test_cancel_stops_the_attempts_of_the_run_and_its_workflow() -> None:
    script, server, cut = Script(RunOpened(RUN)), Server(), Stopped()
    runs = runs_of(script)
    enter(runs, cut, server)
    script.publish(CANCEL)
    await script.settled()
    assert server.asked == [("wf", None, "run-1")]
    ((_, owner),) = cut.calls
    assert owner is not None
    assert owner.done()


async def test_workflow_of_which_a_single_run_is_known_is_cancelled_by_that() -> None:
    script, server = Script(), Server()
    owned = Owned("ai:wf", RUN, "wf", "run-1", None, name="run-1")
    enter(runs_of(script), Stopped(), server, owned)
    script.publish(CANCEL)
    await script.settled()
    assert server.asked == [("wf", "run-1", None)]


@pytest.mark.parametrize(("mode", "turn"), [("activity", False), ("workflow", True)])
async def test_workflow_is_left_alone_where_its_activities_are_all_that_is_meant(
    mode: CancelMode, *, turn: bool
) -> None:
    script, server, cut = Script(), Server(), Stopped()
    owned = Owned("ai:wf", RUN, "wf", "run-1", "run-1", turn=turn, name="run-1")
    enter(runs_of(script, mode), cut, server, owned)
    script.publish(CANCEL)
    await script.settled()
    assert server.asked == []
    assert [owner for _, owner in cut.calls] == [None]


async def test_nothing_is_heard_where_cancels_are_off() -> None:
    script, cut = Script(CANCEL), Stopped()
    runs = runs_of(script, "off")
    enter(runs, cut, Server())
    runs.watch(OWNED, cast("Client", Server()))
    await script.settled()
    assert script.heard == []
    assert script.reads == 0
    assert not await runs.was_stopped(OWNED)


async def test_cancel_from_before_is_found_in_the_history() -> None:
    script, server, cut = Script(RunOpened(RUN), CANCEL), Server(), Stopped()
    enter(runs_of(script), cut, server)
    assert cut.calls == []
    await script.settled()
    assert len(cut.calls) == len(server.asked) == 1


async def test_cancel_that_fell_into_a_gap_is_found_in_the_history() -> None:
    script, cut = Script(RunOpened(RUN)), Stopped()
    enter(runs_of(script), cut, Server())
    await script.settled()
    script.past += [message(2, CANCEL)]
    for _, on_gap in script.heard:
        on_gap()
    await script.settled()
    assert len(cut.calls) == 1


async def test_history_that_cannot_be_read_yet_is_read_again() -> None:
    script, cut = Script(CANCEL), Stopped()
    script.errors = [HistoryError("away"), HistoryError("away")]
    enter(runs_of(script), cut, Server())
    await script.settled()
    assert script.reads == 3
    assert len(cut.calls) == 1


async def test_history_that_must_not_be_read_is_let_be() -> None:
    script, cut = Script(), Stopped()
    script.errors = [HistoryError("forbidden", retryable=False)]
    enter(runs_of(script), cut, Server())
    await script.settled()
    assert script.reads == 1
    script.publish(CANCEL)
    assert len(cut.calls) == 1


async def test_cancel_waits_for_the_run_to_be_known() -> None:
    script, cut = Script(TRIGGER), Stopped()
    runs = runs_of(script)
    asked = Owned("ai:wf", RUN, "wf", "run-1", "run-1", input="event", name="run-1")
    runs.enter(asked, cast("Client", Server()), cast("Cut", cut))
    script.publish(CancelRequested("c", input_id="prompt"))
    await script.settled()
    assert cut.calls == []
    answered = Run("run-1", "prompt", input_id="prompt")
    runs.located(Owned("ai:wf", answered, "wf", "run-1", "run-1", input="event", name="run-1"))
    assert len(cut.calls) == 1


async def test_what_the_preparation_read_is_not_lost() -> None:
    script, cut = Script(), Stopped()
    runs = runs_of(script)
    learnt = Requests()
    learnt.know(RUN)
    for each in channel(RunOpened(RUN), CANCEL):
        learnt.take(each)
    runs.enter(OWNED, cast("Client", Server()), cast("Cut", cut))
    runs.located(OWNED, learnt)
    assert len(cut.calls) == 1


async def test_attempt_of_a_stopped_run_is_stopped_as_soon_as_it_comes() -> None:
    script, server, first, later, silent = Script(), Server(), Stopped(), Stopped(), Stopped()
    runs = runs_of(script)
    enter(runs, first, server)
    script.publish(CANCEL)
    enter(runs, later, server)
    runs.touch(OWNED.place, cast("Cut", silent))
    await script.settled()
    assert [len(each.calls) for each in (first, later, silent)] == [1, 1, 1]
    assert later.calls == first.calls
    assert len(server.asked) == 1


async def test_attempt_that_has_only_asked_for_its_stream_is_stopped_with_the_others() -> None:
    script, silent, gone = Script(), Stopped(), Stopped()
    runs = runs_of(script)
    for each in (silent, gone):
        runs.touch(OWNED.place, cast("Cut", each))
    assert script.heard == []
    enter(runs, Stopped(), Server())
    runs.leave(OWNED.place, cast("Cut", gone))
    script.publish(CANCEL)
    assert [len(each.calls) for each in (silent, gone)] == [1, 0]


async def test_cancel_of_another_run_stops_nothing() -> None:
    script, server, cut = Script(), Server(), Stopped()
    enter(runs_of(script), cut, server)
    script.publish(CancelRequested("c", run="run-2"))
    await script.settled()
    assert cut.calls == server.asked == []


async def test_channel_is_listened_to_as_long_as_an_attempt_or_a_watcher_is_there() -> None:
    script, first, second = Script(), Stopped(), Stopped()
    runs = runs_of(script)
    enter(runs, first)
    enter(runs, second)
    runs.watch(OWNED, cast("Client", Server()))
    for leave in (
        lambda: runs.leave(OWNED.place, cast("Cut", first)),
        lambda: runs.unwatch(OWNED.place),
        lambda: runs.leave(OWNED.place, cast("Cut", second)),
    ):
        assert len(script.heard) == 1
        leave()
    assert script.heard == []


async def test_watcher_alone_hears_a_cancel() -> None:
    script, server = Script(), Server()
    runs = runs_of(script)
    runs.watch(OWNED, cast("Client", server))
    await script.settled()
    script.publish(CANCEL)
    await script.settled()
    assert len(server.asked) == 1


async def test_who_lets_go_of_what_it_does_not_hold_does_no_harm() -> None:
    runs = runs_of(Script())
    runs.unwatch(OWNED.place)
    runs.leave(OWNED.place, cast("Cut", Stopped()))
    runs.located(OWNED)


async def test_cancel_from_before_a_suspension_does_not_stop_what_comes_after_it() -> None:
    script, first, resumed = Script(), Stopped(), Stopped()
    runs = runs_of(script, "activity")
    runs.watch(OWNED, cast("Client", Server()))
    enter(runs, first)
    script.publish(CANCEL)
    runs.leave(OWNED.place, cast("Cut", first))
    # Its own messages nobody hears, but the history has them.
    script.past.append(message(2, RunSuspended(RUN)))
    enter(runs, resumed, resumed=1)
    await script.settled()
    assert resumed.calls == []
    script.publish(CANCEL)
    assert len(resumed.calls) == 1


async def test_server_that_does_not_answer_is_asked_again_while_the_run_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    away = RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
    script, server, cut = Script(), Server(away, away), Stopped()
    enter(runs_of(script), cut, server)
    script.publish(CANCEL)
    await script.settled()
    assert len(server.asked) == 3
    assert len([each for each in caplog.records if each.levelno >= logging.WARNING]) == 1


async def test_workflow_that_is_gone_is_not_asked_again() -> None:
    script, server, cut = Script(), Server(RPCError("gone", RPCStatusCode.NOT_FOUND, b"")), Stopped()
    enter(runs_of(script), cut, server)
    script.publish(CANCEL)
    await script.settled()
    assert len(server.asked) == 1
    ((_, owner),) = cut.calls
    assert owner is not None
    assert owner.done()


async def test_run_was_stopped_if_code_was_cut_here_or_elsewhere() -> None:
    script, cut = Script(), Stopped()
    runs = runs_of(script)
    enter(runs, cut, Server())
    assert not await runs.was_stopped(OWNED)
    script.publish(CANCEL)
    assert await runs.was_stopped(OWNED)
    runs.watch(OWNED, cast("Client", Server()))
    runs.leave(OWNED.place, cast("Cut", cut))
    assert await runs.was_stopped(OWNED)


async def test_cut_that_came_too_late_is_none_unless_another_process_was_in_time() -> None:
    script = Script(RunOpened(RUN))
    runs = runs_of(script)
    runs.watch(OWNED, cast("Client", Server()))
    script.publish(CANCEL)
    assert not await runs.was_stopped(OWNED)
    script.past.append(message(3, StepClosed(Step(RUN, ":0:1", "1"), "cancelled")))
    assert await runs.was_stopped(OWNED)
    script.errors = [HistoryError("away")]
    assert not await runs.was_stopped(OWNED)


async def test_bug_in_reading_is_told_and_hurts_nobody(caplog: pytest.LogCaptureFixture) -> None:
    script, cut = Script(), Stopped()
    script.errors = [KeyError("a bug")]
    enter(runs_of(script), cut, Server())
    await script.settled()
    assert any("a bug" in each.getMessage() for each in caplog.records)
    script.publish(CANCEL)
    assert len(cut.calls) == 1


# What users say meanwhile.


def asking(step: str = ":0:1") -> Attempt:
    plan = SimpleNamespace(step=step)
    return cast("Attempt", SimpleNamespace(plan=plan))


def words(steer: str) -> Input:
    return Input(steer, f"e-{steer}", "user", run="run-1", part=Whole("user-message", {"partType": "text"}, "shorter"))


async def given(runs: OpenRuns, step: str = ":0:1") -> list[str]:
    return [each.id for each in await runs.steers(OWNED.place, asking(step))]


@pytest.mark.parametrize("mode", ["workflow", "activity", "off"])
async def test_what_users_say_is_given_whether_it_came_live_or_before(mode: CancelMode) -> None:
    script = Script(RunOpened(RUN), words("s-1"))
    runs = runs_of(script, mode)
    enter(runs, Stopped(), Server())
    assert await given(runs) == ["s-1"]
    script.publish(words("s-2"))
    assert await given(runs) == ["s-1", "s-2"]
    runs.heed(OWNED.place, ["s-1"], asking())
    assert await given(runs, ":0:2") == ["s-2"]


async def test_who_asks_waits_for_the_history_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(words("s-1"))
    script.errors = [HistoryError("away")]
    runs = runs_of(script)
    monkeypatch.setattr(module, "_STEERS_S", 0.01)
    monkeypatch.setattr(module, "_RETRY_S", (60.0,))
    enter(runs, Stopped(), Server())
    assert await given(runs) == []
    script.publish(words("s-2"))
    monkeypatch.setattr(module, "_STEERS_S", 60.0)
    assert await given(runs) == ["s-2"]


async def test_nothing_is_said_to_a_run_that_is_not_open() -> None:
    runs = runs_of(Script())
    assert await given(runs) == []
    runs.heed(OWNED.place, ["s-1"], asking())
