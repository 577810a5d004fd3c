"""Sends operations one after another, for whoever has few of them and time: no engine, no thread, no queue."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from temporal_ably._publisher.budget import Budget
from temporal_ably.errors import ConnectionLostError, PublishError

if TYPE_CHECKING:
    from collections.abc import Callable

    from temporal_ably._publisher.outbox import Outbox
    from temporal_ably._transport.base import Connection, Stored
    from temporal_ably._wire.operations import Operation

_AGAIN_S = (0.5, 1.0, 2.0, 5.0)
_RATE_CODES = range(42900, 43000)


class Courier:
    """A connection that is made at first need, and again where it is lost.

    Args:
        connect: makes an unopened connection.
        per_s: messages a second.
    """

    def __init__(self, connect: Callable[[], Connection], per_s: float) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self._budget = Budget(per_s, _now())
        self._lock = asyncio.Lock()
        self._out_of_reach: ConnectionLostError | None = None

    async def history(self, channel: str) -> list[Stored]:
        """Read a channel's messages, newest first.

        Raises:
            HistoryError: if they cannot be read.
        """
        async with aclosing(self._connect().history(channel)) as messages:
            return [stored async for stored in messages]

    async def deliver(self, outbox: Outbox) -> None:
        """Send all that an outbox has.

        Raises:
            PublishError: if Ably refused some of it, or is out of reach.
        """
        while (ticket := next(iter(outbox.ready()), None)) is not None:
            serials = await self.send(outbox.channel, outbox.take(ticket, _now()))
            outbox.acked(ticket, serials, _now())

    async def send(self, channel: str, operation: Operation) -> tuple[str, ...]:
        """Run an operation and give a serial for each of its messages.

        Where its outcome is unknown it is sent again: it must do no harm twice.

        Raises:
            PublishError: if Ably refused it, or is out of reach.
        """
        async with self._lock:
            if self._out_of_reach is not None:
                raise self._out_of_reach
            for delay_s in (*_AGAIN_S, None):
                try:
                    return await self._try(channel, operation)
                except ConnectionLostError as err:
                    await self.close()
                    if delay_s is None:
                        self._out_of_reach = err
                        raise
                except PublishError as err:
                    if delay_s is None or err.code not in _RATE_CODES:
                        raise
                    self._budget.shrink(_now())
                await asyncio.sleep(delay_s)
        raise AssertionError("the last try gives or raises")

    async def _try(self, channel: str, operation: Operation) -> tuple[str, ...]:
        await asyncio.sleep(self._budget.wait_s(1, _now()))
        self._budget.spend(1)
        if self._connection is None:
            self._connection = self._connect()
            await self._connection.open()
        return await self._connection.send(channel, operation)

    async def close(self) -> None:
        """Let go of the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


def _now() -> float:
    return asyncio.get_running_loop().time()
