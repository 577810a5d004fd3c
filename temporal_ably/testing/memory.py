"""The channels behind recording connections: written from the engine's thread, read from any."""

from __future__ import annotations

import itertools
import threading
import time
from typing import TYPE_CHECKING

from temporal_ably.errors import HistoryError
from temporal_ably.testing.channel import Channel, Wire
from temporal_ably.testing.faults import Fate, Faults, lost, out_of_reach, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from temporal_ably._transport.base import Stored
    from temporal_ably._wire.operations import Operation
    from temporal_ably.testing.connection import RecordingConnection
    from temporal_ably.testing.faults import Fault


class Memory:
    """Channels by name, in the order in which they were first published to.

    The lock is held for moments only, and never while a listener runs.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._channels: dict[str, Channel] = {}
        self._faults = Faults()
        self._away = 0
        self._connections: set[RecordingConnection] = set()
        # By channel: who is subscribed, and the messages of which he has all so far.
        self._subscribed: dict[str, dict[RecordingConnection, set[str]]] = {}
        self._listeners: list[Callable[[], None]] = []
        self._count = itertools.count(1)

    # What connections do.

    def opened(self, connection: RecordingConnection) -> None:
        """Take in a connection.

        Raises:
            ConnectionLostError: while out of reach.
        """
        with self._lock:
            if self._away:
                raise out_of_reach()
            self._connections.add(connection)

    def closed(self, connection: RecordingConnection) -> None:
        """Forget a connection."""
        with self._lock:
            self._connections.discard(connection)
            for subscribed in self._subscribed.values():
                subscribed.pop(connection, None)

    def subscribe(self, channel: str, connection: RecordingConnection) -> None:
        """Deliver what others send to a channel from now on.

        Raises:
            ConnectionLostError: while out of reach.
        """
        with self._lock:
            if self._away:
                raise out_of_reach()
            self._subscribed.setdefault(channel, {})[connection] = set()

    def unsubscribe(self, channel: str, connection: RecordingConnection) -> None:
        """Deliver it no more."""
        with self._lock:
            self._subscribed.get(channel, {}).pop(connection, None)

    def send(self, channel: str, operation: Operation, sender: RecordingConnection | None = None) -> tuple[str, ...]:
        """Apply an operation, unless a fault was ordered for it.

        Raises:
            PublishError: if it is refused.
            ConnectionLostError: if its outcome is lost.
        """
        try:
            with self._lock:
                if self._away:
                    raise out_of_reach()
                return self._send(channel, operation, self._faults.take(channel), sender)
        finally:
            # What was lost may have been applied.
            self._tell()

    def _send(
        self, channel: str, operation: Operation, fault: Fault | None, sender: RecordingConnection | None
    ) -> tuple[str, ...]:
        if fault is not None and fault.fate is Fate.REFUSED:
            raise refusal(fault.code, channel)
        if fault is not None and fault.fate is Fate.LOST:
            raise lost(channel)
        found = self._channels.get(channel) or Channel(channel, self._next_serial)
        before = len(found.log)
        serials = found.apply(operation, time.time_ns() // 1_000_000)
        self._channels[channel] = found
        for connection, seen in self._subscribed.get(channel, {}).items():
            if connection is not sender:
                connection.deliver(channel, found.delivered(before, seen))
        if fault is not None:
            raise lost(channel)
        return serials

    def history(self, channel: str) -> list[Stored]:
        """Give a channel's messages, newest first.

        Raises:
            HistoryError: while out of reach.
        """
        with self._lock:
            if self._away:
                raise HistoryError(
                    f"unable to read the history of {channel}; the test has the recorder out of reach; trying again"
                )
            found = self._channels.get(channel)
            return found.history() if found is not None else []

    def _next_serial(self) -> str:
        return f"{next(self._count):08d}"

    # What tests do.

    @property
    def names(self) -> list[str]:
        """The channels."""
        with self._lock:
            return list(self._channels)

    def messages(self, channel: str) -> list[Wire]:
        """Give the messages of a channel as they are now, oldest first."""
        with self._lock:
            found = self._channels.get(channel)
            return found.messages if found is not None else []

    def log(self, channel: str, start: int = 0) -> list[Wire]:
        """Give what was applied to a channel, in order, from the ``start``-th operation on."""
        with self._lock:
            found = self._channels.get(channel)
            return found.log[start:] if found is not None else []

    def order(self, fault: Fault) -> None:
        """Wait for a fault's operation."""
        with self._lock:
            self._faults.add(fault)

    def leave(self) -> None:
        """Be out of reach: open connections are lost, new ones and reads fail."""
        with self._lock:
            self._away += 1
            cut = list(self._connections)
            self._connections.clear()
            self._subscribed.clear()
        for connection in cut:
            connection.cut(out_of_reach())

    def come_back(self) -> None:
        """Undo one ``leave``."""
        with self._lock:
            self._away -= 1

    def listen(self, listener: Callable[[], None]) -> None:
        """Call a function after each operation, on the thread that sent it."""
        with self._lock:
            self._listeners.append(listener)

    def unlisten(self, listener: Callable[[], None]) -> None:
        """Call it no more."""
        with self._lock:
            self._listeners.remove(listener)

    def clear(self) -> None:
        """Forget channels and faults."""
        with self._lock:
            self._channels.clear()
            self._faults.clear()

    def _tell(self) -> None:
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener()
