"""Which attempt is canonical, and why another is not.

Of a step's attempts the one that started last wins; ties go to the later opening. Attempt numbers
decide nothing, because Temporal repeats them after an activity reset and after the worker of a
local activity died. A zombie that wakes late still has the older start time.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from temporal_ably._wire.events import StepReason

NO_TIME = datetime.min.replace(tzinfo=timezone.utc)


class AttemptKey(NamedTuple):
    """Identity of an attempt within its step. The greatest key of a step is the canonical attempt's.

    ``started`` is ``NO_TIME`` for an attempt of a foreign publisher, whose order is that of its openings.
    """

    started: datetime
    serial: str


def why_dead(key: AttemptKey, number: int, ended: StepReason | Literal[""], by: AttemptKey, by_number: int) -> str:
    """Say in a few words why an attempt is dead.

    Args:
        key: the dead attempt.
        number: its number.
        ended: how it ended, empty if it did not.
        by: the attempt that took its place.
        by_number: that attempt's number.
    """
    later = f"attempt {by_number}" if by_number != number else f"a later attempt {by_number}"
    if key.serial > by.serial and key.started < by.started:
        return f"started before {later} (a zombie)"
    return f"{ended or 'never ended'}; {later} took its place"
