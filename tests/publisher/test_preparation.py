from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from temporal_ably._dialect import ait08
from temporal_ably._publisher.attempt import Attempt
from temporal_ably._publisher.preparation import Preparation, Wanted
from temporal_ably._publisher.recall import Place
from temporal_ably._publisher.run_end import RunEnd
from temporal_ably._wire.events import Run, RunClosed, RunOpened
from temporal_ably._wire.identity import Reset, Sweep
from temporal_ably._wire.operations import Publish
from temporal_ably.errors import HistoryError
from tests.publisher.fake import UNREACHABLE, WAIT_S, FakeAbly
from tests.publisher.model import ORIGIN, PLAN, RUN, TEXT, headers_of
from tests.publisher.test_recall import flush, write
from tests.publisher.told import FIRST, approves, says

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from temporal_ably._publisher.outcome import Outcome
    from temporal_ably._publisher.plan import Plan
    from temporal_ably._publisher.publisher import Publisher
    from temporal_ably._wire.events import Event

RESET = Reset("run-2", "wf", "run-1")
SWEEPS = (Sweep("", 500, (0, 0)),)
REFUSED = HistoryError("unable to read the history of ai:wf; no capability; give the key one", retryable=False)
NO_HISTORY = HistoryError("unable to read the history of ai:wf; no; check that the key has the history capability")


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("temporal_ably._publisher.preparation._RETRY_S", (0.0, 0.0))


def plan_of(step: str) -> Plan:
    return replace(PLAN, step=step, origin=replace(ORIGIN, started_us=900))


class Resumed:
    """A reset workflow run, whose attempts are held until they are prepared."""

    def __init__(self, publisher: Publisher, reset: Reset = RESET) -> None:
        self.publisher = publisher
        self.preparation = Preparation(publisher)
        self.reset = reset

    def stream(self, *steps: str) -> list[Future[Outcome]]:
        attempts = [Attempt(plan_of(step)) for step in steps]

        def begin(now: float) -> None:
            for attempt in attempts:
                attempt.hold()
                self.publisher.add_attempt(attempt, now)
                attempt.open_part(1, 0, TEXT, now)
                attempt.text(1, f"new {attempt.plan.step}", now)
                self.publisher.spawn(self._prepare(attempt, released.release))

        released = threading.Semaphore(0)
        self.publisher.post(begin)
        for _ in attempts:
            assert released.acquire(timeout=WAIT_S)
        return [self.publisher.post_finish(attempt, "complete", patient=True) for attempt in attempts]

    async def _prepare(self, attempt: Attempt, released: Callable[[], None]) -> None:
        try:
            await self.preparation.prepare(attempt, Wanted(self.reset, SWEEPS))
        finally:
            released()

    def drain(self) -> None:
        self.publisher.engine.submit(self.publisher.drain(WAIT_S)).result(WAIT_S)


def last_attempts(ably: FakeAbly) -> dict[str, str]:
    """What a stock client takes for each step's attempt: the step-start with the highest serial."""
    found: dict[str, str] = {}
    for message in ably.channels["ai:wf"].messages.values():
        if message.name == "ai-step-start":
            headers = headers_of(message)
            found[headers["temporal-step"]] = headers["temporal-started"]
    return found


def test_step_that_is_written_again_before_its_tombstone_is_out_keeps_its_text(
    publisher: Publisher, ably: FakeAbly
) -> None:
    for step in (":0:1", ":0:2"):
        write(ably.channels["ai:wf"], step, 100)
    ably.unreachable = UNREACHABLE
    publisher.engine.submit(Preparation(publisher).sweep(plan_of(""), SWEEPS)).result(WAIT_S)
    late = Attempt(plan_of(":0:2"))
    publisher.post(lambda now: publisher.add_attempt(late, now))
    publisher.post(lambda now: late.open_part(1, 0, TEXT, now))
    end = publisher.post_finish(late, "complete", patient=True)
    ably.unreachable = None
    assert end.result(WAIT_S).whole
    publisher.engine.submit(publisher.drain(WAIT_S)).result(WAIT_S)
    assert last_attempts(ably) == {":0:1": "500", ":0:2": "900"}


def test_history_is_read_once_for_all_attempts_of_a_reset_and_once_to_mark_what_a_tombstone_replaced(
    publisher: Publisher, ably: FakeAbly
) -> None:
    write(ably.channels["ai:wf"], ":0:9", 100)
    resumed = Resumed(publisher)
    for end in [*resumed.stream(":0:1", ":0:2"), *resumed.stream(":0:3")]:
        end.result(WAIT_S)
    resumed.drain()
    assert ably.history_reads == 2
    assert ably.sent.count("step-start") == 4


def test_dead_steps_are_buried_before_the_writer_opens(publisher: Publisher, ably: FakeAbly) -> None:
    for step in (":0:1", ":0:2"):
        write(ably.channels["ai:wf"], step, 100)
    resumed = Resumed(publisher)
    [end] = resumed.stream(":0:3")
    assert end.result(WAIT_S).whole
    resumed.drain()
    assert list(last_attempts(ably)) == [":0:1", ":0:2", ":0:3"]
    assert last_attempts(ably) == {":0:1": "500", ":0:2": "500", ":0:3": "900"}


def test_nothing_is_sent_before_the_history_is_known(publisher: Publisher, ably: FakeAbly) -> None:
    attempt = Attempt(PLAN)
    attempt.hold()
    publisher.post(lambda now: publisher.add_attempt(attempt, now))
    publisher.post(attempt.open)
    other = Attempt(plan_of(":0:2"))
    publisher.post(lambda now: publisher.add_attempt(other, now))
    publisher.post(other.open)
    publisher.post_finish(other, "complete", patient=True).result(WAIT_S)
    assert set(last_attempts(ably)) == {":0:2"}


def test_reset_of_an_ended_run_goes_on_beside_it_and_buries_nothing(publisher: Publisher, ably: FakeAbly) -> None:
    channel = ably.channels["ai:wf"]
    write(channel, ":0:1", 100)
    flush(RunEnd("ai:wf", RunClosed(RUN, "complete"), "wf", "wf-run"), channel)
    [end] = Resumed(publisher).stream(":0:2")
    assert end.result(WAIT_S).whole
    [old, new] = [stream.step.run for stream in channel.streams()]
    assert (old, new) == (RUN, Run("run/rrun-2", RUN.parent))
    assert last_attempts(ably) == {":0:1": "100", ":0:2": "900"}


def test_reset_of_a_run_that_goes_on_stays_in_it(publisher: Publisher, ably: FakeAbly) -> None:
    write(ably.channels["ai:wf"], ":0:1", 100)
    [end] = Resumed(publisher).stream(":0:2")
    assert end.result(WAIT_S).whole
    assert {stream.step.run for stream in ably.channels["ai:wf"].streams()} == {RUN}


def test_unreadable_history_is_tried_again(
    publisher: Publisher, ably: FakeAbly, caplog: pytest.LogCaptureFixture
) -> None:
    channel = ably.channels["ai:wf"]
    write(channel, ":0:1", 100)
    flush(RunEnd("ai:wf", RunClosed(RUN, "complete"), "wf", "wf-run"), channel)
    ably.history_script.extend([NO_HISTORY, NO_HISTORY])
    [end] = Resumed(publisher).stream(":0:1")
    assert end.result(WAIT_S).whole
    assert channel.streams()[-1].step.run.id == "run/rrun-2"
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_attempt_goes_on_without_a_history_and_says_so(
    publisher: Publisher, ably: FakeAbly, caplog: pytest.LogCaptureFixture
) -> None:
    write(ably.channels["ai:wf"], ":0:2", 100)
    ably.history_script.append(REFUSED)
    [end] = Resumed(publisher).stream(":0:1")
    assert end.result(WAIT_S).whole
    assert last_attempts(ably) == {":0:1": "900", ":0:2": "100"}
    assert caplog.records[-1].getMessage() == f"{REFUSED}; going on without it, text of replaced steps may stay"


def test_attempt_is_released_even_where_the_reading_fails_in_an_unforeseen_way(
    publisher: Publisher, ably: FakeAbly, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(stored: object, run_id: str) -> None:
        raise ZeroDivisionError(stored, run_id)

    monkeypatch.setattr("temporal_ably._publisher.preparation.recall", fail)
    [end] = Resumed(publisher).stream(":0:1")
    assert end.result(WAIT_S).whole
    assert "ZeroDivisionError" in caplog.text


def test_sweep_without_a_writer_buries_every_dead_step(publisher: Publisher, ably: FakeAbly) -> None:
    for step in (":0:1", "/0.2:0:1"):
        write(ably.channels["ai:wf"], step, 100)
    publisher.engine.submit(Preparation(publisher).sweep(plan_of(""), SWEEPS)).result(WAIT_S)
    publisher.engine.submit(publisher.drain(WAIT_S)).result(WAIT_S)
    assert last_attempts(ably) == {":0:1": "500", "/0.2:0:1": "500"}


def test_input_is_not_looked_for_again_where_the_history_is_refused(
    publisher: Publisher, ably: FakeAbly, caplog: pytest.LogCaptureFixture
) -> None:
    ably.history_script.extend([REFUSED] * 5)
    preparation = Preparation(publisher)
    found = publisher.engine.submit(preparation.locate(plan_of(""), "e1")).result(WAIT_S)
    assert found == RUN
    assert caplog.text.count("going on without it") == 1


def test_who_gives_up_waiting_for_the_history_leaves_it_to_the_others(publisher: Publisher) -> None:
    preparation = Preparation(publisher)

    async def give_up() -> Run:
        waiting = [asyncio.ensure_future(preparation.locate(plan_of(""), "")) for _ in range(2)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.wait(waiting[:1])
        return await waiting[1]

    assert publisher.engine.submit(give_up()).result(WAIT_S) == RUN


def say(ably: FakeAbly, *events: Event) -> None:
    """Have others publish to the channel."""
    for event in events:
        ably.channels["ai:wf"].apply(Publish((replace(ait08.encode(event), id=str(event)),)))


def test_run_goes_on_with_what_its_workflow_heard_once_that_is_on_the_channel(
    publisher: Publisher, ably: FakeAbly
) -> None:
    say(ably, RunOpened(FIRST))
    plan = replace(PLAN, run=Run("R", "R/in", invocation="R/+1"))
    attempt = Attempt(plan)
    attempt.hold()
    wanted = Wanted(input="e1", heard=("e2",))
    learning = publisher.engine.submit(Preparation(publisher).prepare(attempt, wanted))
    ably.wait_for(lambda: ably.history_reads > 1)
    say(ably, approves())
    learnt = learning.result(WAIT_S)
    assert learnt.place == Place(replace(FIRST, input_id="R/:0:1/0", input_client_id="", invocation="R/+1"))
    assert attempt.plan.run == learnt.place.run


def test_run_of_whose_earlier_wake_ups_nothing_is_known_goes_on_with_its_input(
    publisher: Publisher, ably: FakeAbly
) -> None:
    say(ably, says("e1", "u1"))
    run = Run("R", "R/in", invocation="R/+1")
    found = publisher.engine.submit(Preparation(publisher).locate(replace(PLAN, run=run), "e1")).result(WAIT_S)
    assert found == replace(run, parent="u1", client_id="alice", input_id="u1")
