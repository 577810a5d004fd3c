"""An operator resets an activity that waits for its retry: it runs again at once, as attempt 1, over its dead text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from temporalio import activity
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetActivityRequest
from temporalio.exceptions import ApplicationError

from temporal_ably import streaming
from tests.end_to_end.ask import Ask, Question
from tests.end_to_end.checkpoints import checkpoint
from tests.end_to_end.shown import assert_grew

if TYPE_CHECKING:
    from temporalio.client import Client, WorkflowHandle

    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.stage import Stage

DEAD = "One moment, ple"
NEW = "Here you are"
ACTIVITY_ID = "1"


@activity.defn
@streaming
async def serve() -> AsyncIterator[str]:
    assert activity.info().attempt == 1
    order = await checkpoint("at the start")
    if order == "fail":
        yield DEAD
        await checkpoint("before the failure")
        raise ApplicationError("the model broke off")
    await checkpoint("before the first new word")
    if order == "speak":
        yield NEW


async def reset_in_backoff(client: Client, handle: WorkflowHandle[Ask, str]) -> None:
    """Reset the activity once the server knows of its failure."""
    failed = False
    while not failed:
        pending = (await handle.describe()).raw_description.pending_activities
        failed = any(each.HasField("last_failure") for each in pending)
    execution = WorkflowExecution(workflow_id=handle.id)
    request = ResetActivityRequest(namespace=client.namespace, execution=execution, id=ACTIVITY_ID)
    await client.workflow_service.reset_activity(request)


@pytest.mark.parametrize(("order", "shown"), [("speak", [NEW]), ("be silent", [])])
async def test_dead_text_stays_until_the_reset_activity_replaces_it(
    stage: Stage, checkpoints: Checkpoints, order: str, shown: list[str]
) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Ask], [serve]):
        question = Question("serve", retry_after=3600)
        handle = await stage.client.start_workflow(Ask.run, question, id=workflow_id, task_queue=stage.name)
        (await checkpoints.reached("at the start")).go_on("fail")
        failing = await checkpoints.reached("before the failure")
        await viewer.wait_for(lambda view: view.texts == [DEAD])
        failing.go_on()
        await reset_in_backoff(stage.client, handle)

        (await checkpoints.reached("at the start")).go_on(order)
        again = await checkpoints.reached("before the first new word")
        late = await stage.view(workflow_id, client_id="carol")
        assert late.texts == [DEAD]
        again.go_on()
        await handle.result()
        await stage.assert_shown(viewer, workflow_id, shown)
    assert_grew(viewer, DEAD, "".join(shown))
