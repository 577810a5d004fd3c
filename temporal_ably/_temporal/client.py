"""The client side of the interceptor: hands on what ``durable_session`` says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from temporalio.client import OutboundInterceptor

from temporal_ably._temporal.durable_session import take_wish
from temporal_ably._temporal.headers import NAME, inject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from temporalio.api.common.v1 import Payload
    from temporalio.client import (
        SignalWorkflowInput,
        StartWorkflowInput,
        StartWorkflowUpdateInput,
        StartWorkflowUpdateWithStartInput,
        WorkflowHandle,
        WorkflowUpdateHandle,
    )


def _bound(headers: Mapping[str, Payload], *, answers: bool = True) -> Mapping[str, Payload]:
    if NAME in headers:
        # An outer instance of ours, or whoever hands a header on, has said it.
        return headers
    header = take_wish()
    if header is None:
        return headers
    return inject(headers, header if answers else replace(header, input=""))


class ClientOutbound(OutboundInterceptor):
    """Adds the session's header to what starts a workflow or talks to one."""

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        """Start a workflow, with or without a signal."""
        input.headers = _bound(input.headers)
        return await self.next.start_workflow(input)

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:
        """Signal a workflow."""
        input.headers = _bound(input.headers)
        await self.next.signal_workflow(input)

    async def start_workflow_update(self, input: StartWorkflowUpdateInput) -> WorkflowUpdateHandle[Any]:
        """Update a workflow."""
        input.headers = _bound(input.headers)
        return await self.next.start_workflow_update(input)

    async def start_update_with_start_workflow(
        self, input: StartWorkflowUpdateWithStartInput
    ) -> WorkflowUpdateHandle[Any]:
        """Update a workflow that is started if it is not there: it is the update that answers the input."""
        update, start = input.update_workflow_input, input.start_workflow_input
        update.headers = _bound(update.headers)
        start.headers = _bound(start.headers, answers=False)
        return await self.next.start_update_with_start_workflow(input)
