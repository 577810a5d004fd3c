"""A lane: one connection after another, for as long as its channels have work.

A connection that was lost after it had worked is replaced at once. One that could not be opened, or
brought nothing, or lived for less than a moment, is replaced after a growing pause.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from temporal_ably._publisher.reports import report_unexpected
from temporal_ably._publisher.telemetry import telemetry
from temporal_ably._transport.backoff import backoff_s
from temporal_ably.errors import ConnectionLostError, PublishError

if TYPE_CHECKING:
    from collections.abc import Callable

    from temporal_ably._publisher.reports import Reports
    from temporal_ably._transport.base import Connection, Timeouts

_MOMENT_S = 1.0


class Lane:
    """Keeps a connection while there is work.

    Args:
        number: the lane's number.
        connect: makes an unopened connection.
        has_work: tells whether the lane is still needed.
        changed: called when the connection came or went.
        reports: what is said of faults.
        timeouts: how long it waits.
    """

    def __init__(
        self,
        number: int,
        connect: Callable[[], Connection],
        has_work: Callable[[], bool],
        changed: Callable[[], None],
        reports: Reports,
        timeouts: Timeouts,
    ) -> None:
        self._number = number
        self._connect = connect
        self._has_work = has_work
        self._changed = changed
        self._reports = reports
        self._timeouts = timeouts
        self._connection: Connection | None = None
        self._works = False
        self._lost = False
        self._opened_at = 0.0
        self._failures = 0
        self.error: PublishError | None = None

    @property
    def connection(self) -> Connection | None:
        """The connection, while it can be trusted."""
        connection = self._connection
        return connection if connection is not None and not connection.lost.done() else None

    @property
    def within_reach(self) -> bool:
        """Whether Ably is there, or was when it was last asked."""
        return self.error is None or self.connection is not None

    def delivered(self) -> None:
        """Note that the connection brought something."""
        self._works = True
        if self.error is not None:
            self.error = None
            self._reports.back(self._number)

    async def run(self) -> None:
        """Connect again and again while there is work."""
        try:
            while self._has_work():
                error = await self._use(self._connect())
                if error is not None:
                    await asyncio.sleep(self._note_loss(error))
        finally:
            self._reports.left(self._number)

    async def _use(self, connection: Connection) -> PublishError | None:
        """Use a connection and give what ended it, ``None`` where nothing is left to do."""
        try:
            await connection.open()
            self._connection, self._works, self._opened_at = connection, False, _now()
            if self._lost:
                self._lost = False
                telemetry.reconnected()
            self._changed()
            return await self._until_lost_or_idle(connection)
        except PublishError as err:
            self._works = False
            return err
        except Exception as err:  # noqa: BLE001 - a lane that dies would hold its text for ever
            report_unexpected("connect to Ably", err)
            self._works = False
            return ConnectionLostError("unable to connect to Ably; an unexpected error was logged; trying again")
        finally:
            self._connection = None
            await connection.close()

    async def _until_lost_or_idle(self, connection: Connection) -> PublishError | None:
        while self._has_work():
            done, _ = await asyncio.wait({connection.lost}, timeout=self._timeouts.idle_s)
            if done:
                return connection.lost.result()
        return None

    def _note_loss(self, error: PublishError) -> float:
        """Take note of a loss and give the pause before the next connection, in seconds."""
        self._lost = True
        telemetry.failed(error, None)
        worked = self._works and error.retryable
        if worked and _now() - self._opened_at >= _MOMENT_S:
            self._failures = 0
            return 0.0
        self._failures += 1
        if not worked:
            self.error = error
            self._reports.away(self._number, error)
            self._changed()
        return backoff_s(self._failures) if error.retryable else self._timeouts.refused_pause_s


def _now() -> float:
    return asyncio.get_running_loop().time()
