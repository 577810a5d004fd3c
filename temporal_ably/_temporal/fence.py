"""Whether an attempt may still write."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from temporalio import activity


class Fence:
    """Whether an attempt may still write, by a clock that no suspension of the process stops.

    The process of a timed-out attempt learns late, or never, that it is one. The server counts a
    heartbeat timeout from the start; later, because heartbeats are throttled, from up to a timeout
    after the last one was made.
    """

    def __init__(self, info: activity.Info) -> None:
        self._heartbeat_s = info.heartbeat_timeout.total_seconds() if info.heartbeat_timeout else None
        self._silent_at = self._due = time.monotonic() + (self._heartbeat_s or float("inf"))
        self._closed = False
        waited = info.started_time - info.scheduled_time
        left = [info.start_to_close_timeout]
        left.append(info.schedule_to_close_timeout - waited if info.schedule_to_close_timeout else None)
        self._deadline = min(
            (time.monotonic() + each.total_seconds() for each in left if each is not None), default=float("inf")
        )

    def heartbeat(self) -> None:
        """Note a heartbeat."""
        now = time.monotonic()
        if self._heartbeat_s is not None and now < self._silent_at:
            # One that comes after the timeout, of a process that stood still, keeps nothing alive.
            self._silent_at = now + 2 * self._heartbeat_s
            self._due = now + self._heartbeat_s

    def close(self) -> None:
        """Let nothing more out."""
        self._closed = True

    @property
    def left_s(self) -> float:
        """Seconds to the nearest deadline; that of the next heartbeat counts: the activity's code makes no more."""
        return max(0.0, min(self._deadline, self._due) - time.monotonic())

    def allows(self) -> bool:
        """Tell whether the attempt may still write."""
        return not self._closed and time.monotonic() < min(self._deadline, self._silent_at)
