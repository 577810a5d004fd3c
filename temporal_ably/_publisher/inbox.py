"""The way from user threads to the engine: commands in order, one wake a batch, a bound on text."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from temporal_ably._publisher.reports import report_unexpected

if TYPE_CHECKING:
    from collections.abc import Callable


class Inbox:
    """Commands that any thread posts and the engine runs.

    Args:
        wake: has the engine run them soon; called from any thread.
        buffer_bytes: how much text may wait here.
    """

    def __init__(self, wake: Callable[[], None], buffer_bytes: int) -> None:
        self._wake = wake
        self._buffer_bytes = buffer_bytes
        self._commands: deque[Callable[[float], None]] = deque()
        self._held_bytes = 0
        self._woken = False
        self._lock = threading.Lock()

    def post(self, command: Callable[[float], None]) -> None:
        """Have ``command(now)`` run, in the order of posting."""
        # The engine clears the flag before it looks into the queue: whoever finds it set was in time.
        self._commands.append(command)
        if not self._woken:
            self._woken = True
            self._wake()

    def post_surely(self, command: Callable[[float], None]) -> None:
        """Post and wake in any case.

        Temporal cancels a sync activity by an exception in its thread, which may have hit ``post``
        between the flag and the wake. The end of each attempt mends that.
        """
        self._commands.append(command)
        self._wake()

    def reserve(self, size: int) -> bool:
        """Count text of ``size`` bytes in, unless there is no room."""
        with self._lock:
            fits = self._held_bytes + size <= self._buffer_bytes
            if fits:
                self._held_bytes += size
            return fits

    @property
    def held_bytes(self) -> int:
        """Bytes of text that wait here."""
        return self._held_bytes

    def release(self, size: int) -> None:
        """Count text out."""
        with self._lock:
            self._held_bytes -= size

    def run(self, now: float) -> None:
        """Run what was posted. Called on the engine's loop."""
        self._woken = False
        while self._commands:
            command = self._commands.popleft()
            try:
                command(now)
            except Exception as err:  # noqa: BLE001 - one bad command must not stop the others
                report_unexpected("take in what an activity streams", err)
