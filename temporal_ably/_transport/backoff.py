"""How long to wait before the next try."""

from __future__ import annotations

import random

_PAUSES_S = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
# Our own: a user's seeded numbers stay as they are.
_JITTER = random.Random()  # noqa: S311 - no secret


def backoff_s(failures: int) -> float:
    """Give the pause after so many failures in a row, in seconds; spread, so that not all come back at once."""
    return _JITTER.uniform(0.75, 1.25) * _PAUSES_S[min(failures, len(_PAUSES_S)) - 1]
