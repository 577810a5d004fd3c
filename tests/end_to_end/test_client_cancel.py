"""A client presses stop: the activities of the run are cut, and its workflow with them; what was said stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest
from temporalio import activity
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError

from temporal_ably import streaming
from tests.end_to_end.ask import Ask, Question
from tests.end_to_end.checkpoints import checkpoint
from tests.end_to_end.shown import assert_grew

if TYPE_CHECKING:
    from temporalio.client import WorkflowHandle

    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.stage import Stage
    from tests.end_to_end.viewer import Viewer

TEXT = "And another thing: "


@activity.defn
@streaming
async def ramble() -> AsyncIterator[str]:
    yield TEXT
    await checkpoint("in the middle")
    yield "never said"


async def begin(stage: Stage, viewer: Viewer, checkpoints: Checkpoints, question: Question) -> tuple[Any, str]:
    """Start the workflow and wait until its first words are shown; gives its handle and the id of the run."""
    handle = await stage.client.start_workflow(Ask.run, question, id=stage.workflow_id(), task_queue=stage.name)
    view = await viewer.wait_for(lambda view: view.texts == [TEXT])
    return handle, view.runs[0].id


async def status_of(handle: WorkflowHandle[Any, Any]) -> WorkflowExecutionStatus | None:
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    return (await handle.describe()).status


@pytest.mark.parametrize("waits", [True, False], ids=["waits for the activity", "does not wait for the activity"])
async def test_cancel_of_a_client_stops_the_activity_and_its_workflow(
    stage: Stage, checkpoints: Checkpoints, *, waits: bool
) -> None:
    viewer = await stage.view(stage.workflow_id())
    async with stage.worker([Ask], [ramble]):
        question = Question("ramble", wait_for_cancellation=waits)
        handle, run = await begin(stage, viewer, checkpoints, question)
        await viewer.cancel_run(run)
        assert await status_of(handle) == WorkflowExecutionStatus.CANCELED
        await stage.assert_shown(viewer, stage.workflow_id(), [TEXT], status="cancelled")
    assert_grew(viewer, TEXT)
    assert not viewer.errors
