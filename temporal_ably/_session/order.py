"""Which attempt is canonical.

Of a step's attempts the one that started last wins; ties go to the later opening. Attempt numbers
decide nothing, because Temporal repeats them after an activity reset and after the worker of a
local activity died. A zombie that wakes late still has the older start time.
"""

from __future__ import annotations

from typing import NamedTuple


class AttemptKey(NamedTuple):
    """Identity of an attempt within its step. The greatest key of a step is the canonical attempt's.

    ``started_us`` is 0 for an attempt of a foreign publisher, whose order is that of its openings.
    """

    started_us: int
    serial: str
