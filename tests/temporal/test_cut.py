"""A cut reaches the user's code once, and ends the attempt so that the server neither refuses it nor tries again."""

from __future__ import annotations

import asyncio
import concurrent.futures
import dataclasses
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from temporalio import activity
from temporalio.client import AsyncActivityCancelledError
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory, CancelledError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment

from temporal_ably._temporal import cut as module
from temporal_ably._temporal.cut import Cut
from temporal_ably._temporal.sink import Nowhere
from temporal_ably._temporal.stream import ActivityStream
from tests.temporal.attempts import info

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from temporalio.client import Client

LONG_S = 60.0
Details = activity.ActivityCancellationDetails


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ASK_S", (0.0,))


def stream() -> ActivityStream:
    return ActivityStream(Nowhere())


def done() -> concurrent.futures.Future[None]:
    """A workflow that was asked to cancel."""
    future: concurrent.futures.Future[None] = concurrent.futures.Future()
    future.set_result(None)
    return future


async def in_activity(work: Callable[[], Awaitable[None]]) -> None:
    """Run something where an activity's context is."""
    await ActivityEnvironment().run(work)


async def test_async_code_is_cancelled_once_where_it_waits() -> None:
    async def code() -> None:
        cut = Cut(stream(), is_async=True)
        # From any thread, and more than once.
        for _ in range(2):
            threading.Thread(target=cut.stop).start()
        assert not cut.delivered
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(LONG_S)
        assert cut.delivered
        await asyncio.sleep(0)

    await in_activity(code)


async def test_code_that_is_over_is_not_cancelled() -> None:
    async def code() -> None:
        cut = Cut(stream(), is_async=True)
        cut.stop()
        cut.over()
        await asyncio.sleep(0)
        assert not cut.delivered

    await in_activity(code)


async def test_code_that_temporal_has_cancelled_is_not_cancelled_again() -> None:
    env = ActivityEnvironment()
    waiting = asyncio.Event()

    async def code() -> bool:
        cut = Cut(stream(), is_async=True)
        waiting.set()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(LONG_S)
        cut.stop()
        await asyncio.sleep(0)
        return cut.delivered

    running = asyncio.ensure_future(env.run(code))
    await waiting.wait()
    env.cancel()
    assert not await running


async def test_code_of_a_thread_is_stopped_at_each_write_and_heartbeat() -> None:
    writing = stream()
    cut = Cut(writing, is_async=False)
    writing.text("before")
    cut.check()
    cut.stop()
    assert not cut.delivered
    for write in (lambda: writing.text("a"), lambda: writing.data("b", [1]), writing.message, cut.check):
        with pytest.raises(CancelledError):
            write()
    assert cut.delivered
    with pytest.raises(CancelledError):
        writing.text_part()
    cut.over()
    writing.end(quietly=True)
    writing.text("too late")
    cut.check()


async def test_part_that_is_open_is_closed_without_an_error_on_the_way_out() -> None:
    writing = stream()
    cut = Cut(writing, is_async=False)

    def write() -> None:
        with writing.text_part() as part:
            cut.stop()
            part.text("a")

    with pytest.raises(CancelledError, match="client"):
        write()


def test_worker_that_is_gone_does_not_mind() -> None:
    made: list[Cut] = []

    async def code() -> None:
        made.append(Cut(stream(), is_async=True))

    asyncio.run(in_activity(code))
    made[0].stop()
    assert not made[0].delivered


class Server:
    """Temporal's server as an activity sees it: what it answers to each heartbeat, and what it is told at last."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)
        self.reports = 0

    def get_async_activity_handle(self, *, task_token: bytes) -> Any:
        assert task_token == b"token"

        async def heartbeat(*, rpc_timeout: object) -> None:
            del rpc_timeout
            answer = self.answers.pop(0)
            if answer is not None:
                raise answer

        async def report_cancellation(*, rpc_timeout: object) -> None:
            del rpc_timeout
            self.reports += 1

        return SimpleNamespace(heartbeat=heartbeat, report_cancellation=report_cancellation)


INFO = dataclasses.replace(info(), task_token=b"token")
ASKED = AsyncActivityCancelledError(Details(cancel_requested=True))


async def ended(cut: Cut, server: Server | None, about: activity.Info = INFO) -> BaseException:
    """How the attempt ends towards Temporal."""
    found: list[BaseException] = []

    async def code() -> None:
        try:
            await cut.end(about, cast("Client | None", server))
        except BaseException as err:  # noqa: BLE001 - to be looked at
            found.append(err)

    await in_activity(code)
    return found[0]


def is_final(err: BaseException) -> bool:
    """Whether the server takes it, tries nothing again, and nobody is alarmed."""
    return (
        isinstance(err, ApplicationError)
        and err.type == "CancelledByClient"
        and err.non_retryable
        and err.category == ApplicationErrorCategory.BENIGN
    )


def is_told(err: BaseException) -> bool:
    """Whether the worker has nothing to tell the server any more."""
    return type(err).__name__ == "_CompleteAsyncError"


async def test_activity_whose_workflow_goes_on_fails_for_good() -> None:
    cut, server = Cut(stream(), is_async=False), Server()
    cut.stop()
    assert is_final(await ended(cut, server))


async def test_activity_of_a_cancelled_workflow_waits_until_the_server_asks() -> None:
    cut, server = Cut(stream(), is_async=False), Server(None, RPCError("away", RPCStatusCode.UNAVAILABLE, b""), ASKED)
    cut.stop(time.monotonic() + LONG_S, done())
    assert is_told(await ended(cut, server))
    assert server.reports == 1
    assert server.answers == []


async def test_activity_that_its_workflow_did_not_wait_for_tells_nothing() -> None:
    cut, server = Cut(stream(), is_async=False), Server(RPCError("gone", RPCStatusCode.NOT_FOUND, b""))
    cut.stop(time.monotonic() + LONG_S, done())
    assert is_told(await ended(cut, server))
    assert server.reports == 0


@pytest.mark.parametrize("details", [Details(paused=True), Details(reset=True), None])
async def test_what_else_the_server_asks_is_no_cancel(details: Details | None) -> None:
    cut, server = Cut(stream(), is_async=False), Server(AsyncActivityCancelledError(details))
    cut.stop(time.monotonic() + LONG_S, done())
    assert is_final(await ended(cut, server))


async def test_server_that_does_not_ask_in_time_is_not_waited_for() -> None:
    cut, server = Cut(stream(), is_async=False), Server(None)
    cut.stop(0.0, done())
    assert is_final(await ended(cut, server))


async def test_nobody_waits_for_a_workflow_that_cannot_be_reached() -> None:
    cut = Cut(stream(), is_async=False)
    cut.stop(time.monotonic(), concurrent.futures.Future())
    assert is_final(await ended(cut, None))


async def test_local_activity_waits_for_the_request_alone() -> None:
    cut, server = Cut(stream(), is_async=False), Server()
    cut.stop(time.monotonic() + LONG_S, done())
    assert is_final(await ended(cut, server, dataclasses.replace(INFO, is_local=True)))


@pytest.mark.parametrize(
    ("details", "cancelled"),
    [(Details(cancel_requested=True), True), (Details(timed_out=True), True), (Details(worker_shutdown=True), False)],
)
async def test_cancel_of_temporal_that_comes_meanwhile_is_the_end_but_a_shutdown_is_none(
    details: Details, *, cancelled: bool
) -> None:
    env = ActivityEnvironment()
    waiting = asyncio.Event()

    async def code() -> None:
        cut = Cut(stream(), is_async=True)
        cut.stop(time.monotonic() + LONG_S, concurrent.futures.Future())
        cut.over()
        waiting.set()
        await cut.end(INFO, None)

    running = asyncio.ensure_future(env.run(code))
    await waiting.wait()
    env.cancel(details)
    with pytest.raises((asyncio.CancelledError, ApplicationError)) as raised:
        await running
    assert isinstance(raised.value, asyncio.CancelledError) == cancelled
    assert is_final(raised.value) != cancelled


async def test_cancel_of_temporal_that_a_thread_cannot_see_is_the_end_too() -> None:
    env = ActivityEnvironment()
    waiting = asyncio.Event()
    cut = Cut(stream(), is_async=False)
    cut.stop()

    async def code() -> None:
        waiting.set()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(LONG_S)
        await cut.end(INFO, None)

    running = asyncio.ensure_future(env.run(code))
    await waiting.wait()
    env.cancel(Details(cancel_requested=True))
    with pytest.raises(CancelledError):
        await running
