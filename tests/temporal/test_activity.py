"""The activity side without a server: fences, what is passed through, what is refused, how an attempt ends."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ActivityOutboundInterceptor, ExecuteActivityInput

from temporal_ably import current_stream, streaming
from temporal_ably._publisher.publisher import Delivery, Outcome
from temporal_ably._temporal import activity as room
from temporal_ably._temporal.activity import ActivityInbound, AttemptSink, Fence
from temporal_ably._temporal.runtime import Runtime
from temporal_ably._temporal.streaming import active_stream
from temporal_ably._wire.identity import Binding, Header
from temporal_ably.errors import PublishError
from temporal_ably.settings import load

if TYPE_CHECKING:
    from temporalio import activity

MOMENT = datetime(2026, 1, 1, tzinfo=timezone.utc)
LONG = timedelta(hours=1)
MADE: list[Runtime] = []
OVER = timedelta(seconds=-1)


def info(**changes: object) -> activity.Info:
    """What an activity of a workflow is told."""
    known = dataclasses.replace(
        ActivityEnvironment.default_info(), scheduled_time=MOMENT, started_time=MOMENT, heartbeat_timeout=None
    )
    limits: dict[str, object] = {"start_to_close_timeout": LONG, "schedule_to_close_timeout": None}
    return dataclasses.replace(known, **cast("Any", limits | changes))


def runtime(**settings: object) -> Runtime:
    """A runtime that reaches nobody."""
    nowhere = {"api_key": "app.id:secret", "endpoint": "127.0.0.1:1", "tls": False, "flush_timeout": 0}
    made = Runtime(load(None, nowhere | settings))
    MADE.append(made)
    return made


@pytest.fixture(autouse=True)
async def given_up() -> AsyncIterator[None]:
    """What a test leaves unsent is forgotten, so that no other test hears of it."""
    yield
    for shared in (made.active for made in MADE):
        if shared is not None:
            shared.publisher._schedule._channels.clear()
            await asyncio.wrap_future(shared.publisher.engine.submit(shared.publisher.close_if_idle()))
    MADE.clear()


# The fence.


def test_attempt_may_write_within_its_deadlines() -> None:
    fence = Fence(info())
    assert fence.allows()
    assert 0 < fence.left_s <= LONG.total_seconds()


@pytest.mark.parametrize(
    "limits",
    [
        {"start_to_close_timeout": OVER},
        {"schedule_to_close_timeout": OVER},
        # An hour was spent waiting for a worker.
        {"schedule_to_close_timeout": LONG, "started_time": MOMENT + LONG},
        {"heartbeat_timeout": OVER},
    ],
)
def test_attempt_may_not_write_past_a_deadline(limits: dict[str, object]) -> None:
    assert not Fence(info(**limits)).allows()


def test_attempt_without_limits_may_write_for_ever() -> None:
    fence = Fence(info(start_to_close_timeout=None))
    assert fence.allows()
    assert fence.left_s == float("inf")


def test_closed_fence_lets_nothing_out() -> None:
    fence = Fence(info())
    fence.close()
    assert not fence.allows()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The fence's clock, in seconds."""
    now = [100.0]
    monkeypatch.setattr(room, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_heartbeat_moves_its_deadline_by_what_throttling_may_cost(clock: list[float]) -> None:
    fence = Fence(info(heartbeat_timeout=timedelta(seconds=1)))
    clock[0] = 100.9
    fence.heartbeat()
    clock[0] = 102.8
    assert fence.allows()
    clock[0] = 102.9
    assert not fence.allows()


def test_late_heartbeat_opens_no_fence_again(clock: list[float]) -> None:
    fence = Fence(info(heartbeat_timeout=timedelta(seconds=1)))
    clock[0] = 101.0
    assert not fence.allows()
    fence.heartbeat()
    assert not fence.allows()


# What is passed through.


class UserCode(ActivityInboundInterceptor):
    """The end of the chain."""

    def __init__(self) -> None:
        self.outbound: ActivityOutboundInterceptor | None = None

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        self.outbound = outbound

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        return await input.fn(*input.args)


async def run(function: Callable[..., object], runs_on: Runtime, *, layers: int = 1, **changes: object) -> object:
    """Run a function as an activity under our interceptor."""
    inbound: ActivityInboundInterceptor = UserCode()
    for _ in range(layers):
        inbound = ActivityInbound(inbound, runs_on)
    environment = ActivityEnvironment()
    environment.info = info(**changes)
    return await environment.run(inbound.execute_activity, ExecuteActivityInput(cast("Any", function), (), None, {}))


async def test_activity_of_no_workflow_is_passed_through() -> None:
    async def look() -> object:
        return active_stream()

    assert await run(look, runtime(), workflow_id=None) is None
    assert await run(look, runtime()) is not None


async def test_inner_instance_leaves_the_stream_to_the_outer_one() -> None:
    async def look() -> object:
        current_stream().text("once")
        return active_stream()

    runs_on = runtime(client_id="layers")
    assert await run(look, runs_on, layers=2) is not None
    shared = runs_on.shared()
    assert len(await on_engine(shared.publisher.engine, lambda: shared.publisher._schedule.outboxes())) == 1


async def on_engine(engine: Any, look: Callable[[], Any]) -> Any:
    async def do() -> Any:
        return look()

    return await asyncio.wrap_future(engine.submit(do()))


async def test_activity_that_never_streams_starts_nothing() -> None:
    async def plain() -> str:
        return "result"

    runs_on = runtime(client_id="plain")
    assert await run(plain, runs_on) == "result"
    assert runs_on.active is None


# What is refused.


async def test_bare_generator_is_refused_for_good_and_the_decorator_named() -> None:
    async def bare() -> AsyncIterator[str]:
        yield ""

    with pytest.raises(ApplicationError, match="@streaming") as caught:
        await run(bare, runtime())
    assert caught.value.non_retryable


async def test_chunk_that_cannot_be_streamed_fails_for_good() -> None:
    async def odd() -> None:
        current_stream().text(cast("str", 1))

    with pytest.raises(ApplicationError, match="of type int") as caught:
        await run(odd, runtime(client_id="odd"))
    assert caught.value.non_retryable


@streaming
async def speak() -> AsyncIterator[str]:
    yield "text"


@pytest.mark.parametrize(("policy", "fails"), [("continue", False), ("fail", True)])
async def test_output_that_is_not_delivered_fails_the_activity_only_if_asked_to(policy: str, *, fails: bool) -> None:
    runs_on = runtime(client_id=policy, on_failure=policy)
    if fails:
        with pytest.raises(ApplicationError, match="ABLY_ON_FAILURE"):
            await run(speak, runs_on)
    else:
        assert await run(speak, runs_on) == "text"


async def test_error_of_the_activity_is_its_own(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        current_stream().text("text")
        raise ValueError("its own")

    with pytest.raises(ValueError, match="its own"):
        await run(fail, runtime(client_id="fails"))


async def test_what_is_written_after_the_end_goes_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    kept: list[Any] = []

    async def keep() -> str:
        kept.append(current_stream())
        return "result"

    runs_on = runtime(client_id="late")
    assert await run(keep, runs_on) == "result"
    kept[0].text("late")
    assert runs_on.active is None
    assert "the activity is over" in caplog.text


# What a step is called, and whether it replaces another.


def header(**changes: Any) -> Header:
    binding = dataclasses.replace(Binding("ai:wf", "run", "wf", "run"), **changes)
    return Header(binding.session, binding, ordinal=7)


def sink(header: Header | None, **changes: object) -> AttemptSink:
    return AttemptSink(runtime(), info(**changes), header, None)


def test_step_is_named_by_the_header_else_by_the_activity() -> None:
    assert sink(header())._step == ":0:7"
    assert sink(None, activity_id="a-1")._step == ":a-1"


def test_without_a_header_the_workflow_run_stands_for_itself() -> None:
    bound = sink(None, workflow_id="wf-9", workflow_run_id="r-9")._binding
    assert (bound.session, bound.run, bound.owner_chain) == ("ai:wf-9", "r-9", None)


def test_first_attempt_replaces_nothing_and_a_later_one_does() -> None:
    known: dict[str, object] = {"scheduled_time": MOMENT, "current_attempt_scheduled_time": MOMENT}
    assert not sink(header(), attempt=1, **known).replaces_something
    assert sink(header(), attempt=2, **known).replaces_something


@pytest.mark.parametrize(
    ("outcome", "whole"),
    [
        (Outcome(Delivery.DELIVERED), True),
        (Outcome(Delivery.HELD), False),
        (Outcome(Delivery.DELIVERED, lost=1), False),
        (Outcome(Delivery.DELIVERED, error=PublishError("refused")), False),
    ],
)
def test_outcome_is_whole_only_if_everything_is_on_the_channel(outcome: Outcome, *, whole: bool) -> None:
    assert outcome.whole is whole
