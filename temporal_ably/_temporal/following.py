"""How a run that a workflow owns ended, as the server tells it.

The rule of the file: it asks, and remembers nothing. It follows retries, continue-as-new and resets,
which go on with the same run.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType, RetryState
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryReverseRequest
from temporalio.client import (
    Client,
    WorkflowHistoryEventFilterType,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import is_cancelled_exception
from temporalio.service import RPCError, RPCStatusCode

from temporal_ably._temporal.failures import CANCELLED_BY_CLIENT, is_cut
from temporal_ably._temporal.headers import extract
from temporal_ably._wire.identity import Sweep

if TYPE_CHECKING:
    from collections.abc import Callable

    from temporalio.api.failure.v1 import Failure
    from temporalio.api.history.v1 import HistoryEvent

    from temporal_ably._wire.events import Run, RunReason

_GLANCE = timedelta(milliseconds=500)
_LAST_WORD_S = 2.0
_TASK_S = (0.05, 0.1, 0.2, 0.5, 1.0)
_TASK_LIMIT = 60


@dataclass(frozen=True)
class Owned:
    """A run, its channel, and the workflow that owns it.

    ``owner_run_id`` is the workflow run that is known to be open, if any; ``chain`` the first run id
    of its chain, ``None`` where each run stands for itself. ``update`` is the id of the update that the run
    is a turn of, if it is one. ``turn`` whether it is a turn of any kind. ``input`` is the event id of the
    input that it answers. ``name`` is what its workflow calls the run, by default its id: it may go on with
    another. ``stopped`` is set where its channel tells that a client stopped it.
    """

    channel: str
    run: Run
    owner_id: str
    owner_run_id: str | None
    chain: str | None
    update: str = ""
    turn: bool = False
    input: str = ""
    name: str = ""
    stopped: bool = False

    @property
    def place(self) -> tuple[str, str]:
        """What tells it from others."""
        return self.channel, self.name or self.run.id

    @property
    def tagged_run_id(self) -> str:
        """The Temporal run id that run-level messages are tagged with."""
        return self.owner_run_id or self.chain or ""


@dataclass(frozen=True)
class Closed:
    """How a run of the owner ended: with a reason, or in a following run.

    ``retried`` names the runs on the way to this end that Temporal started to retry another. ``at_us`` is when,
    in microseconds since the epoch, 0 where the server does not tell.
    """

    reason: RunReason = "complete"
    following: str | None = None
    error: str | None = None
    terminated: bool = False
    retried: tuple[str, ...] = ()
    at_us: int = 0


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
    cause, cut = failed.failure, _is_cut(failed.failure)
    while cause.HasField("cause"):
        # The outer ones only say that an activity or a child failed.
        cause = cause.cause
        cut = cut or _is_cut(cause)
    closed = _failed(failed.retry_state, failed.new_execution_run_id, cause.message)
    # It failed because a client stopped what it waited for.
    return Closed("cancelled") if cut and not closed.following else closed


def _is_cut(failure: Failure) -> bool:
    return failure.application_failure_info.type == CANCELLED_BY_CLIENT


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


async def follow(client: Client, owned: Owned, *, wait: bool) -> Closed | None:
    """Find how a run ended, ``None`` while it goes on (with ``wait`` it does not return then).

    Raises:
        RPCError: if the server does not say.
    """
    if not owned.update:
        return await _follow_chain(client, owned, wait=wait)
    # An update ends by itself, or with its workflow.
    update, chain = looks = [
        asyncio.ensure_future(look(client, owned, wait=wait)) for look in (follow_update, _follow_chain)
    ]
    try:
        await asyncio.wait(looks, return_when=asyncio.FIRST_COMPLETED)
        if chain.done():
            # A workflow may end together with an update, whose own end counts.
            await asyncio.wait({update}, timeout=_LAST_WORD_S)
        said = await update if update.done() else None
        return said or await chain
    finally:
        for look in looks:
            look.cancel()
        await asyncio.gather(*looks, return_exceptions=True)


async def follow_update(client: Client, owned: Owned, *, wait: bool) -> Closed | None:
    """Find how the update that a run is a turn of ended, ``None`` while it goes on or if there is none.

    Raises:
        RPCError: if the server does not say.
    """
    workflow = client.get_workflow_handle(owned.owner_id, run_id=owned.owner_run_id)
    update = workflow.get_update_handle(owned.update)
    try:
        await update.result(rpc_timeout=None if wait else _GLANCE)
    except WorkflowUpdateFailedError as err:
        if is_cancelled_exception(err.cause) or is_cut(err.cause):
            return Closed("cancelled")
        return Closed("error", error=str(err.cause))
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        return None
    except RPCError as err:
        # It went with the workflow run that it was sent to.
        if err.status == RPCStatusCode.NOT_FOUND:
            return None
        raise
    return Closed()


async def _follow_chain(client: Client, owned: Owned, *, wait: bool) -> Closed | None:
    run_id = owned.owner_run_id or await _current_run(client, owned) or owned.tagged_run_id
    retried: list[str] = []
    while True:
        closed = await _close_of(client, owned.owner_id, run_id, wait=wait)
        if closed is None:
            return None
        following = closed.following
        if owned.turn and following:
            # A retry and what continues as new are at no place within it.
            return replace(closed, following=None)
        if closed.terminated:
            # A reset terminates the run that it replaces and goes on in another of the same chain.
            current = await _current_run(client, owned)
            following = current if current != run_id else None
        if not following or owned.chain is None:
            return replace(closed, retried=tuple(retried))
        if closed.reason == "error" and not closed.terminated:
            retried.append(following)
        run_id = following


async def sweep_of(client: Client, workflow_id: str, run_id: str) -> Sweep:
    """Give what the retry of a workflow run replaces: all that its segment wrote before it began."""
    events = client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history_events(page_size=1)
    started = await events.__anext__()
    header = extract(started.workflow_execution_started_event_attributes.header.fields)
    segment = header.binding.segment if header is not None and header.binding is not None else 0
    return Sweep("", started.event_time.ToMicroseconds(), (segment, 0))


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
        last = event if not _is_stand_in(event) else await _last_event(client, workflow_id, run_id)
        closed = read_close(last)
        if closed is not None:
            return replace(closed, at_us=last.event_time.ToMicroseconds())
    return None


def _is_stand_in(event: HistoryEvent) -> bool:
    """Tell whether the server put the event in place of another.

    With the close event filter it shows every end that another run follows (a retry, a cron tick)
    as a continue-as-new, which then names no workflow type. Seen with Temporal server 1.32.
    """
    continued = event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW
    return continued and not event.workflow_execution_continued_as_new_event_attributes.workflow_type.name


async def _last_event(client: Client, workflow_id: str, run_id: str) -> HistoryEvent:
    request = _reverse(client, workflow_id, run_id, page_size=1)
    response = await client.workflow_service.get_workflow_execution_history_reverse(request)
    return response.history.events[0]


async def task_completed(client: Client, workflow_id: str, run_id: str, length: int) -> bool:
    """Wait until a workflow task is over, and tell whether the server took what it said.

    Args:
        client: asks the server.
        workflow_id: the workflow.
        run_id: its run.
        length: of the history at the task's start, in events; the task's end comes next.

    Raises:
        RPCError: if the server does not say.
    """
    for tries in range(_TASK_LIMIT):
        ended = await _event_of(client, workflow_id, run_id, length + 1)
        if ended is not None:
            return ended.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
        await asyncio.sleep(_TASK_S[min(tries, len(_TASK_S) - 1)])
    return False


async def _event_of(client: Client, workflow_id: str, run_id: str, event_id: int) -> HistoryEvent | None:
    request = _reverse(client, workflow_id, run_id, page_size=100)
    while True:
        response = await client.workflow_service.get_workflow_execution_history_reverse(request)
        for event in response.history.events:
            if event.event_id <= event_id:
                return event if event.event_id == event_id else None
        if not response.next_page_token:
            return None
        request.next_page_token = response.next_page_token


def _reverse(
    client: Client, workflow_id: str, run_id: str, *, page_size: int
) -> GetWorkflowExecutionHistoryReverseRequest:
    return GetWorkflowExecutionHistoryReverseRequest(
        namespace=client.namespace,
        execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
        maximum_page_size=page_size,
    )
