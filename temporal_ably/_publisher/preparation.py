"""What only a channel's history tells.

It is the input that a run answers, the run that a reset one writes to, and dead text that nothing replaced.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from temporal_ably._publisher.recall import Place, answering, find_input, recall, resolve_run, tombstones
from temporal_ably._publisher.requests import Requests
from temporal_ably._publisher.wakeups import going_on
from temporal_ably.errors import HistoryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from temporal_ably._publisher.attempt import Attempt
    from temporal_ably._publisher.plan import Plan
    from temporal_ably._publisher.publisher import Publisher
    from temporal_ably._transport.base import Stored
    from temporal_ably._wire.events import Input, Run
    from temporal_ably._wire.identity import Reset, Sweep

logger = logging.getLogger("temporal_ably")

_RETRY_S = (0.5, 1.0, 2.0, 5.0)
_INPUT_S = (0.1, 0.2, 0.4, 0.8, 1.5, 2.0)
_REMEMBERED = 1000


@dataclass(frozen=True)
class Wanted:
    """What must be looked up before an attempt may write.

    ``input`` is the event id of the input that its run answers, empty without one. ``tried_us`` is the start
    of an attempt that follows another one, which may have written meanwhile, else 0. ``heard`` are event ids of inputs
    that may be why the run goes on, ``turn`` tells whether it is a turn of its workflow.
    """

    reset: Reset | None = None
    sweeps: tuple[Sweep, ...] = ()
    input: str = ""
    tried_us: int = 0
    heard: tuple[str, ...] = ()
    turn: bool = False

    @property
    def anything(self) -> bool:
        """Whether there is anything to look up."""
        return self.reset is not None or bool(self.sweeps or self.input or self.heard)


@dataclass(frozen=True)
class Learnt:
    """What the history said: where to write, and the steps that were written in that run.

    ``beside`` is set where a reset workflow goes on in a run beside the ended one. ``requests`` is what clients asked
    of the run by then.
    """

    place: Place
    steps: frozenset[str] = frozenset()
    beside: bool = False
    requests: Requests = field(default_factory=Requests)


class Preparation:
    """Reads channels, at most once for each run, and for each try that must know what others wrote.

    Args:
        publisher: reads the history and publishes.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._known: dict[tuple[str, Run, Wanted], asyncio.Task[Learnt]] = {}
        self.away = False
        """Whether the history could not be had when it was last asked for."""

    async def prepare(self, attempt: Attempt, wanted: Wanted) -> Learnt:
        """Release a held attempt once the channel's history told where it belongs and what it replaces.

        Where the history must not be read it goes on in the run it knows, and dead text of other steps stays.
        """
        plan = attempt.plan
        learnt = Learnt(Place(plan.run))
        try:
            learnt = await self._learnt(plan, wanted)
        finally:
            # A held attempt would wait for ever, and the end of its run with it.
            prefix = learnt.place.prefix
            attempt.release(learnt.place.run, prefix=prefix, rewrites=prefix + plan.step in learnt.steps)
            if not attempt.plan.replaces:
                self._publisher.links_found(attempt, ())
            self._publisher.wake()
        return learnt

    async def locate(self, plan: Plan, event_id: str) -> Run:
        """Tell which run answers an input, without making one. ``plan``: of the run that would."""
        return (await self._learnt(plan, Wanted(input=event_id))).place.run

    async def _learnt(self, plan: Plan, wanted: Wanted) -> Learnt:
        key = (plan.channel, plan.run, wanted)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = asyncio.ensure_future(self._learn(plan, wanted))
            if len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]
        try:
            # Who gives up waiting leaves it to the others.
            return await asyncio.shield(known)
        except Exception:
            self._known.pop(key, None)
            raise

    async def _learn(self, plan: Plan, wanted: Wanted) -> Learnt:
        stored = await self.read(plan.channel)
        place = Place(plan.run)
        if stored is None:
            return Learnt(place, requests=_requests([], place.run, wanted.input))
        place = await self._place(plan, wanted, stored)
        recalled = recall(stored, place.run.id)
        run = resolve_run(place.run, wanted.reset, recalled)
        requests = _requests(stored, run, wanted.input)
        if run.id != place.run.id:
            return Learnt(replace(place, run=run), beside=True, requests=requests)
        sweeps = tuple(replace(sweep, node=place.prefix + sweep.node) for sweep in wanted.sweeps)
        self._bury(replace(plan, run=run), sweeps, stored)
        steps = frozenset(step.partition("@")[0] for step in recalled.newest)
        return Learnt(place, steps, requests=requests)

    async def _place(self, plan: Plan, wanted: Wanted, stored: list[Stored]) -> Place:
        if plan.run.invocation:
            if wanted.heard:
                await self._find(plan.channel, wanted.heard[-1], stored)
            place = going_on(plan.run, wanted.heard, stored, turn=wanted.turn)
            if place is not None:
                return place
        return await self._answering(plan, wanted.input, stored) if wanted.input else Place(plan.run)

    async def _find(self, channel: str, event_id: str, stored: list[Stored]) -> tuple[Input, str] | None:
        for delay_s in _INPUT_S:
            found = find_input(stored, event_id)
            if found is not None:
                return found
            # Whoever asked may have been faster than his message.
            await asyncio.sleep(delay_s)
            stored[:] = await self.read(channel) or stored
        return find_input(stored, event_id)

    async def _answering(self, plan: Plan, event_id: str, stored: list[Stored]) -> Place:
        found = await self._find(plan.channel, event_id, stored)
        if found is not None:
            return answering(plan.run, *found, stored)
        logger.warning(
            "unable to find the input %s in the history of %s; the run is shown as one that answers nothing; check "
            "that session and event id belong together, and how long the channel keeps its history",
            event_id,
            plan.channel,
        )
        return Place(plan.run)

    async def sweep(self, plan: Plan, sweeps: tuple[Sweep, ...]) -> None:
        """Make the text of steps go that were replaced by nothing. ``plan``: the run, and who sweeps."""
        self._bury(plan, sweeps, await self.read(plan.channel) or [])

    def _bury(self, plan: Plan, sweeps: tuple[Sweep, ...], stored: list[Stored]) -> None:
        now = self._publisher.engine.loop.time()
        for tombstone in tombstones(plan, sweeps, recall(stored, plan.run.id)):
            tombstone.open(now)
            tombstone.finish("complete", now)
            self._publisher.add(tombstone, now)

    async def read(self, channel: str, until: Callable[[Stored], bool] = lambda _: False) -> list[Stored] | None:
        """Read a channel's history, newest first, ``None`` where that is refused.

        While Ably is away nothing could be published either, so there is no hurry.

        Args:
            channel: the channel.
            until: asked about each message, whether no older ones are needed.
        """
        for tries in itertools.count():
            try:
                stored = await self._publisher.history(channel, until=until)
            except HistoryError as err:
                if not err.retryable:
                    logger.error("%s; going on without it, text of replaced steps may stay", err)
                    return None
                delay_s = _RETRY_S[min(tries, len(_RETRY_S) - 1)]
                # Once for all runs that wait.
                logger.log(logging.DEBUG if self.away else logging.WARNING, "%s; trying again", err)
                self.away = True
                self._publisher.wake()
            else:
                self.away = False
                return stored
            await asyncio.sleep(delay_s)
        return None


def _requests(stored: list[Stored], run: Run, event_id: str) -> Requests:
    requests = Requests(event_id)
    requests.know(run)
    for message in stored:
        requests.take(message)
    return requests
