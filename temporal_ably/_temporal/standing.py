"""How the owner of a run that somebody left open stands, as the server tells it.

The rule of the file: in doubt a run goes on. What the channel names is a workflow run of long ago; the
server knows the rest of its chain, but not for longer than its retention.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from temporal_ably._temporal.following import Closed, Owned, follow, follow_update

if TYPE_CHECKING:
    from temporalio.api.workflow.v1 import WorkflowExecutionInfo
    from temporalio.client import Client

    from temporal_ably._publisher.unfinished import Unfinished

_UUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
_RUN_ID = re.compile(_UUID)
_RESET = re.compile(rf"r{_UUID}")


class UnknownOwnerError(Exception):
    """The server does not know the owner of a run, any more or at all."""


async def how_ended(client: Client, unfinished: Unfinished, channel: str) -> Closed | None:
    """Tell how the owner of an open run ended, ``None`` while the run goes on.

    Raises:
        UnknownOwnerError: if the server does not know it.
        RPCError: if the server does not say.
    """
    if not unfinished.owner_id or not unfinished.owner_run_id:
        raise UnknownOwnerError("the channel does not tell its workflow")
    latest = await _describe(client, unfinished.owner_id)
    if latest is None:
        raise UnknownOwnerError("its workflow is not known")
    tagged = await _describe(client, unfinished.owner_id, unfinished.owner_run_id)
    owned = Owned(channel, unfinished.run, unfinished.owner_id, unfinished.owner_run_id, None)
    if not unfinished.numbered and unfinished.run.id == unfinished.owner_run_id:
        # Without the interceptor on the workflow's worker each workflow run stands for itself.
        if tagged is None:
            raise UnknownOwnerError("its workflow run is not known")
        return await follow(client, owned, wait=False)
    chain = (tagged.first_run_id if tagged is not None else "") or unfinished.run.id.partition("/")[0]
    owned = replace(owned, chain=chain)
    if latest.first_run_id not in (chain, ""):
        # Another workflow has the id by now.
        if tagged is None:
            raise UnknownOwnerError("its workflow run is not known")
        return await follow(client, owned, wait=False)
    tick = _tick(unfinished.run.id, chain)
    if tick is not None:
        return await _tick_ended(client, replace(owned, owner_run_id=tick), latest)
    if not latest.HasField("close_time"):
        return await _turn_ended(client, owned, tagged)
    return await _chain_ended(client, owned, latest, known=tagged is not None)


async def _turn_ended(client: Client, owned: Owned, tagged: WorkflowExecutionInfo | None) -> Closed | None:
    turn = _turn(owned)
    if not turn:
        return None
    # It may be an update, which ends by itself. No turn goes on in what continues as new.
    closed = await follow_update(client, replace(owned, update=turn), wait=False)
    continued = tagged is not None and tagged.status == WorkflowExecutionStatus.CONTINUED_AS_NEW
    return closed or (await follow(client, replace(owned, chain=None), wait=False) if continued else None)


async def _chain_ended(client: Client, owned: Owned, latest: WorkflowExecutionInfo, *, known: bool) -> Closed | None:
    current = replace(owned, owner_run_id=latest.execution.run_id)
    # A reset puts another run in the place of one that had ended: the last word is the latest run's.
    closed = await follow(client, current, wait=False)
    if closed is None or not known or owned.owner_run_id == current.owner_run_id:
        return closed
    return replace(closed, retried=await _retried(client, owned))


async def _retried(client: Client, owned: Owned) -> tuple[str, ...]:
    try:
        closed = await follow(client, owned, wait=False)
    except RPCError as err:
        if err.status != RPCStatusCode.NOT_FOUND:
            raise
        closed = None
    return closed.retried if closed is not None else ()


async def _tick_ended(client: Client, owned: Owned, latest: WorkflowExecutionInfo) -> Closed | None:
    # The ticks of a schedule share a chain, and each is a run of its own.
    if not latest.HasField("close_time") and await _is_reset_of(client, latest, owned.owner_run_id):
        return None
    try:
        return await follow(client, owned, wait=False)
    except RPCError as err:
        if err.status == RPCStatusCode.NOT_FOUND:
            raise UnknownOwnerError("its workflow run is not known") from err
        raise


async def _is_reset_of(client: Client, latest: WorkflowExecutionInfo, run_id: str | None) -> bool:
    handle = client.get_workflow_handle(latest.execution.workflow_id, run_id=latest.execution.run_id)
    started = await handle.fetch_history_events(page_size=1).__anext__()
    return started.workflow_execution_started_event_attributes.original_execution_run_id == run_id


async def _describe(client: Client, workflow_id: str, run_id: str | None = None) -> WorkflowExecutionInfo | None:
    try:
        description = await client.get_workflow_handle(workflow_id, run_id=run_id).describe()
    except RPCError as err:
        # A run id of another shape is that of no run. Of a namespace that is none the server knows nothing.
        absent = err.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT)
        if absent and not any("NamespaceNotFound" in each.type_url for each in err.grpc_status.details):
            return None
        raise
    return description.raw_description.workflow_execution_info


def _tick(run: str, chain: str) -> str | None:
    head, _, rest = run.partition("/")
    tick = rest.partition("/")[0]
    return tick if head == chain and _RUN_ID.fullmatch(tick) else None


def _turn(owned: Owned) -> str:
    """Name the turn that a run is, which is the id of its update if it is one; empty where it is none."""
    head, _, turn = owned.run.id.partition("/")
    is_turn = head == owned.chain and turn and "/" not in turn and not _RESET.fullmatch(turn)
    return unquote(turn) if is_turn else ""
