"""All messages of a channel: its history, then live, over one connection after another.

The rule of the file: attach first, then read the history, and again after each gap. So each message comes at least
once, some several times, an old version after a newer one; whoever takes them sorts that out, as a fold does.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import TYPE_CHECKING

from temporal_ably._transport.backoff import backoff_s
from temporal_ably._transport.secrets import describe
from temporal_ably.errors import ConnectionLostError, HistoryError, PublishError

if TYPE_CHECKING:
    from collections.abc import Callable

    from temporal_ably._transport.base import Connection, OnMessage

logger = logging.getLogger("temporal_ably")

# Ably tells of a gap each time that it drops something of a channel that is too fast for the connection.
_GAP_PAUSE_S = 5.0
# A connection that lived for less is no better than one that could not be made.
_MOMENT_S = 10.0
# Messages of history that are taken in one go; others want the loop, too.
_BATCH = 50


class Feed:
    """Follows a channel for as long as it runs.

    Args:
        channel: the channel.
        connect: makes an unopened connection; called on the loop that it runs on.
        take: called with each message.
        changed: called when ``live`` did.
    """

    def __init__(
        self,
        channel: str,
        connect: Callable[[], Connection],
        take: OnMessage,
        changed: Callable[[], None],
    ) -> None:
        self._channel = channel
        self._connect = connect
        self._take = take
        self._changed = changed
        self.live = False
        """Whether the channel is followed live, and all of its history was taken."""
        self._gap = asyncio.Event()
        self._began = False
        self._since = 0.0
        self._failures = 0

    async def run(self) -> None:
        """Follow the channel until cancelled.

        Before it was followed for the first time, any failure ends it; after that, what time does not mend.

        Raises:
            PublishError: if Ably refuses, or at first, cannot be reached (``ConnectionLostError``).
            HistoryError: if the history cannot be read.
        """
        while True:
            error = await self._use(self._connect())
            if not (self._began and error.retryable):
                raise error
            self._note_loss(error)
            await asyncio.sleep(backoff_s(self._failures))

    async def _use(self, connection: Connection) -> PublishError | HistoryError:
        """Use a connection and give what ended it."""
        self._gap.clear()
        try:
            await connection.open()
            await connection.subscribe(self._channel, self._take, self._gap.set)
            await read_history(connection, self._channel, self._take)
            self._note_success()
            return await self._until_lost(connection)
        except (PublishError, HistoryError) as err:
            return err
        except Exception as err:  # noqa: BLE001 - nobody else would tell of it
            logger.error(
                "unable to read channel %s; this is a fault of temporal-ably; %s", self._channel, describe(err)
            )
            return ConnectionLostError(f"unable to read channel {self._channel}; an unexpected error was logged")
        finally:
            self._be(live=False)
            await connection.close()

    def _be(self, *, live: bool) -> None:
        if live is not self.live:
            self.live = live
            self._changed()

    def _note_success(self) -> None:
        self._began, self._since = True, asyncio.get_running_loop().time()
        self._be(live=True)

    def _note_loss(self, error: PublishError | HistoryError) -> None:
        if asyncio.get_running_loop().time() - self._since >= _MOMENT_S:
            self._failures = 0
        self._failures += 1
        if self._failures == 1:
            logger.warning("%s; until then what is read of %s may lag behind", error, self._channel)

    async def _until_lost(self, connection: Connection) -> PublishError:
        while True:
            gap = asyncio.ensure_future(self._gap.wait())
            try:
                await asyncio.wait({gap, connection.lost}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                gap.cancel()
            if connection.lost.done():
                return connection.lost.result()
            self._gap.clear()
            self._be(live=False)
            await read_history(connection, self._channel, self._take)
            self._be(live=True)
            await asyncio.wait({connection.lost}, timeout=_GAP_PAUSE_S)


async def read_history(
    connection: Connection, channel: str, take: OnMessage, *, since_ms: int = 0, limit: int | None = None
) -> None:
    """Take the messages of a channel's history, newest first.

    Args:
        connection: reads; it need not be open.
        channel: the channel.
        take: called with each message.
        since_ms: only those that were created at this time or later, in milliseconds since the epoch.
        limit: how many at the most; ``None`` for all that can be had.

    Raises:
        HistoryError: if it cannot be read.
    """
    count = 0
    async with aclosing(connection.history(channel, since_ms)) as messages:
        async for stored in messages:
            take(stored)
            count += 1
            if count == limit:
                return
            if count % _BATCH == 0:
                await asyncio.sleep(0)
