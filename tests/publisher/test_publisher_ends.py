"""How a publisher ends runs, and lets go of its connections."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from temporal_ably._publisher import publisher as publisher_room
from temporal_ably._publisher.handover import Standing
from temporal_ably._publisher.run_end import RunEnd
from temporal_ably._publisher.suspension import Suspension
from temporal_ably._transport.base import Timeouts
from temporal_ably._wire.events import RunClosed
from tests.publisher.fake import UNREACHABLE, WAIT_S, FakeAbly
from tests.publisher.model import PLAN, RUN
from tests.publisher.writer import WHOLE, Writer, deliver, publisher_with

if TYPE_CHECKING:
    from concurrent.futures import Future

    import pytest

    from temporal_ably._publisher.engine import Engine
    from temporal_ably._publisher.outcome import Outcome
    from temporal_ably._publisher.publisher import Publisher
    from temporal_ably._wire.tags import Pause


# Run-ends.


def end_run(publisher: Publisher) -> None:
    end = RunEnd(PLAN.channel, RunClosed(RUN, "complete"), "wf", "wf-run")
    publisher.post(lambda now: publisher.end_run(end, now))


def test_run_end_comes_after_all_that_was_finished(publisher: Publisher, ably: FakeAbly) -> None:
    writer = Writer(publisher)
    writer.write("hello")
    writer.finish()
    end_run(publisher)
    ably.wait_for(lambda: ably.sent[-1:] == ["run-end"])
    assert ably.channels["ai:wf"].texts() == ["hello"]
    assert ably.sent[-2:] == ["step-end", "run-end"]


def test_run_end_cuts_off_what_is_still_being_written(publisher: Publisher, ably: FakeAbly) -> None:
    writer = Writer(publisher)
    writer.write("hello")
    ably.wait_for(lambda: len(ably.sent) == 4)
    end_run(publisher)
    writer.write(" world")
    ably.wait_for(lambda: ably.sent[-1:] == ["run-end"])
    assert ably.sent[-2:] == ["append 0.0 '' cancelled", "run-end"]


def test_run_that_was_ended_twice_has_one_end(publisher: Publisher, ably: FakeAbly) -> None:
    end_run(publisher)
    end_run(publisher)
    publisher.engine.submit(publisher.drain(WAIT_S)).result(WAIT_S)
    assert ably.channels["ai:wf"].names() == ["ai-run-end"]


# Suspensions.


def suspend_run(publisher: Publisher, reason: Pause) -> None:
    suspension = Suspension(PLAN.channel, Standing(RUN, "active"), reason, "wf", "wf-run")
    publisher.post(lambda now: publisher.suspend_run(suspension, now))


def test_handed_over_run_cuts_off_what_is_still_being_written(publisher: Publisher, ably: FakeAbly) -> None:
    writer = Writer(publisher)
    writer.write("hello")
    ably.wait_for(lambda: len(ably.sent) == 4)
    suspend_run(publisher, "handed-over")
    ably.wait_for(lambda: len(ably.sent) == 6)
    assert ably.channels["ai:wf"].names()[-1] == "ai-run-suspend"
    assert "append 0.0 '' cancelled" in ably.sent[-2:]


def test_run_that_waits_may_still_be_written_to(publisher: Publisher, ably: FakeAbly) -> None:
    writer = Writer(publisher)
    writer.write("hello")
    ably.wait_for(lambda: len(ably.sent) == 4)
    suspend_run(publisher, "waiting")
    writer.write(" world")
    writer.finish()
    ably.wait_for(lambda: ably.sent[-1:] == ["step-end"])
    assert ably.channels["ai:wf"].texts() == ["hello world"]
    assert "ai-run-suspend" in ably.channels["ai:wf"].names()


def test_what_ended_activities_wrote_is_waited_for_and_nothing_else(publisher: Publisher, ably: FakeAbly) -> None:
    Writer(publisher)
    writer = Writer(publisher, replace(PLAN, step=":0:2"))
    writer.write("hello")
    writer.finish()
    publisher.engine.submit(publisher.settled(PLAN.channel)).result(WAIT_S)
    assert "step-end" in ably.sent
    assert "hello" in ably.channels["ai:wf"].texts()


# Letting go.


def test_drain_waits_for_what_is_finished(publisher: Publisher, ably: FakeAbly) -> None:
    writer = Writer(publisher)
    writer.write("hello")
    writer.finish()
    publisher.engine.submit(publisher.drain(WAIT_S)).result(WAIT_S)
    assert ably.sent[-1] == "step-end"


def test_drain_does_not_wait_for_what_is_still_being_written(publisher: Publisher, ably: FakeAbly) -> None:
    Writer(publisher)
    ably.wait_for(lambda: len(ably.sent) == 3)
    publisher.engine.submit(publisher.drain(1e9)).result(WAIT_S)


def test_drain_does_not_wait_while_ably_is_out_of_reach(publisher: Publisher, ably: FakeAbly) -> None:
    ably.unreachable = UNREACHABLE
    deliver(publisher, "hello")
    publisher.engine.submit(publisher.drain(1e9)).result(WAIT_S)
    assert ably.sent == []


def test_drain_ends_at_its_limit(publisher: Publisher, ably: FakeAbly) -> None:
    ably.holding = True
    Writer(publisher).finish()
    ably.wait_for(lambda: ably.in_flight == 2)
    publisher.engine.submit(publisher.drain(0.01)).result(WAIT_S)
    assert ably.sent == []


def test_connections_are_closed_unless_something_is_being_written(publisher: Publisher, ably: FakeAbly) -> None:
    writer = Writer(publisher)
    ably.wait_for(lambda: len(ably.sent) == 3)
    publisher.engine.submit(publisher.close_if_idle()).result(WAIT_S)
    assert not ably.connections[0].closed
    writer.finish().result(WAIT_S)
    publisher.engine.submit(publisher.close_if_idle()).result(WAIT_S)
    assert ably.connections[0].closed


def test_publisher_connects_again_after_it_let_go(publisher: Publisher, ably: FakeAbly) -> None:
    for step in (":0:1", ":0:2"):
        assert deliver(publisher, "x", plan=replace(PLAN, step=step)) == WHOLE
        publisher.engine.submit(publisher.close_if_idle()).result(WAIT_S)
    assert [connection.closed for connection in ably.connections] == [True, True]


def test_idle_connection_is_closed_in_time(engine: Engine, ably: FakeAbly) -> None:
    publisher = publisher_with(engine, ably, buffer_bytes=1000, timeouts=Timeouts(idle_s=0.01))
    assert deliver(publisher, "hello") == WHOLE
    ably.wait_for(lambda: ably.connections[0].closed)


def test_no_more_than_a_bounded_number_of_ended_attempts_is_held(
    publisher: Publisher, ably: FakeAbly, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(publisher_room, "_KEPT_ATTEMPTS", 2)
    ably.unreachable = UNREACHABLE
    writers = [Writer(publisher, replace(PLAN, step=f":0:{n}")) for n in range(4)]
    futures: list[Future[Outcome]] = []
    for writer in writers:
        writer.write("held")
        futures.append(writer.finish())
    outcomes = [future.result(WAIT_S) for future in futures]
    ably.unreachable = None
    ably.wait_for(lambda: len(ably.channels["ai:wf"].session.messages) == 2)
    assert [writer.attempt.lost > 0 for writer in writers] == [True, True, False, False]
    assert len(outcomes) == 4
    told = [record for record in caplog.records if "ended activities" in record.getMessage()]
    assert len(told) == 1
