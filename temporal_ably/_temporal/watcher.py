"""Watch the owners of open runs, and end a run when its owner has really closed.

Only the server knows how a workflow ended: a workflow task can return twice, with different
results, and no code of ours runs when a workflow is terminated or times out. So a process that
opened a run holds one long poll on the close event of the run's owner. It follows retries,
continue-as-new and resets, which go on with the same run.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from temporalio.service import RPCError, RPCStatusCode

from temporal_ably._publisher.handover import opening_of, standing
from temporal_ably._publisher.plan import Plan
from temporal_ably._publisher.recall import recall
from temporal_ably._publisher.reports import report_unexpected
from temporal_ably._publisher.requests import stopped
from temporal_ably._publisher.run_end import RunEnd
from temporal_ably._publisher.suspension import Suspension
from temporal_ably._publisher.wakeups import is_own, times_resumed
from temporal_ably._temporal.following import Closed, Owned, follow, sweep_of, task_completed
from temporal_ably._wire.events import RunClosed, RunReason
from temporal_ably._wire.tags import Origin
from temporal_ably.errors import HistoryError

if TYPE_CHECKING:
    from collections.abc import Generator

    from temporalio.client import Client

    from temporal_ably._publisher.handover import Standing
    from temporal_ably._publisher.preparation import Preparation
    from temporal_ably._publisher.publisher import Publisher
    from temporal_ably._temporal.open_runs import OpenRuns
    from temporal_ably._temporal.workflow import Suspended, TurnEnded
    from temporal_ably._wire.events import Run
    from temporal_ably._wire.identity import Sweep
    from temporal_ably._wire.tags import Pause

logger = logging.getLogger("temporal_ably")

_RETRY_S = (0.5, 1.0, 2.0, 5.0, 15.0)
_SETTLE_S = 2.0
_REMEMBERED_TURNS = 1000


class Watchers:
    """The watchers of a publisher's runs. Lives on the engine's loop.

    Args:
        publisher: publishes the run-ends.
        preparation: sweeps what a retried or reset workflow run wrote and nothing replaced.
        open_runs: hears what clients ask of a run as long as it is watched.
        expose_errors: whether end users see the text of a failure.
    """

    def __init__(
        self, publisher: Publisher, preparation: Preparation, open_runs: OpenRuns, *, expose_errors: bool
    ) -> None:
        self._publisher = publisher
        self._preparation = preparation
        self._open_runs = open_runs
        self._expose_errors = expose_errors
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._clients: dict[tuple[str, str], tuple[Owned, Client]] = {}
        self._sweeps: dict[tuple[str, str], dict[Sweep, None]] = {}
        # Turns that are over, and whose first output may still be on its way.
        self._over: dict[tuple[str, str], RunReason] = {}
        self._ending: set[asyncio.Task[None]] = set()
        # Runs that this process opens, whatever their channels tell yet.
        self._opened: set[tuple[str, str]] = set()
        # The channels of runs whose end or suspension is being decided.
        self._deciding: list[str] = []
        self.client: Client | None = None
        self.streamed_types: set[str] = set()

    def watch(self, owned: Owned, client: Client, sweeps: tuple[Sweep, ...] = ()) -> None:
        """Watch the owner of a run that this process opens; ``sweeps`` are carried out at its end."""
        self.client = client
        over = self._over.pop(owned.place, None)
        if over is None:
            self._sweeps.setdefault(owned.place, {}).update(dict.fromkeys(sweeps))
            self._opened.add(owned.place)
            self._start(owned, client, check_opened=False)
            self._open_runs.watch(owned, client)
            # One that was hinted at is watched already, perhaps under another name.
            self._clients[owned.place] = (owned, client)
        else:
            self._publisher.spawn(self._end(owned, client, Closed(over)))

    def hint(self, owned: Owned, workflow_type: str, client: Client | None = None) -> None:
        """React to a workflow that seems to have closed here, whoever opened its run.

        ``client``: its worker's, where that is known.
        """
        client = client or self.client
        if client is not None and (owned.input or workflow_type in self.streamed_types):
            self._start(owned, client, check_opened=True)

    def suspended(self, owned: Owned, said: Suspended, client: Client | None = None) -> None:
        """React to a run whose workflow seems to wait for a client. ``client``: its worker's, where that is known."""
        self._publisher.spawn(self._suspend(owned, said, client or self.client))

    async def _suspend(self, owned: Owned, said: Suspended, client: Client | None) -> None:
        if client is None or not await self._is_true(owned, said, client):
            return
        with self._decides(owned):
            found = await self._standing(owned)
            woken = found.run.invocation or found.run.id
            gone_on = is_own(woken, owned.name) and times_resumed(woken, owned.name) > said.binding.resumed
            if found.known and found.state == "active" and not gone_on:
                self._publish_suspension(owned, found, "waiting")

    def turn_ended(self, owned: Owned, ended: TurnEnded, client: Client | None = None) -> None:
        """React to a turn that seems to be over. ``client``: its worker's, where that is known."""
        task = self._publisher.engine.loop.create_task(self._end_turn_surely(owned, ended, client or self.client))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _end_turn_surely(self, owned: Owned, ended: TurnEnded, client: Client | None) -> None:
        try:
            await self._end_turn(owned, ended, client)
        except Exception as err:  # noqa: BLE001 - nobody awaits it
            report_unexpected("end a turn", err)

    async def _end_turn(self, owned: Owned, ended: TurnEnded, client: Client | None) -> None:
        if client is None or not await self._is_true(owned, ended, client):
            return
        known, _ = self._clients.get(owned.place, (None, None))
        if known is not None:
            self._tasks[known.place].cancel()
            await self._end(known, client, Closed(ended.reason))
            return
        opened = await self._find_opened(owned)
        if opened is not None:
            await self._end(opened, client, Closed(ended.reason))
        else:
            self._over[owned.place] = ended.reason
            if len(self._over) > _REMEMBERED_TURNS:
                del self._over[next(iter(self._over))]

    async def _is_true(self, owned: Owned, said: TurnEnded | Suspended, client: Client) -> bool:
        for delay_s in _RETRY_S:
            try:
                return await task_completed(client, owned.owner_id, said.run_id, said.history_length)
            except RPCError as err:
                logger.debug("unable to tell whether %s meant what it said of a run; %s", owned.owner_id, err)
                if err.status == RPCStatusCode.NOT_FOUND:
                    break
            await asyncio.sleep(delay_s)
        return False

    def _start(self, owned: Owned, client: Client, *, check_opened: bool) -> None:
        place = owned.place
        if place not in self._tasks or self._tasks[place].done():
            self._clients[place] = (owned, client)
            task = self._publisher.engine.loop.create_task(self._watch(owned, client, check_opened=check_opened))
            self._tasks[place] = task
            task.add_done_callback(partial(self._forget, place))

    def _forget(self, place: tuple[str, str], task: asyncio.Task[None]) -> None:
        if self._tasks.get(place) is not task:
            return
        del self._tasks[place]
        self._opened.discard(place)
        self._clients.pop(place, None)
        self._sweeps.pop(place, None)
        self._open_runs.unwatch(place)

    async def settle(self, timeout_s: float) -> None:
        """Before the process goes: end the runs whose owners have closed; leave the others to the living.

        A turn that has just ended is known to this process alone.

        Args:
            timeout_s: how long to wait for what the channels of those runs tell, while they are within reach.
        """
        deadline = self._publisher.engine.loop.time() + timeout_s
        last = [self._settle_one(owned, client) for owned, client in list(self._clients.values())]
        waited = {*self._ending, *(asyncio.ensure_future(each) for each in last)}
        if waited:
            await asyncio.wait(waited, timeout=_SETTLE_S)
        await self._publisher.wait_while(self._decides_within_reach, deadline)

    def _decides_within_reach(self) -> bool:
        return not self._preparation.away and any(not self._publisher.is_away(each) for each in self._deciding)

    @contextmanager
    def _decides(self, owned: Owned) -> Generator[None]:
        self._deciding.append(owned.channel)
        try:
            yield
        finally:
            self._deciding.remove(owned.channel)
            self._publisher.wake()

    async def stop(self) -> None:
        """Watch no more."""
        tasks = [*self._tasks.values(), *self._ending]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _settle_one(self, owned: Owned, client: Client) -> None:
        try:
            closed = await follow(client, owned, wait=False)
            task = self._tasks.get(owned.place)
            if closed is not None and task is not None:
                task.cancel()
                await self._end(owned, client, closed)
        except RPCError as err:
            logger.debug("unable to look at workflow %s before exit; %s", owned.owner_id, err)
        except Exception as err:  # noqa: BLE001 - nobody awaits it
            report_unexpected("end a run before exit", err)

    async def _watch(self, owned: Owned, client: Client, *, check_opened: bool) -> None:
        if check_opened:
            opened = await self._find_opened(owned)
            if opened is None and owned.place not in self._opened:
                return
            # What this process opens may be on its way, and the channel not know it yet.
            owned = opened or self._clients[owned.place][0]
        for failures in itertools.count():
            try:
                closed = await follow(client, owned, wait=True)
                # The end of a turn is known to one process alone, unless it is an update.
                if closed is not None and owned.turn and not owned.update and await self._find_opened(owned) is None:
                    return
                if closed is not None:
                    # It may go on with another run by now.
                    latest, _ = self._clients.get(owned.place, (owned, client))
                    await self._end(owned if check_opened else latest, client, closed)
                    return
            except RPCError as err:
                logger.debug("unable to watch workflow %s of run %s; %s", owned.owner_id, owned.run.id, err)
                if err.status == RPCStatusCode.NOT_FOUND:
                    return
            except Exception as err:  # noqa: BLE001 - a watcher that dies would leave its run open for ever
                report_unexpected("watch a workflow", err)
            await asyncio.sleep(_RETRY_S[min(failures, len(_RETRY_S) - 1)])

    async def _find_opened(self, owned: Owned) -> Owned | None:
        """Look for a run in its channel, ``None`` unless it was opened and goes on."""
        for tries in itertools.count():
            try:
                return await self._look_for_opened(owned)
            except HistoryError as err:
                logger.debug("%s", err)
                if not err.retryable:
                    break
            # While Ably is away nothing could be published either.
            await asyncio.sleep(_RETRY_S[min(tries, len(_RETRY_S) - 1)])
        return None

    async def _look_for_opened(self, owned: Owned) -> Owned | None:
        run = owned.run
        if owned.input:
            run = await self._preparation.locate(_sweeper(owned), owned.input)
        stored = await self._publisher.history(owned.channel)
        recalled = recall(stored, run.id)
        if not recalled.newest or recalled.ended:
            return None
        return replace(owned, run=run, stopped=self._open_runs.stops and stopped(stored, run, owned.input))

    async def _end(self, owned: Owned, client: Client, closed: Closed) -> None:
        with self._decides(owned):
            if closed.reason == "complete" and await self._open_runs.was_stopped(owned):
                closed = replace(closed, reason="cancelled")
            sweeps = list(self._sweeps.get(owned.place, ()))
            sweeps += [await sweep_of(client, owned.owner_id, run_id) for run_id in closed.retried]
            if sweeps:
                await self._preparation.sweep(_sweeper(owned), tuple(sweeps))
            if owned.input:
                await self._end_answer(owned, closed)
            else:
                self._publish_end(owned, owned.run, closed)

    async def _end_answer(self, owned: Owned, closed: Closed) -> None:
        found = await self._standing(owned)
        if found.state in ("ended", "elsewhere", "handed-over"):
            return
        for run in found.left:
            self._publish_end(owned, run, closed)
        if closed.reason == "complete" and found.hands_over:
            self._publish_suspension(owned, found, "handed-over")
        else:
            self._publish_end(owned, found.run, closed)

    async def _standing(self, owned: Owned) -> Standing:
        await self._publisher.settled(owned.channel)
        name = owned.name or owned.run.id
        stored = await self._preparation.read(owned.channel, opening_of(owned.run, name))
        return standing(stored or [], owned.run, name)

    def _publish_end(self, owned: Owned, run: Run, closed: Closed) -> None:
        error = closed.error if self._expose_errors else None
        event = RunClosed(run, closed.reason, error or None)
        end = RunEnd(owned.channel, event, owned.owner_id, owned.tagged_run_id)
        self._publisher.end_run(end, self._publisher.engine.loop.time())
        self._publisher.wake()

    def _publish_suspension(self, owned: Owned, found: Standing, reason: Pause) -> None:
        suspension = Suspension(owned.channel, found, reason, owned.owner_id, owned.tagged_run_id)
        self._publisher.suspend_run(suspension, self._publisher.engine.loop.time())
        self._publisher.wake()


def _sweeper(owned: Owned) -> Plan:
    origin = Origin(owned.owner_id, owned.tagged_run_id, "", "", "", 0, 0, "", "", "")
    return Plan(owned.channel, owned.run, "", origin, owned.owner_id, owned.tagged_run_id)
