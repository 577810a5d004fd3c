"""The process that opened a run is gone when the workflow ends: who else ends the run, and who does not.

A process that has streamed for this type of workflow looks after the run when it sees the workflow close. One that has
not does not: what the user read stands, but the run goes on to show as active. The design leaves that to `reconcile`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

from temporal_ably import streaming

if TYPE_CHECKING:
    from temporalio.client import WorkflowHandle

    from tests.end_to_end.processes import Workers
    from tests.end_to_end.stage import Stage
    from tests.end_to_end.viewer import Viewer

TIMEOUT = timedelta(seconds=60)
TEXT = "spoken in another process"


@activity.defn
@streaming
async def speak() -> AsyncIterator[str]:
    yield TEXT


@workflow.defn
class Relay:
    """Has a text told on a task queue, and ends when it is asked to."""

    def __init__(self) -> None:
        self._heard = False
        self._ending = ""

    @workflow.run
    async def run(self, speakers: str) -> str:
        text = await workflow.execute_activity(speak, task_queue=speakers, start_to_close_timeout=TIMEOUT)
        self._heard = True
        await workflow.wait_condition(lambda: bool(self._ending))
        if self._ending == "fail":
            raise ApplicationError("the workflow was asked to fail")
        return text

    @workflow.update
    async def heard(self) -> None:
        """Wait until Temporal has the text."""
        await workflow.wait_condition(lambda: self._heard)

    @workflow.signal
    def end(self, ending: str) -> None:
        self._ending = ending


async def orphaned_run(stage: Stage, workers: Workers, viewer: Viewer, workflow_id: str) -> WorkflowHandle[Relay, str]:
    """A workflow whose text was spoken by a process that has been killed since."""
    speaker = await workers.start(speak)
    handle = await stage.client.start_workflow(Relay.run, stage.name, id=workflow_id, task_queue=f"{stage.name}-here")
    await viewer.wait_for(lambda view: [step.status for run in view.runs for step in run.steps] == ["complete"])
    # Temporal leaves the type of an update's `args` open.
    await handle.execute_update(Relay.heard)  # pyright: ignore[reportUnknownMemberType]
    await speaker.kill()
    assert list(viewer.run_statuses.values()) == ["active"]
    return handle


@pytest.mark.parametrize(("ending", "status"), [("return", "complete"), ("fail", "error")])
async def test_a_process_that_has_streamed_for_the_workflow_s_type_ends_the_run(
    stage: Stage, workers: Workers, ending: str, status: str
) -> None:
    here = f"{stage.name}-here"
    workflow_id, earlier_id = stage.workflow_id(), stage.workflow_id("earlier")
    viewer, earlier_viewer = await stage.view(workflow_id), await stage.view(earlier_id)
    async with stage.worker([Relay], [speak], task_queue=here):
        earlier = await stage.client.start_workflow(Relay.run, here, id=earlier_id, task_queue=here)
        await earlier.signal(Relay.end, "return")
        await stage.assert_shown(earlier_viewer, earlier_id, [TEXT])

        handle = await orphaned_run(stage, workers, viewer, workflow_id)
        await handle.signal(Relay.end, ending)
        await stage.assert_shown(viewer, workflow_id, [TEXT], status=status)


async def test_a_process_that_has_never_streamed_for_the_workflow_s_type_does_not(
    stage: Stage, workers: Workers
) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Relay], [speak], task_queue=f"{stage.name}-here"):
        handle = await orphaned_run(stage, workers, viewer, workflow_id)
        connections = stage.server.connections_total
        await handle.signal(Relay.end, "return")
        assert await handle.result() == TEXT
    # The worker has published whatever it would.
    assert stage.server.connections_total == connections
    await stage.assert_shown(viewer, workflow_id, [TEXT], status="active")
