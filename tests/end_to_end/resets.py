"""Resets of workflows, as an operator asks for them."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest

if TYPE_CHECKING:
    from temporalio.client import Client


async def reset(client: Client, workflow_id: str, *, before: str) -> str:
    """Reset a workflow to the task that started an activity, the last of its type; returns the new run's id."""
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    starts = [event.activity_task_scheduled_event_attributes for event in history.events]
    tasks = [start.workflow_task_completed_event_id for start in starts if start.activity_type.name == before]
    request = ResetWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=workflow_id),
        reason="the story wants it",
        workflow_task_finish_event_id=tasks[-1],
        request_id=uuid.uuid4().hex,
    )
    return (await client.workflow_service.reset_workflow_execution(request)).run_id
