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
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType, RetryState
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryReverseRequest
from temporalio.client import Client, WorkflowHistoryEventFilterType
from temporalio.service import RPCError, RPCStatusCode

from temporal_ably._publisher.plan import Plan
from temporal_ably._publisher.recall import recall
from temporal_ably._publisher.reports import report_unexpected
from temporal_ably._publisher.run_end import RunEnd
from temporal_ably._temporal.headers import extract
from temporal_ably._wire.events import Run, RunClosed, RunReason
from temporal_ably._wire.identity import Sweep
from temporal_ably._wire.tags import Origin
from temporal_ably.errors import HistoryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from temporalio.api.history.v1 import HistoryEvent

    from temporal_ably._publisher.preparation import Preparation
    from temporal_ably._publisher.publisher import Publisher

logger = logging.getLogger("temporal_ably")

_RETRY_S = (0.5, 1.0, 2.0, 5.0, 15.0)
_SETTLE_S = 2.0


@dataclass(frozen=True)
class Owned:
    """A run, its channel, and the workflow that owns it.

    ``owner_run_id`` is the workflow run that is known to be open, if any; ``chain`` the first run id
    of its chain, ``None`` where each run stands for itself.
    """

    channel: str
    run: Run
    owner_id: str
    owner_run_id: str | None
    chain: str | None

    @property
    def tagged_run_id(self) -> str:
        """The Temporal run id that run-level messages are tagged with."""
        return self.owner_run_id or self.chain or ""


@dataclass(frozen=True)
class Closed:
    """How a run of the owner ended: with a reason, or in a following run.

    ``retried`` names the runs on the way to this end that Temporal started to retry another.
    """

    reason: RunReason = "complete"
    following: str | None = None
    error: str | None = None
    terminated: bool = False
    retried: tuple[str, ...] = ()


def read_close(event: HistoryEvent) -> Closed | None:
    """Read a close event, ``None`` for any other event."""
    read = _READERS.get(event.event_type)
    return read(event) if read is not None else None


def _continued(event: HistoryEvent) -> Closed:
    return Closed(following=event.workflow_execution_continued_as_new_event_attributes.new_execution_run_id)


def _terminated(event: HistoryEvent) -> Closed:
    return Closed("error", error=event.workflow_execution_terminated_event_attributes.reason, terminated=True)


def _failure(event: HistoryEvent) -> Closed:
    failed = event.workflow_execution_failed_event_attributes
    cause = failed.failure
    while cause.HasField("cause"):
        # The outer ones only say that an activity or a child failed.
        cause = cause.cause
    return _failed(failed.retry_state, failed.new_execution_run_id, cause.message)


def _timeout(event: HistoryEvent) -> Closed:
    timed_out = event.workflow_execution_timed_out_event_attributes
    return _failed(timed_out.retry_state, timed_out.new_execution_run_id, "the workflow timed out")


_READERS: dict[int, Callable[[HistoryEvent], Closed]] = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED: lambda _: Closed(),
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED: lambda _: Closed("cancelled"),
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW: _continued,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED: _terminated,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED: _failure,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT: _timeout,
}


def _failed(retry_state: int, following: str, error: str) -> Closed:
    # The next tick of a cron schedule follows too, but is a run of its own.
    retried = retry_state == RetryState.RETRY_STATE_IN_PROGRESS and following
    return Closed("error", following=following if retried else None, error=error)


class Watchers:
    """The watchers of a publisher's runs. Lives on the engine's loop.

    Args:
        publisher: publishes the run-ends.
        preparation: sweeps what a retried or reset workflow run wrote and nothing replaced.
        expose_errors: whether end users see the text of a failure.
    """

    def __init__(self, publisher: Publisher, preparation: Preparation, *, expose_errors: bool) -> None:
        self._publisher = publisher
        self._preparation = preparation
        self._expose_errors = expose_errors
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._clients: dict[tuple[str, str], tuple[Owned, Client]] = {}
        self._sweeps: dict[tuple[str, str], dict[Sweep, None]] = {}
        self.client: Client | None = None
        self.streamed_types: set[str] = set()

    def watch(self, owned: Owned, client: Client, sweeps: tuple[Sweep, ...] = ()) -> None:
        """Watch the owner of a run that this process opens; ``sweeps`` are carried out at its end."""
        self.client = client
        self._sweeps.setdefault((owned.channel, owned.run.id), {}).update(dict.fromkeys(sweeps))
        self._start(owned, client, check_opened=False)

    def hint(self, owned: Owned, workflow_type: str, client: Client | None = None) -> None:
        """React to a workflow that seems to have closed here, whoever opened its run.

        ``client``: its worker's, where that is known.
        """
        client = client or self.client
        if client is not None and workflow_type in self.streamed_types:
            self._start(owned, client, check_opened=True)

    def _start(self, owned: Owned, client: Client, *, check_opened: bool) -> None:
        place = (owned.channel, owned.run.id)
        if place not in self._tasks:
            self._clients[place] = (owned, client)
            task = self._publisher.engine.loop.create_task(self._watch(owned, client, check_opened=check_opened))
            self._tasks[place] = task
            task.add_done_callback(lambda _: self._forget(place))

    def _forget(self, place: tuple[str, str]) -> None:
        self._tasks.pop(place, None)
        self._clients.pop(place, None)
        self._sweeps.pop(place, None)

    async def settle(self) -> None:
        """Before the process goes: end the runs whose owners have closed; leave the others to the living."""
        last = [self._settle_one(owned, client) for owned, client in list(self._clients.values())]
        if last:
            await asyncio.wait([asyncio.ensure_future(each) for each in last], timeout=_SETTLE_S)

    async def stop(self) -> None:
        """Watch no more."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _settle_one(self, owned: Owned, client: Client) -> None:
        try:
            closed = await _follow(client, owned, wait=False)
            task = self._tasks.get((owned.channel, owned.run.id))
            if closed is not None and task is not None:
                task.cancel()
                await self._end(owned, client, closed)
        except RPCError as err:
            logger.debug("unable to look at workflow %s before exit; %s", owned.owner_id, err)
        except Exception as err:  # noqa: BLE001 - nobody awaits it
            report_unexpected("end a run before exit", err)

    async def _watch(self, owned: Owned, client: Client, *, check_opened: bool) -> None:
        if check_opened and not await self._was_opened(owned):
            return
        for failures in itertools.count():
            try:
                closed = await _follow(client, owned, wait=True)
                if closed is not None:
                    await self._end(owned, client, closed)
                    return
            except RPCError as err:
                logger.debug("unable to watch workflow %s of run %s; %s", owned.owner_id, owned.run.id, err)
                if err.status == RPCStatusCode.NOT_FOUND:
                    return
            except Exception as err:  # noqa: BLE001 - a watcher that dies would leave its run open for ever
                report_unexpected("watch a workflow", err)
            await asyncio.sleep(_RETRY_S[min(failures, len(_RETRY_S) - 1)])

    async def _was_opened(self, owned: Owned) -> bool:
        try:
            recalled = recall(await self._publisher.history(owned.channel), owned.run.id)
        except HistoryError as err:
            logger.debug("%s", err)
            return False
        return bool(recalled.newest) and not recalled.ended

    async def _end(self, owned: Owned, client: Client, closed: Closed) -> None:
        sweeps = list(self._sweeps.get((owned.channel, owned.run.id), ()))
        sweeps += [await _sweep_of(client, owned.owner_id, run_id) for run_id in closed.retried]
        if sweeps:
            await self._preparation.sweep(_sweeper(owned), tuple(sweeps))
        error = closed.error if self._expose_errors else None
        event = RunClosed(owned.run, closed.reason, error or None)
        end = RunEnd(owned.channel, event, owned.owner_id, owned.tagged_run_id)
        self._publisher.end_run(end, self._publisher.engine.loop.time())
        self._publisher.wake()


async def _follow(client: Client, owned: Owned, *, wait: bool) -> Closed | None:
    """Find how the chain of runs ended, ``None`` while it goes on (with ``wait`` it does not return then)."""
    run_id = owned.owner_run_id or await _current_run(client, owned) or owned.tagged_run_id
    retried: list[str] = []
    while True:
        closed = await _close_of(client, owned.owner_id, run_id, wait=wait)
        if closed is None:
            return None
        following = closed.following
        if closed.terminated:
            # A reset terminates the run that it replaces and goes on in another of the same chain.
            current = await _current_run(client, owned)
            following = current if current != run_id else None
        if not following or owned.chain is None:
            return replace(closed, retried=tuple(retried))
        if closed.reason == "error" and not closed.terminated:
            retried.append(following)
        run_id = following


async def _sweep_of(client: Client, workflow_id: str, run_id: str) -> Sweep:
    """Give what the retry of a workflow run replaces: all that its segment wrote before it began."""
    events = client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history_events(page_size=1)
    started = await events.__anext__()
    header = extract(started.workflow_execution_started_event_attributes.header.fields)
    segment = header.binding.segment if header is not None and header.binding is not None else 0
    return Sweep("", started.event_time.ToMicroseconds(), (segment, 0))


def _sweeper(owned: Owned) -> Plan:
    origin = Origin(owned.owner_id, owned.tagged_run_id, "", "", "", 0, 0, "", "", "")
    return Plan(owned.channel, owned.run, "", origin, owned.owner_id, owned.tagged_run_id)


async def _current_run(client: Client, owned: Owned) -> str | None:
    if owned.chain is None:
        return None
    info = (await client.get_workflow_handle(owned.owner_id).describe()).raw_description.workflow_execution_info
    return info.execution.run_id if info.first_run_id in (owned.chain, "") else None


async def _close_of(client: Client, workflow_id: str, run_id: str, *, wait: bool) -> Closed | None:
    handle = client.get_workflow_handle(workflow_id, run_id=run_id)
    # Not to wait is no way to ask: of an open workflow the server then gives empty pages without end.
    if not wait and (await handle.describe()).close_time is None:
        return None
    events = handle.fetch_history_events(
        wait_new_event=True, event_filter_type=WorkflowHistoryEventFilterType.CLOSE_EVENT, skip_archival=True
    )
    async for event in events:
        closed = read_close(event if not _is_stand_in(event) else await _last_event(client, workflow_id, run_id))
        if closed is not None:
            return closed
    return None


def _is_stand_in(event: HistoryEvent) -> bool:
    """Tell whether the server put the event in place of another.

    With the close event filter it shows every end that another run follows (a retry, a cron tick)
    as a continue-as-new, which then names no workflow type. Seen with Temporal server 1.32.
    """
    continued = event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW
    return continued and not event.workflow_execution_continued_as_new_event_attributes.workflow_type.name


async def _last_event(client: Client, workflow_id: str, run_id: str) -> HistoryEvent:
    request = GetWorkflowExecutionHistoryReverseRequest(
        namespace=client.namespace,
        execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
        maximum_page_size=1,
    )
    response = await client.workflow_service.get_workflow_execution_history_reverse(request)
    return response.history.events[0]
