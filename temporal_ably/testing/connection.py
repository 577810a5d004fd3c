"""What the publisher gets instead of a connection to Ably. It lives on the loop of whoever made it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from temporal_ably.errors import ConnectionLostError, PublishError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from temporal_ably._transport.base import OnGap, OnMessage, Stored
    from temporal_ably._wire.operations import Operation
    from temporal_ably.testing.memory import Memory


class RecordingConnection:
    """A connection to channels in memory. Used once, as any other.

    Args:
        memory: the channels, and the faults that were ordered.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._loop = asyncio.get_running_loop()
        self._listeners: dict[str, OnMessage] = {}
        self.lost: asyncio.Future[PublishError] = self._loop.create_future()

    async def open(self) -> None:
        """Connect.

        Raises:
            ConnectionLostError: while the recorder is out of reach.
        """
        self._memory.opened(self)

    async def send(self, channel: str, operation: Operation) -> tuple[str, ...]:
        """Apply an operation and give a serial for each of its messages.

        Raises:
            PublishError: if it is refused; it was not applied.
            ConnectionLostError: if the test had its outcome lost, or the recorder is out of reach.
        """
        if self.lost.done():
            raise ConnectionLostError("unable to publish; the connection is lost; trying again", channel=channel)
        try:
            return self._memory.send(channel, operation, self)
        except ConnectionLostError as err:
            self._lose(err)
            raise

    async def subscribe(self, channel: str, on_message: OnMessage, on_gap: OnGap) -> None:
        """Have the messages of a channel delivered from now on. There are no gaps.

        Raises:
            ConnectionLostError: if the connection is lost.
        """
        del on_gap
        if self.lost.done():
            raise ConnectionLostError("unable to listen; the connection is lost; trying again", channel=channel)
        self._memory.subscribe(channel, self)
        self._listeners[channel] = on_message

    def unsubscribe(self, channel: str) -> None:
        """Have them delivered no more."""
        self._memory.unsubscribe(channel, self)
        self._listeners.pop(channel, None)

    def deliver(self, channel: str, messages: Sequence[Stored]) -> None:
        """Take in what another connection sent, from any thread."""
        self._loop.call_soon_threadsafe(self._deliver, channel, messages)

    def _deliver(self, channel: str, messages: Sequence[Stored]) -> None:
        for message in messages:
            # Whoever gets the first may unsubscribe.
            listener = self._listeners.get(channel)
            if listener is not None and not self.lost.done():
                listener(message)

    async def history(self, channel: str, since_ms: int = 0) -> AsyncGenerator[Stored, None]:
        """Read a channel's messages, newest first; only those created since a time, if given.

        Raises:
            HistoryError: while the recorder is out of reach.
        """
        for stored in self._memory.history(channel):
            if (stored.timestamp or 0) >= since_ms:
                yield stored

    def release(self, channel: str) -> None:
        """Forget a channel that is not used any more; nothing but its subscription is held."""
        self.unsubscribe(channel)

    async def close(self) -> None:
        """Let go of the connection; never raises."""
        self._memory.closed(self)
        self._lose(ConnectionLostError("unable to publish; the connection is closed; open a new one"))

    def cut(self, reason: PublishError) -> None:
        """Lose the connection, from any thread."""
        self._loop.call_soon_threadsafe(self._lose, reason)

    def _lose(self, reason: PublishError) -> None:
        if not self.lost.done():
            self.lost.set_result(reason)
