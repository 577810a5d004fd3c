"""A token bucket that shrinks when the other side says so, and grows back. Pure: ``now`` comes in."""

from __future__ import annotations

_GROW_BACK_S = 30.0
_BURST_S = 0.25


class Budget:
    """How many messages may go out.

    Args:
        per_s: messages a second.
        now: seconds of the caller's clock.
    """

    def __init__(self, per_s: float, now: float) -> None:
        self._full_per_s = per_s
        self._per_s = per_s
        self._tokens = self._burst
        self._at = now

    @property
    def _burst(self) -> float:
        return max(4.0, self._per_s * _BURST_S)

    def _refill(self, now: float) -> None:
        elapsed = max(0.0, now - self._at)
        self._at = now
        self._per_s = min(self._full_per_s, self._per_s + self._full_per_s * elapsed / _GROW_BACK_S)
        self._tokens = min(self._burst, self._tokens + elapsed * self._per_s)

    def wait_s(self, cost: int, now: float) -> float:
        """Tell how long until ``cost`` messages may go; 0.0 for at once."""
        self._refill(now)
        return max(0.0, (min(cost, self._burst) - self._tokens) / self._per_s)

    def spend(self, cost: int) -> None:
        """Take ``cost`` messages out."""
        self._tokens -= cost

    def shrink(self, now: float) -> None:
        """React to a rate-limit error: half the rate, and nothing at once."""
        self._refill(now)
        self._per_s = max(1.0, self._per_s / 2)
        self._tokens = min(self._tokens, 0.0)
