"""Rollup: joins the appends that one connection makes to one message within a short window.

The first append passes at once; those of the rest of the window are held and leave as one append at its end, with the
name and extras of the last. Pure: time comes in as milliseconds.

Source: ably/docs "Append rollup", transport parameter appendRollupWindow.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from .wire import Wire

Ticket = TypeVar("Ticket")
"""What the caller wants back for each held append, to acknowledge it."""


@dataclass(slots=True)
class Held(Generic[Ticket]):
    """Appends that wait for their window to end."""

    channel: str
    message: Wire
    """One append that stands for all held."""
    tickets: list[Ticket] = field(default_factory=list[Ticket])


@dataclass(slots=True)
class _Window(Generic[Ticket]):
    ends: int
    held: Held[Ticket] | None = None


class Rollup(Generic[Ticket]):
    """The windows of one connection.

    Args:
        window_ms: length of a window, 0 for none.
        publish: called with what leaves.
    """

    def __init__(self, window_ms: int, publish: Callable[[Held[Ticket], int], None]) -> None:
        """Start with nothing held."""
        self._window_ms = window_ms
        self._publish = publish
        self._windows: dict[tuple[str, str], _Window[Ticket]] = {}

    def append(self, channel: str, message: Wire, ticket: Ticket, now: int) -> None:
        """Publish an append now, or hold it."""
        self.tick(now)
        window = self._windows.get((channel, str(message.get("serial"))))
        if window is None:
            if self._window_ms:
                self._windows[channel, str(message.get("serial"))] = _Window(now + self._window_ms)
            self._publish(Held(channel, message, [ticket]), now)
            return
        if window.held is not None:
            joined = _join(window.held.message, message)
            if joined is None:
                self._release(window, now)
            else:
                window.held.message = joined
        if window.held is None:
            window.held = Held(channel, message)
        window.held.tickets.append(ticket)

    def tick(self, now: int) -> None:
        """Publish what is due."""
        for key, window in list(self._windows.items()):
            if window.ends > now:
                continue
            if window.held is None:
                del self._windows[key]
            else:
                window.ends = now + self._window_ms
                self._release(window, now)

    def flush(self, now: int, channel: str | None = None) -> None:
        """Publish all that is held, on one channel or on all."""
        for (name, _), window in list(self._windows.items()):
            if channel in (None, name):
                self._release(window, now)

    def next_due(self) -> int | None:
        """Give the time at which something held must leave."""
        return min((window.ends for window in self._windows.values() if window.held), default=None)

    def _release(self, window: _Window[Ticket], now: int) -> None:
        held, window.held = window.held, None
        if held:
            self._publish(held, now)


def _join(first: Wire, second: Wire) -> Wire | None:
    """Join two appends, None if their data is not of one kind."""
    left, right = first.get("data"), second.get("data")
    if first.get("encoding") != second.get("encoding"):
        return None
    if isinstance(left, str) and isinstance(right, str):
        return {**second, "data": left + right}
    if isinstance(left, bytes) and isinstance(right, bytes):
        return {**second, "data": left + right}
    return None
