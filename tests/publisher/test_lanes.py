from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from temporal_ably._publisher.lanes import Lanes
from temporal_ably._publisher.reports import Reports
from temporal_ably._publisher.schedule import Rates, Schedule
from temporal_ably._transport.base import Timeouts
from temporal_ably.testing import AblyRecorder
from tests.publisher.sender import sender

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Stand:
    """Lanes over recording connections, and a schedule with one channel."""

    def __init__(self) -> None:
        self.recorder = AblyRecorder()
        self.schedule = Schedule(Rates())
        self.changed = asyncio.Event()
        self.lanes = Lanes(self.schedule, self.recorder.connect, self.changed.set, Reports(60.0), Timeouts())

    @property
    def channel(self) -> str:
        return self.attempt.channel

    def work(self) -> None:
        self.attempt = sender().attempt
        self.schedule.add(self.attempt, 0.0)

    async def until_connected(self) -> None:
        while not self.lanes.connections:
            self.changed.clear()
            await self.changed.wait()


@pytest.fixture
async def stand() -> AsyncGenerator[Stand]:
    made = Stand()
    yield made
    await made.lanes.end(for_good=True)


async def test_no_lane_is_started_without_work(stand: Stand) -> None:
    stand.lanes.start()
    assert stand.lanes.idle
    assert stand.lanes.connections == {}


async def test_a_lane_with_work_gets_a_connection_and_ends_with_it(stand: Stand) -> None:
    stand.work()
    stand.lanes.start()
    await stand.until_connected()
    assert list(stand.lanes.connections) == [stand.schedule.lane_of(stand.channel)]
    await stand.lanes.end()
    assert stand.lanes.idle


async def test_a_channel_without_a_lane_counts_as_within_reach(stand: Stand) -> None:
    assert stand.lanes.within_reach("nobody")
    assert stand.lanes.error_of("nobody") is None


async def test_a_lane_that_cannot_connect_is_out_of_reach_and_tells_why(stand: Stand) -> None:
    stand.work()
    async with stand.recorder.away():
        stand.lanes.start()
        while stand.lanes.within_reach(stand.channel):
            stand.changed.clear()
            await stand.changed.wait()
        assert "out of reach" in str(stand.lanes.error_of(stand.channel))


async def test_what_is_closed_for_good_starts_nothing_more(stand: Stand) -> None:
    await stand.lanes.end(for_good=True)
    stand.work()
    stand.lanes.start()
    assert stand.lanes.idle
