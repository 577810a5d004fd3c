"""A workflow whose first try streams and fails, and whose second try streams nothing: the dead text goes at the end."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from tests.end_to_end.test_plain import speak

if TYPE_CHECKING:
    from tests.end_to_end.stage import Stage

TIMEOUT = timedelta(seconds=30)


@workflow.defn
class FallBack:
    @workflow.run
    async def run(self) -> str:
        if workflow.info().attempt > 1:
            return "a canned answer"
        said = await workflow.execute_activity(speak, "half an", start_to_close_timeout=TIMEOUT)
        raise ApplicationError(f"gave up after {said!r}")


async def test_what_a_failed_try_streamed_goes_when_the_retry_streams_nothing(stage: Stage) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([FallBack], [speak]):
        await stage.client.execute_workflow(
            FallBack.run,
            id=workflow_id,
            task_queue=stage.name,
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=10), maximum_attempts=2),
        )
        await stage.assert_shown(viewer, workflow_id, [])
    assert any(view.texts == ["half an "] for view in viewer.history_of_views)
