"""A fake of Ably behind fake connections, whose faults are scripted. Tests wait on it by condition, never by time."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict, deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from temporal_ably._wire.operations import Update
from temporal_ably.errors import ConnectionLostError, HistoryError, PublishError
from tests.publisher.model import Channel, Fate, picture

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from temporal_ably._transport.base import OnGap, OnMessage, Stored
    from temporal_ably._wire.operations import Operation

WAIT_S = 20.0
UNREACHABLE = ConnectionLostError("unable to connect to Ably; nobody answers; trying again")


class FakeAbly:
    """Channels that outlive connections.

    ``script`` holds what becomes of the next operations: a fate, or the error that refuses one.
    ``unreachable`` is the error that opening a connection raises. What is ``holding`` stays in flight: all
    operations, only marks, or the reading of history. ``refuse_marks`` is the error that refuses each mark.
    """

    def __init__(self) -> None:
        self.channels: defaultdict[str, Channel] = defaultdict(Channel)
        self.script: deque[Fate | PublishError] = deque()
        self.history_script: deque[HistoryError] = deque()
        self.unreachable: PublishError | None = None
        self.connections: list[FakeConnection] = []
        self.sent: list[str] = []
        self.released: list[str] = []
        self.history_reads = 0
        self.open_attempts = 0
        self.holding = False
        self.holding_marks = False
        self.holding_history = False
        self.holding_subscriptions = False
        self.refuse_marks: PublishError | None = None
        self.refuse_listening: PublishError | None = None
        self.subscriptions: list[str] = []
        self._held: list[asyncio.Event] = []
        self._changed = threading.Condition()

    def connect(self) -> FakeConnection:
        connection = FakeConnection(self)
        self.connections.append(connection)
        return connection

    @contextmanager
    def changing(self) -> Generator[None, None, None]:
        with self._changed:
            try:
                yield
            finally:
                self._changed.notify_all()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, WAIT_S), f"never happened; sent so far: {self.sent}"

    async def gate(self, *, holding: bool) -> None:
        """Keep what comes here in flight until ``let_go``."""
        if holding:
            event = asyncio.Event()
            with self.changing():
                self._held.append(event)
            await event.wait()

    def let_go(self) -> None:
        """Stop holding. Runs on the engine's loop."""
        self.holding = self.holding_marks = self.holding_history = self.holding_subscriptions = False
        for event in self._held:
            event.set()
        self._held.clear()

    def break_connections(self) -> None:
        """Lose all connections. Runs on the engine's loop."""
        for connection in self.connections:
            connection.lose()

    @property
    def in_flight(self) -> int:
        return len(self._held)


class FakeConnection:
    def __init__(self, ably: FakeAbly) -> None:
        self.lost: asyncio.Future[PublishError] = asyncio.get_running_loop().create_future()
        self.closed = False
        self.opened = False
        self.listeners: dict[str, tuple[OnMessage, OnGap]] = {}
        self._ably = ably

    async def open(self) -> None:
        with self._ably.changing():
            self._ably.open_attempts += 1
            if self._ably.unreachable is not None:
                raise self._ably.unreachable
            self.opened = True

    async def send(self, channel: str, operation: Operation) -> tuple[str, ...]:
        assert self.opened
        assert not self.closed
        fate = self._ably.script.popleft() if self._ably.script else Fate.ACKED
        is_mark = isinstance(operation, Update) and operation.message.data is None
        await self._ably.gate(holding=self._ably.holding or (is_mark and self._ably.holding_marks))
        with self._ably.changing():
            self._ably.sent.append(picture(operation))
            if is_mark and self._ably.refuse_marks is not None:
                raise self._ably.refuse_marks
            if isinstance(fate, PublishError):
                raise fate
            if fate is Fate.LOST:
                raise self.lose()
            serials = self._ably.channels[channel].apply(operation)
            if fate is Fate.LOST_BUT_APPLIED:
                raise self.lose()
            return serials

    def lose(self) -> ConnectionLostError:
        reason = ConnectionLostError("unable to publish; the connection broke; trying again")
        if not self.lost.done():
            self.lost.set_result(reason)
        return reason

    async def subscribe(self, channel: str, on_message: OnMessage, on_gap: OnGap) -> None:
        assert channel not in self.listeners
        self.listeners[channel] = on_message, on_gap
        await self._ably.gate(holding=self._ably.holding_subscriptions)
        with self._ably.changing():
            self._ably.subscriptions.append(channel)
            if self.lost.done():
                raise ConnectionLostError("unable to listen; the connection broke; trying again")
            if self._ably.refuse_listening is not None:
                del self.listeners[channel]
                raise self._ably.refuse_listening

    def unsubscribe(self, channel: str) -> None:
        with self._ably.changing():
            self.listeners.pop(channel, None)

    async def history(self, channel: str, since_ms: int = 0) -> AsyncGenerator[Stored, None]:
        assert since_ms == 0, "a channel on paper has no times"
        with self._ably.changing():
            self._ably.history_reads += 1
        if self._ably.history_script:
            raise self._ably.history_script.popleft()
        await self._ably.gate(holding=self._ably.holding_history)
        for stored in self._ably.channels[channel].stored():
            yield stored

    def release(self, channel: str) -> None:
        with self._ably.changing():
            self._ably.released.append(channel)

    async def close(self) -> None:
        with self._ably.changing():
            self.closed = True
