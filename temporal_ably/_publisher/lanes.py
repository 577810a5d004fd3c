"""The lanes of a publisher: one is started for whoever has work, and ends by itself. Lives on the engine's loop."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from temporal_ably._publisher.lane import Lane
from temporal_ably._publisher.reports import report_unexpected

if TYPE_CHECKING:
    from collections.abc import Callable

    from temporal_ably._publisher.reports import Reports
    from temporal_ably._publisher.schedule import Schedule
    from temporal_ably._transport.base import Connection, Timeouts
    from temporal_ably.errors import PublishError

_RESTART_S = 5.0


class Lanes:
    """Starts lanes and finds the one of a channel.

    Args:
        schedule: tells which lanes have work.
        connect: makes an unopened connection.
        changed: called when a connection came or went.
        reports: what is said of faults.
        timeouts: how long they wait.
    """

    def __init__(
        self,
        schedule: Schedule,
        connect: Callable[[], Connection],
        changed: Callable[[], None],
        reports: Reports,
        timeouts: Timeouts,
    ) -> None:
        self._schedule = schedule
        self._connect = connect
        self._changed = changed
        self._reports = reports
        self._timeouts = timeouts
        self._lanes: dict[int, tuple[Lane, asyncio.Task[None]]] = {}
        self.closed = False

    @property
    def idle(self) -> bool:
        """Whether there is none."""
        return not self._lanes

    @property
    def connections(self) -> dict[int, Connection]:
        """The connections that can be trusted, by lane."""
        found = {number: lane.connection for number, (lane, _) in self._lanes.items()}
        return {number: connection for number, connection in found.items() if connection is not None}

    def start(self) -> None:
        """Start a lane for each that has work."""
        if self.closed:
            return
        for number in self._schedule.lanes_with_work() - self._lanes.keys():
            lane = Lane(
                number,
                self._connect,
                lambda number=number: number in self._schedule.lanes_with_work(),
                self._changed,
                self._reports,
                self._timeouts,
            )
            task = asyncio.ensure_future(lane.run())
            self._lanes[number] = lane, task
            task.add_done_callback(partial(self._ended, number))

    def _ended(self, number: int, task: asyncio.Task[None]) -> None:
        # What came while the lane was closing waits for the next one.
        del self._lanes[number]
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            report_unexpected("run a lane", error)
            task.get_loop().call_later(_RESTART_S, self._changed)
        else:
            self._changed()

    def delivered(self, number: int) -> None:
        """Note that a lane's connection brought something."""
        if number in self._lanes:
            self._lanes[number][0].delivered()

    def delivered_to(self, channel: str) -> None:
        """Note that the connection of a channel's lane brought something."""
        lane = self._of(channel)
        if lane is not None:
            lane.delivered()

    def connection_of(self, channel: str) -> Connection | None:
        """Give the connection of a channel's lane, if it can be trusted."""
        lane = self._of(channel)
        return lane.connection if lane is not None else None

    def release(self, number: int, channel: str) -> None:
        """Forget a channel that is not used any more."""
        connection = self._lanes[number][0].connection if number in self._lanes else None
        if connection is not None:
            connection.release(channel)

    def error_of(self, channel: str) -> PublishError | None:
        """Tell why the lane of a channel is out of reach, if it is."""
        lane = self._of(channel)
        return lane.error if lane is not None else None

    def within_reach(self, channel: str) -> bool:
        """Whether Ably is there for a channel, or was when it was last asked."""
        lane = self._of(channel)
        return lane is None or lane.within_reach

    def _of(self, channel: str) -> Lane | None:
        number = self._schedule.lane_of(channel)
        return self._lanes[number][0] if number in self._lanes else None

    async def end(self, *, for_good: bool = False) -> None:
        """Let go of all connections; ``for_good``: and make no others."""
        self.closed = self.closed or for_good
        tasks = [task for _, task in self._lanes.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
