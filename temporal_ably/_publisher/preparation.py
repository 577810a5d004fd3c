"""What only a channel's history tells: the run that a reset one writes to, and dead text that nothing replaced."""

from __future__ import annotations

import asyncio
import itertools
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from temporal_ably._publisher.recall import Recalled, recall, resolve_run, tombstones
from temporal_ably.errors import HistoryError

if TYPE_CHECKING:
    from temporal_ably._publisher.attempt import Attempt
    from temporal_ably._publisher.plan import Plan
    from temporal_ably._publisher.publisher import Publisher
    from temporal_ably._wire.events import Run
    from temporal_ably._wire.identity import Reset, Sweep

logger = logging.getLogger("temporal_ably")

_RETRY_S = (0.5, 1.0, 2.0, 5.0)
_REMEMBERED = 1000
_NOTHING = Recalled(ended=False, newest={})


@dataclass(frozen=True)
class Learnt:
    """What the history said: the run to write to, and the steps that were written in it."""

    run: Run
    steps: frozenset[str]


class Preparation:
    """Reads channels, at most once for each retried or reset workflow run before it writes.

    Args:
        publisher: reads the history and publishes.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._known: dict[tuple[str, str, Reset | None, tuple[Sweep, ...]], asyncio.Task[Learnt]] = {}
        self._told = False

    async def prepare(self, attempt: Attempt, reset: Reset | None, sweeps: tuple[Sweep, ...]) -> None:
        """Release a held attempt once the channel's history told where it belongs and what it replaces.

        Where the history must not be read it goes on in the run it knows, and dead text of other steps stays.
        """
        plan = attempt.plan
        place = (plan.channel, plan.run.id, reset, sweeps)
        known = self._known.get(place)
        if known is None:
            known = self._known[place] = asyncio.ensure_future(self._learn(plan, reset, sweeps))
            if len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]
        learnt = Learnt(plan.run, frozenset())
        try:
            learnt = await known
        except Exception:
            self._known.pop(place, None)
            raise
        finally:
            # A held attempt would wait for ever, and the end of its run with it.
            attempt.release(learnt.run, replaces=plan.step in learnt.steps)
            if not attempt.plan.replaces:
                self._publisher.links_found(attempt, ())
            self._publisher.wake()

    async def _learn(self, plan: Plan, reset: Reset | None, sweeps: tuple[Sweep, ...]) -> Learnt:
        recalled = await self._read(plan.channel, plan.run.id)
        run = resolve_run(plan.run, reset, recalled)
        if run != plan.run:
            return Learnt(run, frozenset())
        self._bury(plan, sweeps, recalled)
        return Learnt(run, frozenset(step.partition("@")[0] for step in recalled.newest))

    async def sweep(self, plan: Plan, sweeps: tuple[Sweep, ...]) -> None:
        """Make the text of steps go that were replaced by nothing. ``plan``: the run, and who sweeps."""
        self._bury(plan, sweeps, await self._read(plan.channel, plan.run.id))

    def _bury(self, plan: Plan, sweeps: tuple[Sweep, ...], recalled: Recalled) -> None:
        now = self._publisher.engine.loop.time()
        for tombstone in tombstones(plan, sweeps, recalled):
            tombstone.open(now)
            tombstone.finish("complete", now)
            self._publisher.add(tombstone, now)

    async def _read(self, channel: str, run_id: str) -> Recalled:
        # While Ably is away nothing could be published either, so there is no hurry.
        for tries in itertools.count():
            try:
                recalled = recall(await self._publisher.history(channel), run_id)
            except HistoryError as err:
                if not err.retryable:
                    logger.error("%s; going on without it, text of replaced steps may stay", err)
                    return _NOTHING
                delay_s = _RETRY_S[min(tries, len(_RETRY_S) - 1)]
                # Once for all runs that wait.
                logger.log(logging.DEBUG if self._told else logging.WARNING, "%s; trying again", err)
                self._told = True
            else:
                self._told = False
                return recalled
            await asyncio.sleep(delay_s)
        return _NOTHING
