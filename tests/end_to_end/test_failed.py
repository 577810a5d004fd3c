"""An activity fails for good in the middle of its text: what was said stays, and the run ends as an error."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from temporalio import activity
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from temporal_ably import streaming
from tests.end_to_end.ask import Ask, Question
from tests.end_to_end.checkpoints import checkpoint
from tests.end_to_end.shown import assert_grew

if TYPE_CHECKING:
    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.stage import Stage

FIRST = "The first try"
LAST = "A last try"


@activity.defn
@streaming
async def give_up() -> AsyncIterator[str]:
    yield FIRST if activity.info().attempt == 1 else LAST
    await checkpoint("before the failure")
    raise ApplicationError("secret reason")


@pytest.mark.parametrize("texts", [[FIRST], [FIRST, LAST]], ids=["one attempt", "two attempts"])
async def test_text_of_the_last_failed_attempt_stays_in_a_failed_run(
    stage: Stage, checkpoints: Checkpoints, texts: list[str]
) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Ask], [give_up]):
        question = Question("give_up", attempts=len(texts))
        handle = await stage.client.start_workflow(Ask.run, question, id=workflow_id, task_queue=stage.name)
        for text in texts:
            failing = await checkpoints.reached("before the failure")
            await viewer.wait_for(lambda view, text=text: view.texts == [text])
            failing.go_on()
        with pytest.raises(WorkflowFailureError):
            await handle.result()
        await stage.assert_shown(viewer, workflow_id, texts[-1:], status="error")
    assert_grew(viewer, *texts)
    assert viewer.view.runs[0].error == "the agent failed"
