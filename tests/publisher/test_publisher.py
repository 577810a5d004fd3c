from __future__ import annotations

import random
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from temporal_ably._publisher.outcome import Delivery, Outcome
from temporal_ably._publisher.schedule import Schedule
from temporal_ably._transport.base import Timeouts
from temporal_ably._wire.parts import Whole
from temporal_ably.errors import ChannelRuleError, MessageTooLargeError, PublishError
from tests.publisher.fake import UNREACHABLE, WAIT_S, FakeAbly
from tests.publisher.model import ORIGIN, PLAN, RUN, Fate
from tests.publisher.writer import WHOLE, Writer, deliver, publisher_with

if TYPE_CHECKING:
    from temporal_ably._publisher.engine import Engine
    from temporal_ably._publisher.publisher import Publisher

NO_RULE = ChannelRuleError("unable to stream; no rule; enable it", code=93002, retryable=False, channel="ai:wf")
BAD_KEY = PublishError("unable to connect; bad key; check ABLY_API_KEY", code=40101, retryable=False)
ODD = PublishError("unable to publish; odd; trying again", code=40003)
CHANNEL_BUSY = PublishError("unable to publish; busy; trying again", code=42913)
CONNECTION_BUSY = PublishError("unable to publish; busy; trying again", code=42911)


# Delivery.


def test_publisher_without_work_does_not_connect(publisher: Publisher, ably: FakeAbly) -> None:
    publisher.engine.submit(publisher.drain(WAIT_S)).result(WAIT_S)
    assert ably.connections == []


def test_text_is_on_the_channel_when_the_end_has_been_waited_for(publisher: Publisher, ably: FakeAbly) -> None:
    ably.holding = True
    writer = Writer(publisher)
    writer.write("hel")
    writer.write("lo")
    end = writer.finish()
    publisher.engine.call(ably.let_go)
    assert end.result(WAIT_S) == WHOLE
    assert ably.channels["ai:wf"].texts() == ["hello"]
    assert ably.sent == [
        "run-start",
        "step-start",
        "start + start-step + create 0.0 '' streaming",
        "append 0.0 'hello' complete",
        "step-end",
    ]


def test_text_coalesces_while_an_operation_is_in_flight(publisher: Publisher, ably: FakeAbly) -> None:
    writer = Writer(publisher)
    writer.write("0")
    ably.wait_for(lambda: len(ably.sent) == 4)
    ably.holding = True
    writer.write("1")
    ably.wait_for(lambda: ably.in_flight == 1)
    for text in "23456789":
        writer.write(text)
    end = writer.finish()
    publisher.engine.call(ably.let_go)
    assert end.result(WAIT_S) == WHOLE
    assert ably.sent[4:] == ["append 0.0 '1' streaming", "append 0.0 '23456789' complete", "step-end"]


def write_many(writer: Writer) -> None:
    for number in range(200):
        writer.write(f"{number},")


def test_texts_from_many_threads_all_arrive_each_thread_in_order(publisher: Publisher, ably: FakeAbly) -> None:
    writers = [Writer(publisher, replace(PLAN, step=f":0:{n}")) for n in range(4)]
    threads = [threading.Thread(target=write_many, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert [writer.finish().result(WAIT_S) for writer in writers] == [WHOLE] * 4
    assert ably.channels["ai:wf"].texts() == ["".join(f"{n}," for n in range(200))] * 4


def test_run_is_opened_once_by_one_process(publisher: Publisher, ably: FakeAbly) -> None:
    deliver(publisher, "a")
    deliver(publisher, "b", plan=replace(PLAN, step=":0:2"))
    assert ably.sent.count("run-start") == 1


def test_channels_share_a_connection_and_are_released_after_use(publisher: Publisher, ably: FakeAbly) -> None:
    deliver(publisher, "a")
    deliver(publisher, "b", plan=replace(PLAN, channel="ai:other", run=replace(RUN, id="other")))
    assert len(ably.connections) == 1
    ably.wait_for(lambda: ably.released == ["ai:wf", "ai:other"])


def test_channels_are_spread_over_lanes(publisher: Publisher, ably: FakeAbly) -> None:
    writers = [Writer(publisher, replace(PLAN, channel=f"c{n}")) for n in range(6)]
    assert [writer.finish().result(WAIT_S) for writer in writers] == [WHOLE] * 6
    assert len(ably.connections) == 2


# Faults.


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.LOST_BUT_APPLIED])
@pytest.mark.parametrize("at", range(5))
def test_loss_of_any_operation_is_repaired_over_a_new_connection(
    publisher: Publisher, ably: FakeAbly, fate: Fate, at: int
) -> None:
    ably.script.extend([Fate.ACKED] * at + [fate])
    assert deliver(publisher, "hello") == WHOLE
    assert ably.channels["ai:wf"].texts() == ["hello"]
    assert sorted(ably.channels["ai:wf"].names()) == ["ai-output"] * 3 + [
        "ai-run-start",
        "ai-step-end",
        "ai-step-start",
    ]
    assert len(ably.connections) == 2
    assert ably.connections[0].closed


@pytest.mark.parametrize("seed", range(8))
def test_any_faults_end_in_exactly_what_was_written(publisher: Publisher, ably: FakeAbly, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test's dice
    faults: list[Fate | PublishError] = [*Fate, CHANNEL_BUSY, CONNECTION_BUSY]
    faults.remove(Fate.REFUSED)
    ably.script.extend(chance.choice(faults) for _ in range(12))
    writers = [Writer(publisher, replace(PLAN, step=f":0:{n}")) for n in range(3)]
    for number in range(30):
        chance.choice(writers).write(f"{number} ")
    outcomes = [writer.finish(patient=True).result(WAIT_S) for writer in writers]
    assert outcomes == [WHOLE] * 3
    words = " ".join(ably.channels["ai:wf"].texts()).split()
    assert sorted(map(int, words)) == list(range(30))
    assert ably.channels["ai:wf"].names().count("ai-step-start") == 3


@pytest.mark.parametrize(("busy", "connection"), [(CHANNEL_BUSY, False), (CONNECTION_BUSY, True)])
def test_rate_limited_operation_is_sent_again_and_slows_what_was_limited(
    publisher: Publisher,
    ably: FakeAbly,
    monkeypatch: pytest.MonkeyPatch,
    busy: PublishError,
    connection: bool,  # noqa: FBT001 - a column of the table
) -> None:
    slowed: list[tuple[str, bool]] = []

    def limited(schedule: Schedule, channel: str, *, connection: bool, now: float) -> None:
        del schedule, now
        slowed.append((channel, connection))

    monkeypatch.setattr(Schedule, "limited", limited)
    ably.script.extend([Fate.ACKED, Fate.ACKED, Fate.ACKED, busy])
    assert deliver(publisher, "hello") == WHOLE
    assert slowed == [("ai:wf", connection)]
    assert ably.channels["ai:wf"].texts() == ["hello"]
    assert len(ably.connections) == 1


@pytest.mark.parametrize("error", [ODD, MessageTooLargeError("unable to publish; too large", retryable=False)])
def test_text_that_was_refused_for_good_is_lost_and_told(
    publisher: Publisher, ably: FakeAbly, error: PublishError, caplog: pytest.LogCaptureFixture
) -> None:
    ably.script.extend([Fate.ACKED, Fate.ACKED, Fate.ACKED, error])
    outcome = deliver(publisher, "hello")
    assert outcome == Outcome(Delivery.DELIVERED, lost=5, error=error)
    assert not outcome.whole
    assert ably.sent[-1] == "step-end"
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_channel_without_a_rule_is_switched_off_with_one_clear_error(
    publisher: Publisher, ably: FakeAbly, caplog: pytest.LogCaptureFixture
) -> None:
    ably.script.extend([Fate.ACKED] * 2 + [NO_RULE] * 9)
    assert deliver(publisher, "hello") == Outcome(Delivery.HELD, error=NO_RULE)
    assert deliver(publisher, "more", plan=replace(PLAN, step=":0:2"), patient=True).error is NO_RULE
    assert [record.getMessage() for record in caplog.records] == [
        f"{NO_RULE}; activities go on; trying again every 60 s"
    ]
    assert len(ably.sent) == 3


def test_other_channels_go_on_while_one_is_switched_off(publisher: Publisher, ably: FakeAbly) -> None:
    ably.script.extend([Fate.ACKED] * 2 + [NO_RULE])
    deliver(publisher, "hello")
    assert deliver(publisher, "fine", plan=replace(PLAN, channel="ai:fine")) == WHOLE


def test_refused_channel_is_tried_again_after_the_pause(engine: Engine, ably: FakeAbly) -> None:
    publisher = publisher_with(engine, ably, buffer_bytes=1000, timeouts=Timeouts(refused_pause_s=0.01))
    ably.script.extend([Fate.ACKED] * 2 + [NO_RULE])
    deliver(publisher, "hello")
    ably.wait_for(lambda: ably.sent[-1] == "step-end")
    assert ably.channels["ai:wf"].texts() == ["hello"]


def test_unreachable_ably_does_not_keep_an_activity_and_is_told_once(
    publisher: Publisher, ably: FakeAbly, caplog: pytest.LogCaptureFixture
) -> None:
    ably.unreachable = UNREACHABLE
    assert deliver(publisher, "hello") == Outcome(Delivery.HELD, error=UNREACHABLE)
    ably.wait_for(lambda: ably.open_attempts > 3)
    assert [record.getMessage() for record in caplog.records] == [
        f"{UNREACHABLE}; activities go on, their text is held and sent later"
    ]


def test_held_text_is_sent_when_ably_is_back(publisher: Publisher, ably: FakeAbly) -> None:
    ably.unreachable = UNREACHABLE
    assert deliver(publisher, "hello").delivery is Delivery.HELD
    ably.unreachable = None
    ably.wait_for(lambda: bool(ably.sent) and ably.sent[-1] == "step-end")
    assert ably.channels["ai:wf"].texts() == ["hello"]


def test_patient_end_waits_until_ably_is_back(publisher: Publisher, ably: FakeAbly) -> None:
    ably.unreachable = UNREACHABLE
    writer = Writer(publisher)
    writer.write("hello")
    end = writer.finish(patient=True)
    ably.wait_for(lambda: ably.open_attempts > 3)
    assert not end.done()
    ably.unreachable = None
    assert end.result(WAIT_S) == WHOLE


def test_refused_credentials_keep_nobody_waiting(
    publisher: Publisher, ably: FakeAbly, caplog: pytest.LogCaptureFixture
) -> None:
    ably.unreachable = BAD_KEY
    assert deliver(publisher, "hello", patient=True) == Outcome(Delivery.HELD, error=BAD_KEY)
    assert [record.getMessage() for record in caplog.records] == [
        f"{BAD_KEY}; activities go on; trying again every 60 s"
    ]


def test_full_buffer_becomes_a_gap_that_is_told_once(
    engine: Engine, ably: FakeAbly, caplog: pytest.LogCaptureFixture
) -> None:
    publisher = publisher_with(engine, ably, buffer_bytes=10, timeouts=Timeouts())
    writer = Writer(publisher)
    ably.holding = True
    for text in ("12345", "67890", "lost", "too"):
        writer.write(text)
    end = writer.finish()
    publisher.engine.call(ably.let_go)
    outcome = end.result(WAIT_S)
    assert (outcome.lost, outcome.whole) == (7, False)
    assert ably.channels["ai:wf"].texts() == ["1234567890"]
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "ABLY_BUFFER_BYTES=10 is full" in caplog.text


def test_buffer_has_room_again_for_what_was_acknowledged(engine: Engine, ably: FakeAbly) -> None:
    publisher = publisher_with(engine, ably, buffer_bytes=1000, timeouts=Timeouts())
    for step in range(5):
        assert deliver(publisher, "x" * 600, plan=replace(PLAN, step=f":0:{step}")) == WHOLE


def test_whole_parts_that_find_no_room_are_lost_one_each_and_leave_the_text_without_a_gap(
    engine: Engine, ably: FakeAbly, caplog: pytest.LogCaptureFixture
) -> None:
    publisher = publisher_with(engine, ably, buffer_bytes=2000, timeouts=Timeouts())
    writer = Writer(publisher)
    ably.holding = True
    for _ in range(3):
        writer.emit(Whole("data-a", {}, "x" * 1500))
    writer.write("hello")
    end = writer.finish()
    publisher.engine.call(ably.let_go)
    outcome = end.result(WAIT_S)
    assert (outcome.lost, outcome.whole) == (2, False)
    assert ably.channels["ai:wf"].session.text == "hello"
    assert [part["type"] for part in ably.channels["ai:wf"].ui()[0]] == ["step-start", "text", "data-a"]
    assert [record.levelname for record in caplog.records] == ["ERROR"]


# Whole parts.


def test_whole_parts_are_on_the_channel_in_their_order_when_the_end_has_been_waited_for(
    publisher: Publisher, ably: FakeAbly
) -> None:
    writer = Writer(publisher)
    writer.write("hello")
    for number in range(20):
        writer.emit(Whole(f"data-{number}", {}, {"value": number}))
    assert writer.finish().result(WAIT_S) == WHOLE
    assert [part["type"] for part in ably.channels["ai:wf"].ui()[0][2:]] == [f"data-{number}" for number in range(20)]


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.LOST_BUT_APPLIED])
@pytest.mark.parametrize("at", range(2, 5))
def test_loss_of_whole_parts_is_repaired_without_a_double(
    publisher: Publisher, ably: FakeAbly, fate: Fate, at: int
) -> None:
    ably.script.extend([Fate.ACKED] * at + [fate])
    writer = Writer(publisher)
    writer.write("hello")
    writer.emit(Whole("data-a", {}, {"value": 1}))
    writer.emit(Whole("data-b", {}, {"value": 2}))
    assert writer.finish().result(WAIT_S) == WHOLE
    assert [part["type"] for part in ably.channels["ai:wf"].ui()[0]] == ["step-start", "text", "data-a", "data-b"]


def test_whole_parts_that_were_refused_for_good_are_lost_and_told_and_the_rest_goes_on(
    publisher: Publisher, ably: FakeAbly
) -> None:
    writer = Writer(publisher)
    writer.write("hello")
    ably.wait_for(lambda: len(ably.sent) == 4)
    ably.script.append(ODD)
    writer.emit(Whole("data-a", {}, {"value": 1}))
    ably.wait_for(lambda: len(ably.sent) == 5)
    writer.emit(Whole("data-b", {}, {"value": 2}))
    outcome = writer.finish().result(WAIT_S)
    assert (outcome.lost, outcome.error) == (1, ODD)
    assert [part["type"] for part in ably.channels["ai:wf"].ui()[0]] == ["step-start", "text", "data-b"]


# Attempts of one step.


def test_later_attempt_of_a_step_cuts_off_the_earlier_one(publisher: Publisher, ably: FakeAbly) -> None:
    zombie = Writer(publisher)
    zombie.write("dead")
    ably.wait_for(lambda: len(ably.sent) == 4)
    retry = Writer(publisher, replace(PLAN, origin=replace(ORIGIN, started_us=2000)))
    retry.write("alive")
    assert retry.finish().result(WAIT_S) == WHOLE
    zombie.write(" and kicking")
    zombie.finish("failed").result(WAIT_S)
    assert ably.channels["ai:wf"].texts() == ["dead", "alive"]
    assert [stream.status for stream in ably.channels["ai:wf"].streams()] == ["cancelled", "complete"]


def test_earlier_attempt_that_streams_late_publishes_nothing(publisher: Publisher, ably: FakeAbly) -> None:
    retry = Writer(publisher, replace(PLAN, origin=replace(ORIGIN, started_us=2000)))
    zombie = Writer(publisher)
    zombie.write("dead")
    retry.write("alive")
    zombie.finish("failed").result(WAIT_S)
    assert retry.finish().result(WAIT_S) == WHOLE
    assert ably.channels["ai:wf"].texts() == ["alive"]
    assert ably.sent.count("step-start") == 1


# Robustness.


def test_command_that_fails_is_told_and_stops_nothing(
    publisher: Publisher, ably: FakeAbly, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(now: float) -> None:
        raise ZeroDivisionError(now)

    publisher.post(fail)
    assert deliver(publisher, "hello") == WHOLE
    assert "ZeroDivisionError" in caplog.text
    assert ably.channels["ai:wf"].texts() == ["hello"]


def test_background_work_that_fails_is_told(
    publisher: Publisher, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    done = threading.Event()

    async def fail() -> None:
        done.set()
        raise ZeroDivisionError

    engine.call(lambda: publisher.spawn(fail()))
    assert done.wait(WAIT_S)
    engine.submit(publisher.drain(0)).result(WAIT_S)
    assert "ZeroDivisionError" in caplog.text


async def test_history_is_read_newest_first(publisher: Publisher, ably: FakeAbly) -> None:
    deliver(publisher, "hello")
    stored = await publisher.history("ai:wf")
    assert [each.name for each in stored[:2]] == ["ai-step-end", "ai-output"]
    assert ably.history_reads == 1
