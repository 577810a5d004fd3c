"""Ably fails: activities do not, nothing is lost that need not be, and each fault is told once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from temporalio import activity
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ActivityError, ApplicationError

from temporal_ably import AblyInterceptor, SettingsError, session_name, streaming
from temporal_ably._publisher.attempt import Attempt
from temporal_ably._publisher.run_end import RunEnd
from temporal_ably.server import Limits, LocalServer
from tests.end_to_end.ask import Ask, Question
from tests.end_to_end.checkpoints import checkpoint
from tests.end_to_end.stage import Stage, new_name

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from temporal_ably._publisher.publisher import Publisher
    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.line import Wire
    from tests.end_to_end.viewer import Viewers
    from tests.real_parts import Temporal

SHORT = timedelta(seconds=0.5)


@activity.defn
@streaming
async def speak() -> AsyncIterator[str]:
    for word in ("so ", "it ", "goes"):
        yield word


@activity.defn
@streaming
async def pause() -> AsyncIterator[str]:
    attempt = activity.info().attempt
    yield "before "
    if attempt <= 2:
        await checkpoint(f"attempt {attempt}")
    yield "after"


@activity.defn
@streaming
async def chatter() -> AsyncIterator[str]:
    for number in range(300):
        yield f"{number} "
        await asyncio.sleep(0)


@activity.defn
@streaming
async def read_a_book() -> AsyncIterator[str]:
    for number in range(300):
        yield f"line {number:3} ".ljust(1024, ".")


@activity.defn
@streaming
async def recite_at_once() -> AsyncIterator[str]:
    yield "".join(f"line {number:3} ".ljust(1024, ".") for number in range(200))


ACTIVITIES: list[Callable[..., object]] = [speak, pause, chatter, read_a_book, recite_at_once]


@asynccontextmanager
async def working(stage: Stage, **settings: object) -> AsyncGenerator[None]:
    """Run a worker. At the end its publisher forgets what Ably would not take, so that no other test hears of it."""
    interceptor = stage.interceptor(**settings)
    async with stage.worker([Ask], ACTIVITIES, interceptor=interceptor, mixed=False):
        yield
    assert interceptor._runtime is not None
    if interceptor._runtime.active is not None:
        publisher = interceptor._runtime.active.publisher
        await asyncio.wrap_future(publisher.engine.submit(_forget_everything(publisher)))


async def _forget_everything(publisher: Publisher) -> None:
    for outbox in publisher._schedule.outboxes():
        if isinstance(outbox, Attempt):
            outbox._ended = True
        elif isinstance(outbox, RunEnd):
            outbox.done = True
    publisher.wake()
    await publisher.close_if_idle()


async def ask(stage: Stage, asked: Callable[..., object], *, attempts: int = 0, name: str = "wf") -> str:
    """Run a workflow that asks an activity, and give the activity's result."""
    return await stage.client.execute_workflow(
        Ask.run,
        Question(getattr(asked, "__name__", ""), attempts=attempts),
        id=stage.workflow_id(name),
        task_queue=stage.name,
    )


async def failure_of(stage: Stage, *, attempts: int = 0) -> ApplicationError:
    """Run a workflow whose activity fails, and give the activity's error."""
    with pytest.raises(WorkflowFailureError) as caught:
        await ask(stage, speak, attempts=attempts)
    assert isinstance(caught.value.cause, ActivityError)
    assert isinstance(caught.value.cause.cause, ApplicationError)
    return caught.value.cause.cause


async def assert_history_shows(stage: Stage, text: str) -> None:
    """A page that is loaded after all has arrived shows exactly this message.

    Not earlier: @ably/ai-transport 0.8.0 ignores a run's end that comes while the page still reads what was before.
    """
    await stage.server.wait_for(lambda _: ended(stage))
    viewer = await stage.view(stage.workflow_id())
    await viewer.wait_settled_text([text])


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What users are told by us or by what we use: warnings and errors."""
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.WARNING and not record.name.startswith("temporalio")
    ]


# Ably is away.


async def test_unreachable_ably_stops_no_activity_and_gets_the_text_later(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async with working(stage):
        async with stage.server.faults.unreachable():
            text = await ask(stage, speak)
        await assert_history_shows(stage, text)
    (warning,) = told(caplog)
    assert "unable to connect to Ably" in warning
    assert "activities go on" in warning


async def test_ably_that_goes_away_mid_stream_gets_the_rest_later(stage: Stage, checkpoints: Checkpoints) -> None:
    async with working(stage):
        asked = asyncio.ensure_future(ask(stage, pause))
        visit = await checkpoints.reached("attempt 1")
        await stage.server.wait_for(lambda _: "before " in stage.written(stage.workflow_id()))
        async with stage.server.faults.unreachable():
            visit.go_on()
            text = await asked
        await assert_history_shows(stage, text)


async def test_silent_ably_stops_no_activity_and_gets_the_text_later(stage: Stage) -> None:
    async with working(stage, flush_timeout=SHORT):
        async with stage.server.faults.silent():
            text = await ask(stage, speak)
        await assert_history_shows(stage, text)


async def test_ably_that_falls_silent_mid_stream_gets_the_rest_later(stage: Stage, checkpoints: Checkpoints) -> None:
    async with working(stage, flush_timeout=SHORT):
        asked = asyncio.ensure_future(ask(stage, pause))
        visit = await checkpoints.reached("attempt 1")
        await stage.server.wait_for(lambda _: "before " in stage.written(stage.workflow_id()))
        async with stage.server.faults.silent():
            visit.go_on()
            text = await asked
        await assert_history_shows(stage, text)


# ABLY_ON_FAILURE=fail.


async def test_an_activity_may_fail_with_its_output_and_the_retry_shows_once(
    stage: Stage, checkpoints: Checkpoints
) -> None:
    async with working(stage, on_failure="fail", flush_timeout=SHORT):
        async with stage.server.faults.unreachable():
            asked = asyncio.ensure_future(ask(stage, pause))
            (await checkpoints.reached("attempt 1")).go_on()
            visit = await checkpoints.reached("attempt 2")
        visit.go_on()
        await assert_history_shows(stage, await asked)


async def test_failure_because_ably_is_away_may_be_retried(stage: Stage) -> None:
    async with working(stage, on_failure="fail", flush_timeout=SHORT), stage.server.faults.unreachable():
        failure = await failure_of(stage, attempts=1)
    assert failure.type == "PublishError"
    assert not failure.non_retryable
    assert "ABLY_ON_FAILURE=continue" in str(failure)


@pytest.mark.parametrize(
    ("settings", "code", "said"),
    [
        ({"api_key": "local.dev:wrong"}, None, "check ABLY_API_KEY"),
        ({}, 93002, "'Message annotations, updates, deletes and appends'"),
        ({}, 40160, "message-update-own"),
    ],
    ids=["wrong key", "channel rule", "capability"],
)
async def test_failure_that_time_does_not_mend_is_not_retried(
    stage: Stage, settings: dict[str, object], code: int | None, said: str
) -> None:
    if code is not None:
        stage.server.faults.refuse(n=100, code=code, status=400)
    async with working(stage, on_failure="fail", **settings):
        failure = await failure_of(stage)
    assert failure.non_retryable
    assert said in str(failure)


# Ably refuses: one error, and the activity's result is kept.


async def test_wrong_key_is_told_once_and_keeps_the_result(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    async with working(stage, api_key="local.dev:wrong"):
        assert await ask(stage, speak) == "so it goes"
        assert await ask(stage, speak, name="other") == "so it goes"
    (error,) = told(caplog)
    assert "check ABLY_API_KEY" in error


async def test_no_server_is_told_once_and_keeps_the_result(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    async with working(stage, endpoint="127.0.0.1:1"):
        assert await ask(stage, speak) == "so it goes"
        assert await ask(stage, speak, name="other") == "so it goes"
    (warning,) = told(caplog)
    assert "127.0.0.1:1" in warning
    assert "check ABLY_ENDPOINT" in warning


async def test_missing_channel_rule_is_told_once_by_its_name(
    temporal: Temporal, viewers: Viewers, caplog: pytest.LogCaptureFixture
) -> None:
    async with LocalServer(mutable_messages=False) as server:
        stage = Stage(await temporal.connect(), server, viewers, new_name())
        async with working(stage):
            assert await ask(stage, speak) == "so it goes"
    (error,) = told(caplog)
    assert "93002" in error
    assert "'Message annotations, updates, deletes and appends'" in error
    assert session_name(stage.workflow_id()) in error


async def test_missing_capability_is_told_once_by_its_name(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.server.faults.refuse(n=100, code=40160, status=401, match=lambda message: "serial" in message)
    async with working(stage):
        assert await ask(stage, speak) == "so it goes"
    (error,) = told(caplog)
    assert "message-update-own" in error


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, "ABLY_API_KEY is not set"),
        ({"api_key": "no key"}, "ABLY_API_KEY"),
        ({"api_key": "a.b:c:d"}, "ABLY_API_KEY"),
        ({"api_key": "a.b:c", "session_template": "ai:{tenant}"}, "ABLY_SESSION_TEMPLATE"),
        ({"api_key": "a.b:c", "sesion_template": "ai"}, "sesion_template"),
        ({"api_key": "a.b:c", "buffer_bytes": 0}, "ABLY_BUFFER_BYTES"),
    ],
)
def test_wrong_setting_is_one_error_that_names_it(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        AblyInterceptor(None, **settings)


# Limits.


@pytest.mark.parametrize("code", [42911, 42913])
async def test_rate_limit_delays_and_joins_text_but_drops_none(
    stage: Stage, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    viewer = await stage.view(stage.workflow_id())
    stage.server.faults.refuse(n=2, code=code)
    stage.server.faults.refuse(n=2, code=code, match=lambda message: "serial" in message)
    async with working(stage):
        text = await ask(stage, chatter)
        await stage.assert_shown(viewer, stage.workflow_id(), [text])
    assert told(caplog) == []


@pytest.mark.parametrize(
    "limits", [Limits.real(), Limits(channel_messages_per_s=4), Limits(connection_messages_per_s=4)]
)
async def test_account_with_limits_gets_all_text(
    temporal: Temporal, viewers: Viewers, limits: Limits, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="temporal_ably")
    async with LocalServer(limits=limits) as server:
        stage = Stage(await temporal.connect(), server, viewers, new_name())
        # Budgets that let the server say no.
        async with working(stage, messages_per_second_channel=500, messages_per_second_connection=500):
            text = await ask(stage, chatter)
            await assert_history_shows(stage, text)
        await viewers.close_all()
    refusals = [record for record in caplog.records if "rate limit" in record.getMessage()]
    assert refusals or limits == Limits.real()
    assert told(caplog) == []


async def test_full_buffer_leaves_a_gap_that_readers_can_see(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    async with working(stage, buffer_bytes=4096):
        async with stage.server.faults.unreachable():
            text = await ask(stage, read_a_book)
        await stage.server.wait_for(lambda _: ended(stage))
    parts = [each for each in messages(stage) if each.get("data")]
    shown = "".join(each["data"] for each in parts)
    assert text.startswith(shown)
    assert 0 < len(shown) <= 4096
    assert sum(int(each["extras"]["headers"]["temporal-length"]) for each in parts) == len(text)
    assert sorted(message.partition(";")[0].split(" for ")[0].split(" at ")[0] for message in told(caplog)) == [
        "unable to connect to Ably",
        "unable to hold more output",
    ]
    assert any("ABLY_BUFFER_BYTES=4096" in message for message in told(caplog))


def messages(stage: Stage) -> list[Wire]:
    return list(stage.server.messages(session_name(stage.workflow_id())))


def ended(stage: Stage) -> bool:
    return any(each["name"] == "ai-run-end" for each in messages(stage))


@pytest.mark.parametrize("asked", [read_a_book, recite_at_once])
async def test_text_beyond_ablys_message_limit_is_continued_in_another_part(
    stage: Stage, asked: Callable[..., object]
) -> None:
    viewer = await stage.view(stage.workflow_id())
    async with working(stage):
        text = await ask(stage, asked)
        await stage.assert_shown(viewer, stage.workflow_id(), [text])
    assert len(text) > 3 * 65536
    (message,) = viewer.messages
    assert len([part for part in message.parts if part["type"] == "text"]) > 3
