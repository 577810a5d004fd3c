"""Before a retried or reset workflow run writes: read the channel, find the run, sweep dead steps."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from temporal_ably._publisher.recall import Recalled, recall, resolve_run, tombstones
from temporal_ably.errors import HistoryError

if TYPE_CHECKING:
    from temporal_ably._publisher.attempt import Attempt, Plan
    from temporal_ably._publisher.publisher import Publisher
    from temporal_ably._transport.base import Stored
    from temporal_ably._wire.events import Run
    from temporal_ably._wire.identity import Reset, Sweep

logger = logging.getLogger("temporal_ably")

_RETRY_S = (0.5, 1.0, 2.0, 5.0)
_REMEMBERED = 1000
_NOTHING = Recalled(ended=False, newest={})


class Preparation:
    """Reads a channel at most once for each reset and each set of sweeps of a run.

    Args:
        publisher: reads the history and publishes.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._known: dict[tuple[str, str, Reset | None, tuple[Sweep, ...]], asyncio.Task[Run]] = {}

    async def prepare(self, attempt: Attempt, reset: Reset | None, sweeps: tuple[Sweep, ...]) -> None:
        """Release a held attempt once the channel's history told where it belongs and what it replaces.

        Without a readable history it goes on in the run it knows, and dead text of other steps stays.
        """
        plan = attempt.plan
        place = (plan.channel, plan.run.id, reset, sweeps)
        known = self._known.get(place)
        if known is None:
            known = self._known[place] = asyncio.ensure_future(self._learn(plan, reset, sweeps))
            if len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]
        run = plan.run
        try:
            run = await known
        finally:
            # A held attempt would wait for ever, and the end of its run with it.
            attempt.release(run)
            self._publisher.wake()

    async def _learn(self, plan: Plan, reset: Reset | None, sweeps: tuple[Sweep, ...]) -> Run:
        recalled = await _read(self._publisher, plan.channel, plan.run.id)
        run = resolve_run(plan.run, reset, recalled)
        if run == plan.run:
            self._bury(plan, sweeps, recalled)
        return run

    async def sweep(self, plan: Plan, sweeps: tuple[Sweep, ...]) -> None:
        """Make the text of steps go that were replaced by nothing. ``plan``: the run, and who sweeps."""
        self._bury(plan, sweeps, await _read(self._publisher, plan.channel, plan.run.id))

    def _bury(self, plan: Plan, sweeps: tuple[Sweep, ...], recalled: Recalled) -> None:
        now = self._publisher.engine.loop.time()
        for tombstone in tombstones(plan, sweeps, recalled):
            tombstone.open(now)
            tombstone.finish("complete", now)
            # As an attempt like any other: one that writes the step again here, now or soon, cuts it off. A stock
            # client would show nothing of that step if the tombstone opened last.
            self._publisher.add_attempt(tombstone, now)


async def _read(publisher: Publisher, channel: str, run_id: str) -> Recalled:
    for delay_s in _RETRY_S:
        found = await _history(publisher, channel)
        if not isinstance(found, HistoryError):
            return recall(found, run_id)
        logger.warning("%s; trying again in %.1f s", found, delay_s)
        await asyncio.sleep(delay_s)
    found = await _history(publisher, channel)
    if not isinstance(found, HistoryError):
        return recall(found, run_id)
    logger.error("%s; going on without it, text of replaced steps may stay", found)
    return _NOTHING


async def _history(publisher: Publisher, channel: str) -> list[Stored] | HistoryError:
    try:
        return await publisher.history(channel)
    except HistoryError as err:
        return err
