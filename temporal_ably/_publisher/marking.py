"""Marks what replaced attempts wrote, after the attempts that replace them have shown something.

Nobody who wrote the dead output may be alive, so the channel's history is the memory: one page of it,
read once for all attempts of a channel that ask meanwhile.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from temporal_ably._publisher.marks import Marks, marks, replaced_attempts, replaced_traces
from temporal_ably._publisher.metrics import SUPERSEDED
from temporal_ably._publisher.telemetry import telemetry, who
from temporal_ably.errors import HistoryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from temporal_ably._publisher.attempt import Attempt
    from temporal_ably._publisher.publisher import Publisher
    from temporal_ably._transport.base import Stored

logger = logging.getLogger("temporal_ably")

_PAGE = 1000


class Marking:
    """Reads channels and marks dead output. Best effort. Lives on the engine's loop.

    Args:
        publisher: reads the history and publishes.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._waiting: dict[str, list[Attempt]] = {}

    def mark_replaced_by(self, attempt: Attempt) -> None:
        """Mark what the attempt replaced."""
        waiting = self._waiting.get(attempt.channel)
        if waiting is not None:
            waiting.append(attempt)
        else:
            self._waiting[attempt.channel] = [attempt]
            self._publisher.spawn(self._run(attempt.channel))

    async def _run(self, channel: str) -> None:
        try:
            while self._waiting[channel]:
                attempts, self._waiting[channel] = self._waiting[channel], []
                stored = await self._publisher.history(channel, limit=_PAGE)
                for attempt in attempts:
                    self._mark(attempt, stored)
        except HistoryError as err:
            logger.debug("%s; what was replaced there is not marked", err)
        finally:
            del self._waiting[channel]

    def _mark(self, attempt: Attempt, stored: Sequence[Stored]) -> None:
        updates = marks(attempt.plan, stored)
        telemetry.count(SUPERSEDED, replaced_attempts(updates), who(attempt.plan))
        self._publisher.links_found(attempt, replaced_traces(attempt.plan, stored))
        self._publisher.add_marks(Marks(attempt.channel, updates))
