"""A workflow is terminated while its activity streams: no code of the workflow runs, yet its run ends, as an error."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from temporalio import activity
from temporalio.client import WorkflowFailureError

from temporal_ably import streaming
from tests.end_to_end.ask import Ask, Question
from tests.end_to_end.checkpoints import checkpoint
from tests.end_to_end.shown import assert_grew

if TYPE_CHECKING:
    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.stage import Stage

TEXT = "Before I end, "
UNHEARD = "never said"


@activity.defn
@streaming
async def drone() -> AsyncIterator[str]:
    yield TEXT
    await checkpoint("in the middle", beating=True)
    yield UNHEARD


async def test_text_of_a_terminated_workflow_stays_in_a_failed_run(stage: Stage, checkpoints: Checkpoints) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Ask], [drone]):
        question = Question("drone", heartbeat=30)
        handle = await stage.client.start_workflow(Ask.run, question, id=workflow_id, task_queue=stage.name)
        speaking = await checkpoints.reached("in the middle")
        await viewer.wait_for(lambda view: view.texts == [TEXT])
        await handle.terminate("secret reason")
        with pytest.raises(WorkflowFailureError):
            await handle.result()
        await stage.assert_shown(viewer, workflow_id, [TEXT], status="error")
        speaking.go_on()
    assert_grew(viewer, TEXT)
    assert viewer.view.runs[0].error == "the agent failed"
    assert UNHEARD not in stage.written(workflow_id)
