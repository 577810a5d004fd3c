"""The workflow side: gives each activity, child and continuation its identity.

The rule of the file: deterministic. It counts starts, reads ``workflow.info()`` and writes headers;
it issues no command of its own, so histories are the same with and without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NoReturn

from temporalio import workflow
from temporalio.worker import (
    ContinueAsNewInput,
    ExecuteWorkflowInput,
    StartActivityInput,
    StartChildWorkflowInput,
    StartLocalActivityInput,
    WorkflowInboundInterceptor,
    WorkflowOutboundInterceptor,
)

from temporal_ably._temporal.headers import NAME, extract, inject
from temporal_ably._wire.identity import (
    Binding,
    Header,
    Sweep,
    WorkflowFacts,
    bind,
    child_binding,
    with_sweep,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

CLOSED_HINT = "__temporal_ably_closed"
TEMPLATE = "__temporal_ably_template"

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

ClosedHint = Callable[[Binding, str, str], None]


def microseconds(moment: datetime) -> int:
    """Give a moment in microseconds since the epoch, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


class _Identity:
    """What one workflow run has started so far."""

    def __init__(self, template: str) -> None:
        self._template = template
        self._bound: Binding | None = None
        self._ordinal = 0
        self._swept = False

    @property
    def binding(self) -> Binding:
        """Where the run's output goes; taken from its facts at first need."""
        if self._bound is None:
            info = workflow.info()
            self._bound = bind(_facts(info), extract(info.headers), self._template)
        return self._bound

    def count(self) -> int:
        """Count a start and give its ordinal."""
        self._ordinal += 1
        self._note_reset()
        return self._ordinal

    def _note_reset(self) -> None:
        # The first start that is not replayed is where a reset run leaves the old path.
        bound, info = self.binding, workflow.info()
        if self._swept or info.run_id == info.original_execution_run_id or workflow.unsafe.is_replaying():
            return
        self._swept = True
        sweep = Sweep(bound.node, microseconds(workflow.now()), (bound.segment, self._ordinal))
        self._bound = with_sweep(bound, sweep)

    def activity(self) -> Header:
        """Give the header of an activity that is being started."""
        ordinal = self.count()
        return Header(self.binding.session, self.binding, ordinal=ordinal)

    def child(self, *, detached: bool) -> Header:
        """Give the header of a child workflow that is being started."""
        ordinal = self.count()
        return Header(self.binding.session, None if detached else child_binding(self.binding, ordinal))

    def continuation(self) -> Header:
        """Give the header of the next run of a workflow that continues as new."""
        following = replace(self.binding, segment=self.binding.segment + 1)
        return Header(following.session, following, continued_from=workflow.info().run_id)


def _facts(info: workflow.Info) -> WorkflowFacts:
    return WorkflowFacts(
        namespace=info.namespace,
        workflow_id=info.workflow_id,
        workflow_type=info.workflow_type,
        run_id=info.run_id,
        first_execution_run_id=info.first_execution_run_id,
        original_execution_run_id=info.original_execution_run_id,
        continued_run_id=info.continued_run_id,
        root_workflow_id=info.root.workflow_id if info.root else info.workflow_id,
        attempt=info.attempt,
        cron=bool(info.cron_schedule),
        started_us=microseconds(info.workflow_start_time),
    )


def _extern_functions() -> Mapping[str, Callable[..., Any]]:
    # Temporal leaves the type of the functions open.
    return workflow.extern_functions()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


class WorkflowInbound(WorkflowInboundInterceptor):
    """Counts starts, and hints at the workflow's end."""

    def __init__(self, next: WorkflowInboundInterceptor) -> None:
        super().__init__(next)
        functions = _extern_functions()
        self._hint: ClosedHint = functions[CLOSED_HINT]
        self._identity = _Identity(functions[TEMPLATE]())

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        """Put the outbound side in."""
        self.next.init(_WorkflowOutbound(outbound, self._identity))

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        """Run the workflow; hint when it seems to have closed, which only the server can decide."""
        try:
            result = await self.next.execute_workflow(input)
        except workflow.ContinueAsNewError:
            raise
        except asyncio.CancelledError:
            # At eviction a waiting workflow sees this too, then without a reason.
            if workflow.cancellation_reason() is not None:
                self._closing()
            raise
        except Exception as err:
            if workflow.is_failure_exception(err):
                self._closing()
            raise
        self._closing()
        return result

    def _closing(self) -> None:
        bound, info = self._identity.binding, workflow.info()
        owns = bound.node == "" and bound.owner_id == info.workflow_id
        if owns and not workflow.unsafe.is_replaying():
            self._hint(bound, info.run_id, info.workflow_type)


class _WorkflowOutbound(WorkflowOutboundInterceptor):
    def __init__(self, next: WorkflowOutboundInterceptor, identity: _Identity) -> None:
        super().__init__(next)
        self._identity = identity

    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        if NAME not in input.headers:
            input.headers = inject(input.headers, self._identity.activity())
        return self.next.start_activity(input)

    def start_local_activity(self, input: StartLocalActivityInput) -> workflow.ActivityHandle[Any]:
        if NAME not in input.headers:
            input.headers = inject(input.headers, self._identity.activity())
        return self.next.start_local_activity(input)

    async def start_child_workflow(self, input: StartChildWorkflowInput) -> workflow.ChildWorkflowHandle[Any, Any]:
        if NAME not in input.headers:
            # A child that may outlive its parent, or runs again and again, has runs of its own.
            abandoned = input.parent_close_policy == workflow.ParentClosePolicy.ABANDON
            detached = abandoned or bool(input.cron_schedule)
            input.headers = inject(input.headers, self._identity.child(detached=detached))
        return await self.next.start_child_workflow(input)

    def continue_as_new(self, input: ContinueAsNewInput) -> NoReturn:
        if NAME not in input.headers:
            input.headers = inject(input.headers, self._identity.continuation())
        self.next.continue_as_new(input)
