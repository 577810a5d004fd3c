from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from temporal_ably._publisher.lane import Lane
from temporal_ably._publisher.reports import Reports
from temporal_ably._transport.base import Timeouts
from temporal_ably.errors import ConnectionLostError, PublishError
from tests.publisher.fake import UNREACHABLE, WAIT_S, FakeAbly, FakeConnection

if TYPE_CHECKING:
    from collections.abc import Callable

BAD_KEY = PublishError("unable to connect to Ably; bad key; check ABLY_API_KEY", code=40101, retryable=False)
BROKEN = ConnectionLostError("unable to stay connected to Ably; it broke; trying again")


class Stage:
    """A lane on the test's own loop; ``changes`` counts what it told."""

    def __init__(self, timeouts: Timeouts | None = None) -> None:
        self.ably = FakeAbly()
        self.work = True
        self.changes = 0
        self._changed = asyncio.Condition()
        self.lane = Lane(
            3, self.ably.connect, lambda: self.work, self._note, Reports(60), timeouts or Timeouts(idle_s=0.001)
        )
        self.task = asyncio.ensure_future(self.lane.run())

    def _note(self) -> None:
        self.changes += 1
        self._told = asyncio.ensure_future(self._tell())

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(condition), WAIT_S)

    async def connected(self) -> FakeConnection:
        await self.until(lambda: self.lane.connection is not None)
        return self.ably.connections[-1]

    async def stop(self) -> None:
        self.work = False
        self.task.cancel()
        await asyncio.wait({self.task})


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("temporal_ably._transport.backoff._PAUSES_S", (0.001,))


async def test_lane_connects_and_tells() -> None:
    stage = Stage()
    connection = await stage.connected()
    assert stage.lane.connection is connection
    assert stage.lane.within_reach
    await stage.stop()
    assert connection.closed


async def test_lane_without_work_ends_and_closes_its_connection() -> None:
    stage = Stage()
    connection = await stage.connected()
    stage.work = False
    await asyncio.wait_for(stage.task, WAIT_S)
    assert connection.closed
    assert stage.lane.connection is None


async def test_lost_connection_is_not_offered_and_is_replaced() -> None:
    stage = Stage()
    first = await stage.connected()
    stage.lane.delivered()
    first.lost.set_result(BROKEN)
    assert stage.lane.connection is None
    await stage.until(lambda: len(stage.ably.connections) == 2 and stage.lane.connection is not None)
    assert first.closed
    assert stage.lane.within_reach
    await stage.stop()


async def test_connection_that_cannot_be_opened_puts_ably_out_of_reach(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    stage = Stage()
    stage.ably.unreachable = UNREACHABLE
    await stage.until(lambda: stage.ably.open_attempts >= 3)
    assert stage.lane.error is UNREACHABLE
    assert not stage.lane.within_reach
    stage.ably.unreachable = None
    await stage.connected()
    assert stage.lane.within_reach
    stage.lane.delivered()
    assert stage.lane.error is None
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    await stage.stop()


async def test_connection_that_breaks_before_it_brought_anything_counts_as_out_of_reach() -> None:
    stage = Stage()
    connection = await stage.connected()
    connection.lost.set_result(BROKEN)
    await stage.until(lambda: stage.lane.error is BROKEN)
    await stage.stop()


async def test_refused_credentials_are_tried_again_after_the_long_pause_only() -> None:
    stage = Stage(Timeouts(refused_pause_s=1e6))
    stage.ably.unreachable = BAD_KEY
    await stage.until(lambda: stage.lane.error is BAD_KEY)
    assert stage.ably.open_attempts == 1
    await stage.stop()
    assert stage.ably.connections[0].closed


async def test_unforeseen_error_is_told_and_the_lane_goes_on(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(connection: FakeConnection) -> None:
        monkeypatch.undo()
        raise ZeroDivisionError(connection)

    monkeypatch.setattr(FakeConnection, "open", fail)
    stage = Stage()
    await stage.connected()
    assert len(stage.ably.connections) == 2
    assert "ZeroDivisionError" in caplog.text
    await stage.stop()
