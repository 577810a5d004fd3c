"""The activity side without a server: fences, what is passed through, what is refused, how an attempt ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, cast

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ActivityOutboundInterceptor, ExecuteActivityInput

from temporal_ably import current_stream, streaming
from temporal_ably._temporal.activity import ActivityInbound
from temporal_ably._temporal.streaming import active_stream
from tests.temporal.attempts import MADE, info, runtime

if TYPE_CHECKING:
    from temporal_ably._temporal.runtime import Runtime


@pytest.fixture(autouse=True)
async def given_up() -> AsyncIterator[None]:
    """What a test leaves unsent is forgotten, so that no other test hears of it."""
    yield
    for shared in (made.active for made in MADE):
        if shared is not None:
            shared.publisher._schedule._channels.clear()
            await asyncio.wrap_future(shared.publisher.engine.submit(shared.publisher.close_if_idle()))
    MADE.clear()


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
