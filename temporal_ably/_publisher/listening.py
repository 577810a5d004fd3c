"""Who listens to which channel.

While somebody does, the channel's lane stays connected, and each new connection of it subscribes again. Whoever
listens is told after each subscription, and after each gap, to read the history: what comes live goes on from
there. Where Ably refuses, publishing goes on, and it is tried again with the lane's next connection.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from temporal_ably._publisher.reports import report_unexpected
from temporal_ably.errors import ConnectionLostError, PublishError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from temporal_ably._publisher.lanes import Lanes
    from temporal_ably._publisher.reports import Reports
    from temporal_ably._publisher.schedule import Schedule
    from temporal_ably._transport.base import Connection, OnGap, OnMessage, Stored

# Ably tells of a gap each time that it drops something of a channel that is too fast for the connection.
_GAP_PAUSE_S = 5.0


@dataclass(eq=False)
class _Listener:
    on_message: OnMessage
    on_gap: OnGap


@dataclass(eq=False)
class _Ear:
    """One channel. ``connection`` is the one that was asked last; ``asking``: it has not answered yet."""

    channel: str
    listeners: list[_Listener] = field(default_factory=list[_Listener])
    connection: Connection | None = None
    asking: bool = False
    pause: asyncio.TimerHandle | None = None
    missed: bool = False

    def hear(self, message: Stored) -> None:
        """Hand a message on."""
        for listener in tuple(self.listeners):
            _call(partial(listener.on_message, message))

    def note_gap(self) -> None:
        """Have the history read: now, or after a pause if that was just done."""
        if self.pause is not None:
            self.missed = True
            return
        self.missed = False
        self.pause = asyncio.get_running_loop().call_later(_GAP_PAUSE_S, self._end_pause)
        for listener in tuple(self.listeners):
            _call(listener.on_gap)

    def _end_pause(self) -> None:
        self.pause = None
        if self.missed:
            self.note_gap()


class Listening:
    """Keeps the subscriptions of a publisher. Lives on the engine's loop.

    Args:
        schedule: keeps the channels in lanes.
        lanes: have the connections.
        spawn: runs something beside the pump.
        changed: called when a lane is needed, or no more.
        reports: what is said of refusals.
    """

    def __init__(
        self,
        schedule: Schedule,
        lanes: Lanes,
        spawn: Callable[[Coroutine[object, object, None]], None],
        changed: Callable[[], None],
        reports: Reports,
    ) -> None:
        self._schedule = schedule
        self._lanes = lanes
        self._spawn = spawn
        self._changed = changed
        self._reports = reports
        self._ears: dict[str, _Ear] = {}

    def listen(self, channel: str, on_message: OnMessage, on_gap: OnGap) -> Callable[[], None]:
        """Have the messages of a channel that others publish handed on.

        Args:
            channel: the channel.
            on_message: called with each message.
            on_gap: called when the history is to be read: at first and after each gap. Where Ably does not let us
                listen it is called all the same, because history is all that there is then.

        Returns:
            What ends it.
        """
        loop = asyncio.get_running_loop()
        self._schedule.keep(channel, loop.time())
        ear = self._ears.setdefault(channel, _Ear(channel))
        listener = _Listener(on_message, on_gap)
        ear.listeners.append(listener)
        if ear.connection is not None and not ear.asking:
            # What is subscribed already says so no more.
            loop.call_soon(_call, on_gap)
        self._changed()
        self.tend()
        return partial(self._stop, ear, listener)

    def tend(self) -> None:
        """Subscribe on connections that are new."""
        for ear in self._ears.values():
            connection = self._lanes.connection_of(ear.channel)
            if connection is not None and connection is not ear.connection:
                ear.connection, ear.asking = connection, True
                self._spawn(self._subscribe(ear, connection))

    async def _subscribe(self, ear: _Ear, connection: Connection) -> None:
        try:
            await connection.subscribe(ear.channel, ear.hear, ear.note_gap)
        except ConnectionLostError:
            return  # The lane's next connection is asked.
        except PublishError as err:
            self._reports.deaf(err)
        finally:
            if connection is ear.connection:
                ear.asking = False
                self._forget_unheard(ear)
        self._lanes.delivered_to(ear.channel)
        ear.note_gap()

    def _stop(self, ear: _Ear, listener: _Listener) -> None:
        if listener in ear.listeners:
            ear.listeners.remove(listener)
            self._forget_unheard(ear)

    def _forget_unheard(self, ear: _Ear) -> None:
        # One that is asking stays until it is answered: whoever comes meanwhile takes it over.
        if ear.listeners or ear.asking or self._ears.get(ear.channel) is not ear:
            return
        del self._ears[ear.channel]
        if ear.pause is not None:
            ear.pause.cancel()
        if ear.connection is not None:
            ear.connection.unsubscribe(ear.channel)
        self._schedule.let_go(ear.channel)
        self._changed()

    def stop(self) -> None:
        """Listen to nothing any more."""
        for ear in tuple(self._ears.values()):
            ear.listeners.clear()
            self._forget_unheard(ear)


def _call(function: Callable[[], None]) -> None:
    try:
        function()
    except Exception as err:  # noqa: BLE001 - the others still want to hear
        report_unexpected("take in what others publish", err)
