"""The sessions of workflows that a query finds: as their starter said, else their argument, else by template.

The rule of the file: the server tells all of it, so that no worker need be alive. A session that only an
update, a signal or a child's start named is not found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio.service import RPCError, RPCStatusCode

from temporal_ably._temporal.headers import asked_by_first, extract
from temporal_ably._wire.identity import render_session

if TYPE_CHECKING:
    from temporalio.api.history.v1 import WorkflowExecutionStartedEventAttributes
    from temporalio.client import Client, WorkflowExecution


async def sessions_of(client: Client, query: str, template: str) -> list[str]:
    """Give the sessions of all workflows that a visibility query finds, each once.

    Args:
        client: asks the server.
        query: Temporal's list filter.
        template: the workers' session template.

    Raises:
        RPCError: if the server does not say.
    """
    found: dict[str, None] = {}
    async for execution in client.list_workflows(query):
        session = await _session_of(client, execution, template)
        if session is not None:
            found[session] = None
    return list(found)


async def _session_of(client: Client, execution: WorkflowExecution, template: str) -> str | None:
    events = client.get_workflow_handle(execution.id, run_id=execution.run_id).fetch_history_events(page_size=1)
    try:
        event = await events.__anext__()
    except RPCError as err:
        # It is in the list for a moment longer than on the server.
        if err.status == RPCStatusCode.NOT_FOUND:
            return None
        raise
    started = event.workflow_execution_started_event_attributes
    header = extract(started.header.fields) or asked_by_first(await _arguments(client, started))
    if header is not None:
        return header.session
    variables = {
        "root_workflow_id": started.root_workflow_execution.workflow_id or execution.id,
        "workflow_id": execution.id,
        "workflow_type": execution.workflow_type,
        "namespace": client.namespace,
    }
    return render_session(template, variables)


async def _arguments(client: Client, started: WorkflowExecutionStartedEventAttributes) -> list[object]:
    try:
        return await client.data_converter.decode(list(started.input.payloads)[:1])
    except Exception:  # noqa: BLE001 - the user's converter, which may lack a key
        return []
