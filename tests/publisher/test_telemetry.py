from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NoReturn

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider, sampling
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from temporal_ably._publisher import metrics as metrics_room
from temporal_ably._publisher import telemetry as room
from temporal_ably._publisher.attempt import Attempt
from temporal_ably._publisher.metrics import Meters
from temporal_ably._publisher.outcome import Delivery, Outcome
from temporal_ably._publisher.publisher import Publisher
from temporal_ably._publisher.schedule import Rates
from temporal_ably._publisher.telemetry import Account, Telemetry, error_type, telemetry
from temporal_ably._transport.base import Timeouts
from temporal_ably._wire.operations import Publish
from temporal_ably.errors import ConnectionLostError, PublishError
from tests.hearing import Ear, attributes_of, context_of, hearing, linked_from, traceparent_of
from tests.publisher.fake import WAIT_S
from tests.publisher.model import PLAN, RUN, TEXT, Fate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from temporal_ably._publisher.engine import Engine
    from temporal_ably._publisher.plan import Plan
    from temporal_ably._wire.events import StepReason
    from temporal_ably._wire.parts import Whole
    from tests.publisher.fake import FakeAbly

WHO = ("answer", "Chat")
PARENT = SpanContext(0xA1, 0xB2, is_remote=True, trace_flags=TraceFlags(1))
ODD = PublishError("unable to publish; it said 'secret words'; trying again", code=40003)


def again(plan: Plan, number: int = 2) -> Plan:
    """The plan of a later attempt."""
    return replace(
        plan, replaces=True, origin=replace(plan.origin, attempt=number, started_us=plan.origin.started_us + number)
    )


def new_plan(step: str) -> Plan:
    """A plan that no other test has: the process remembers streams."""
    return replace(PLAN, step=step, channel=f"ai:{step}", run=replace(RUN, id=step))


@pytest.fixture
def plan(request: pytest.FixtureRequest) -> Plan:
    return new_plan(request.node.nodeid)


@pytest.fixture
def ear() -> Iterator[Ear]:
    with hearing() as ear:
        yield ear


class Speaker:
    """The user's side of one attempt, as an activity has it."""

    def __init__(self, publisher: Publisher, plan: Plan) -> None:
        traceparent, account = telemetry.begin(plan, time.monotonic())
        self.account = account
        self.publisher = publisher
        self.attempt = Attempt(replace(plan, traceparent=traceparent))
        publisher.post(lambda now: publisher.add_attempt(self.attempt, now, account))
        publisher.post(partial(self.attempt.open_part, 1, 0, TEXT))

    def say(self, text: str) -> None:
        self.publisher.post_text(self.attempt, 1, text)

    def emit(self, part: Whole) -> None:
        self.publisher.post_part(self.attempt, 0, part)

    def finish(self, reason: StepReason = "complete") -> Outcome:
        outcome = self.publisher.post_finish(self.attempt, reason, patient=False).result(WAIT_S)
        if self.account is not None:
            self.account.end({"temporal_ably.reason": reason}, "")
            self.publisher.post_told(self.attempt)
        return outcome


def speak(publisher: Publisher, plan: Plan, *texts: str) -> Speaker:
    speaker = Speaker(publisher, plan)
    for text in texts:
        speaker.say(text)
    speaker.finish()
    return speaker


def settled(publisher: Publisher) -> None:
    """Wait until the engine has done what it can."""
    publisher.engine.submit(publisher.drain(WAIT_S)).result(WAIT_S)


# Off.


def never(*args: object, **kwargs: object) -> NoReturn:
    raise AssertionError(f"measured: {args} {kwargs}")


class NoClock:
    monotonic = time_ns = staticmethod(never)


def test_nothing_is_measured_where_no_provider_is_set(
    publisher: Publisher, plan: Plan, ably: FakeAbly, monkeypatch: pytest.MonkeyPatch
) -> None:
    ably.script.extend([Fate.ACKED, Fate.ACKED, Fate.ACKED, Fate.LOST])
    for place, name in ((Account, "__init__"), (Meters, "__init__"), (Meters, "count"), (Meters, "record")):
        monkeypatch.setattr(place, name, never)
    monkeypatch.setattr(NonRecordingSpan, "set_attributes", never)
    monkeypatch.setattr(room, "time", NoClock)
    speaker = Speaker(publisher, plan)
    speaker.say("hello")
    assert speaker.account is None
    assert speaker.finish() == Outcome(Delivery.DELIVERED)
    assert publisher._accounts._accounts == {}
    assert publisher.buffered_bytes == 0


def test_provider_that_is_set_later_is_heard(publisher: Publisher, plan: Plan) -> None:
    speak(publisher, plan, "unheard")
    with hearing() as ear:
        speak(publisher, again(plan), "heard")
        settled(publisher)
        assert len(ear.spans) == 1
        assert ear.metrics()["temporal_ably.chunks"] == {WHO: 1}
    assert telemetry.begin(plan, 0.0) == ("", None)


def test_stand_in_for_a_provider_is_asked_for_no_meter(monkeypatch: pytest.MonkeyPatch, plan: Plan) -> None:
    monkeypatch.setattr("opentelemetry.metrics._internal._ProxyMeterProvider.get_meter", never)
    assert Telemetry().begin(plan, 0.0) == ("", None)


def test_sdk_that_is_switched_off_is_not_heard(monkeypatch: pytest.MonkeyPatch, plan: Plan) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    with hearing():
        assert Telemetry().begin(plan, 0.0) == ("", None)


def test_parent_goes_on_the_wire_where_only_the_api_is_there(plan: Plan) -> None:
    token = context.attach(trace.set_span_in_context(NonRecordingSpan(PARENT)))
    try:
        assert telemetry.begin(plan, 0.0) == (f"00-{0xA1:032x}-{0xB2:016x}-01", None)
    finally:
        context.detach(token)


def test_metrics_alone_or_spans_alone_are_heard(publisher: Publisher, plan: Plan) -> None:
    with hearing(spans=False) as ear:
        speak(publisher, plan, "a")
        settled(publisher)
        assert ear.spans == []
        assert ear.metrics()["temporal_ably.chunks"] == {WHO: 1}
    with hearing(metrics=False) as ear:
        speak(publisher, again(plan), "a")
        settled(publisher)
        assert len(ear.spans) == 1
        assert ear.metrics() == {}


def test_span_that_is_not_sampled_goes_on_the_wire_and_costs_no_account(plan: Plan) -> None:
    with hearing(tracers=TracerProvider(sampler=sampling.ALWAYS_OFF), metrics=False):
        traceparent, account = telemetry.begin(plan, 0.0)
    assert traceparent.startswith("00-")
    assert int(traceparent[-2:], 16) & 1 == 0
    assert account is None


def test_attempt_that_asks_for_no_span_has_metrics_only(ear: Ear, plan: Plan) -> None:
    traceparent, account = telemetry.begin(plan, 0.0, traced=False)
    assert traceparent == ""
    assert account is not None
    account.end({}, "")
    assert ear.spans == []


class Faulty(SpanProcessor):
    def on_start(self, span: Span, parent_context: object = None) -> None:
        raise ZeroDivisionError("of the user's own")


def test_provider_that_raises_disturbs_no_stream(
    publisher: Publisher, plan: Plan, ably: FakeAbly, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics_room.guarded, "_told", False)
    tracers = TracerProvider()
    tracers.add_span_processor(Faulty())
    with hearing(tracers=tracers, metrics=False):
        speaker = speak(publisher, plan, "hello")
    assert speaker.attempt.done
    assert ably.channels[plan.channel].texts() == ["hello"]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


# The span.


def test_span_is_a_child_of_what_is_current_where_the_stream_begins(ear: Ear, plan: Plan) -> None:
    token = context.attach(trace.set_span_in_context(NonRecordingSpan(PARENT)))
    traceparent, account = telemetry.begin(plan, 0.0)
    context.detach(token)
    assert account is not None
    account.end({}, "")
    (span,) = ear.spans
    assert span.parent is not None
    assert (span.name, span.parent.span_id) == ("Stream:answer", 0xB2)
    assert traceparent == traceparent_of(span)


def test_span_tells_how_much_was_streamed_and_of_no_text(ear: Ear, publisher: Publisher, plan: Plan) -> None:
    speak(publisher, plan, "secret ", "words")
    (span,) = ear.spans
    told = attributes_of(span)
    assert (told["temporal_ably.chunks"], told["temporal_ably.characters"]) == (2, 12)
    assert told["temporal_ably.reason"] == "complete"
    assert "secret" not in span.to_json()
    assert span.status.is_unset


def test_span_ends_once_and_with_the_type_of_the_error(ear: Ear, plan: Plan) -> None:
    _, account = telemetry.begin(plan, 0.0)
    assert account is not None
    account.end({}, error_type(ODD))
    account.end({}, "")
    account.superseded()
    (span,) = ear.spans
    assert attributes_of(span)["error.type"] == "40003"
    assert not span.status.is_ok
    assert not span.status.is_unset
    assert "secret" not in span.to_json()


def test_error_is_named_by_its_code_else_by_its_class() -> None:
    assert error_type(ODD) == "40003"
    assert error_type(ConnectionLostError("unable to publish")) == "ConnectionLostError"
    assert error_type(ValueError("text")) == "ValueError"


def test_faults_are_events_of_the_span(ear: Ear, publisher: Publisher, plan: Plan, ably: FakeAbly) -> None:
    ably.script.extend([Fate.ACKED, Fate.ACKED, Fate.ACKED, Fate.LOST, Fate.ACKED, ODD])
    speak(publisher, plan, "hello")
    (span,) = ear.spans
    assert [(event.name, dict(event.attributes or {})) for event in span.events] == [
        (
            "temporal_ably.failed",
            {"messaging.operation.name": "append", "error.type": "ConnectionLostError"},
        ),
        ("temporal_ably.recovered", {"messaging.operation.name": "update"}),
        ("temporal_ably.failed", {"messaging.operation.name": "publish", "error.type": "40003"}),
    ]


def test_attempt_that_is_replaced_while_it_streams_has_it_as_an_event(
    ear: Ear, publisher: Publisher, plan: Plan
) -> None:
    zombie = Speaker(publisher, plan)
    speak(publisher, again(plan), "new")
    zombie.finish("failed")
    events = [event.name for span in ear.spans if not linked_from(span) for event in span.events]
    assert events == ["temporal_ably.superseded"]


# Links.


def test_span_links_to_each_stream_of_the_process_that_it_replaces(ear: Ear, plan: Plan) -> None:
    for number, each in enumerate((plan, again(plan, 2), again(plan, 3), replace(again(plan), step="other"))):
        _, account = telemetry.begin(each, 0.0)
        assert account is not None
        account.end({"number": number}, "")
        if account.seeks_links:
            account.link(())
    first, second, third, other = ear.spans
    assert linked_from(second) == [traceparent_of(first)]
    assert linked_from(third) == [traceparent_of(first), traceparent_of(second)]
    assert linked_from(other) == linked_from(first) == []
    assert dict(third.links[0].attributes or {}) == {"temporal_ably.link": "replaced"}


def test_zombie_that_begins_late_links_to_nothing(ear: Ear, plan: Plan) -> None:
    for each in (again(plan), plan):
        _, account = telemetry.begin(each, 0.0)
        assert account is not None
        account.link(())
        account.end({}, "")
    assert [linked_from(span) for span in ear.spans] == [[], []]


def test_memory_of_streams_is_bounded(monkeypatch: pytest.MonkeyPatch, ear: Ear) -> None:
    del ear
    monkeypatch.setattr(room, "_REMEMBERED_STEPS", 2)
    monkeypatch.setattr(room, "_REMEMBERED_ATTEMPTS", 3)
    own = Telemetry()
    for step in "abc":
        for number in range(5):
            own.begin(replace(again(PLAN, number), step=step), 0.0)
    assert [place[2] for place in own._streams] == ["b", "c"]
    assert [len(known) for known in own._streams.values()] == [3, 3]


def replaced_elsewhere(publisher: Publisher, ably: FakeAbly, plan: Plan) -> str:
    """Have another process stream, and give its traceparent."""
    traceparent = f"00-{0xC3:032x}-{0xD4:016x}-01"
    attempt = Attempt(replace(plan, traceparent=traceparent))
    publisher.post(lambda now: publisher.add_attempt(attempt, now))
    publisher.post(partial(attempt.open_part, 1, 0, TEXT))
    publisher.post_text(attempt, 1, "dead")
    publisher.post_finish(attempt, "failed", patient=False).result(WAIT_S)
    assert "dead" in ably.channels[plan.channel].texts()
    return traceparent


def test_span_links_to_what_the_channel_tells_of_another_process(
    ear: Ear, publisher: Publisher, ably: FakeAbly, plan: Plan
) -> None:
    dead = replaced_elsewhere(publisher, ably, plan)
    speak(publisher, again(plan), "new")
    settled(publisher)
    (span,) = ear.spans
    assert linked_from(span) == [dead]
    assert ear.metrics()["temporal_ably.superseded"] == {WHO: 1}


def test_end_of_a_span_waits_for_links_and_keeps_its_time(ear: Ear, plan: Plan) -> None:
    _, account = telemetry.begin(again(plan), 0.0)
    assert account is not None
    account.end({}, "")
    assert account.seeks_links
    assert ear.spans == []
    before = time.time_ns()
    dead = f"00-{0xC3:032x}-{0xD4:016x}-01"
    account.link([dead, "no traceparent", dead])
    (span,) = ear.spans
    assert linked_from(span) == [dead]
    assert (span.end_time or 0) <= before


def test_end_of_a_span_waits_for_links_no_longer_than_a_moment(
    ear: Ear, publisher: Publisher, ably: FakeAbly, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("temporal_ably._publisher.publisher._LINKS_S", 0.01)
    ably.holding = True
    speaker = Speaker(publisher, again(plan))
    ended = threading.Event()
    assert speaker.account is not None
    link = speaker.account.link

    def linked(found: Iterable[str]) -> None:
        link(found)
        ended.set()

    monkeypatch.setattr(speaker.account, "link", linked)
    # Its activity is over, but nothing of it ever came to the channel.
    speaker.account.end({}, "")
    publisher.post_told(speaker.attempt)
    assert ended.wait(WAIT_S)
    assert len(ear.spans) == 1
    publisher.engine.call(ably.let_go)


def test_drain_leaves_no_span_open(ear: Ear, publisher: Publisher, ably: FakeAbly, plan: Plan) -> None:
    ably.holding = True
    speaker = Speaker(publisher, again(plan))
    assert speaker.account is not None
    speaker.account.end({}, "")
    publisher.engine.submit(publisher.drain(0.01)).result(WAIT_S)
    assert len(ear.spans) == 1
    publisher.engine.call(ably.let_go)


# Metrics.


def test_metrics_of_a_stream_over_a_lost_connection(ear: Ear, publisher: Publisher, ably: FakeAbly, plan: Plan) -> None:
    ably.script.extend([Fate.ACKED, Fate.ACKED, Fate.ACKED, Fate.LOST])
    speak(publisher, plan, "hel", "lo")
    settled(publisher)
    heard = ear.metrics()
    assert heard["temporal_ably.chunks"] == {WHO: 2}
    assert heard["temporal_ably.characters"] == {WHO: 5}
    assert heard["temporal_ably.first_chunk.duration"] == {WHO: 1}
    assert heard["temporal_ably.recoveries"] == {("connection",): 1, ("answer", "operation", "Chat"): 1}
    assert heard["temporal_ably.failures"] == {
        ("ConnectionLostError", "connect"): 1,
        ("answer", "ConnectionLostError", "append", "Chat"): 1,
    }
    assert heard["temporal_ably.operations"]["answer", "update", "Chat"] >= 1
    assert heard["temporal_ably.operations"]["answer", "publish", "Chat"] == 4


def test_what_finds_no_room_is_lost_and_what_is_held_is_buffered(
    engine: Engine, ably: FakeAbly, ear: Ear, plan: Plan
) -> None:
    ably.unreachable = ConnectionLostError("unable to connect")
    rates = Rates(channel_per_s=1e6, connection_per_s=1e6)
    publisher = Publisher(engine, ably.connect, rates=rates, buffer_bytes=4, timeouts=Timeouts(idle_s=0.01))
    speaker = speak(publisher, plan, "held", "lost!")
    heard = ear.metrics()
    assert heard["temporal_ably.lost"] == {WHO: 5}
    assert heard["temporal_ably.buffered"] == {(): speaker.attempt.held_bytes}
    assert speaker.attempt.held_bytes > len("held")
    assert heard["temporal_ably.failures"][("ConnectionLostError", "connect")] >= 1
    engine.submit(_give_up(publisher)).result(WAIT_S)


async def _give_up(publisher: Publisher) -> None:
    publisher._schedule._channels.clear()
    await publisher.close_if_idle()


def test_operation_that_no_account_is_for_is_counted_without_who(ear: Ear, plan: Plan) -> None:
    telemetry.begin(plan, 0.0)
    telemetry.acked(Publish(()))
    telemetry.failed(ODD, Publish(()))
    heard = ear.metrics()
    assert heard["temporal_ably.operations"] == {("publish",): 1}
    assert heard["temporal_ably.failures"] == {("40003", "publish"): 1}


# Contexts.


def test_no_context_of_the_user_comes_to_the_engine(publisher: Publisher, ear: Ear) -> None:
    with trace.get_tracer("test").start_as_current_span("of the user"):
        assert publisher.engine.submit(_current()).result(WAIT_S) == trace.INVALID_SPAN
        seen: Future[trace.Span] = Future()
        publisher.engine.call(lambda: seen.set_result(trace.get_current_span()))
        assert seen.result(WAIT_S) == trace.INVALID_SPAN
    assert context_of(ear.spans[0]).is_valid


async def _current() -> trace.Span:
    return trace.get_current_span()


def test_span_of_a_stream_is_not_current_in_the_users_context(ear: Ear, plan: Plan) -> None:
    del ear
    before = trace.get_current_span()
    telemetry.begin(plan, 0.0)
    assert trace.get_current_span() is before
