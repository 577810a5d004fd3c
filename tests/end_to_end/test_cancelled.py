"""A workflow is cancelled while its activity streams: what was streamed stays, closed, in a run that was cancelled."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest
from temporalio import activity
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import CancelledError

from temporal_ably import session_name, streaming
from tests.end_to_end.ask import Ask, Question
from tests.end_to_end.checkpoints import checkpoint
from tests.end_to_end.shown import assert_grew

if TYPE_CHECKING:
    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.stage import Stage

TEXT = "And another thing: "


@activity.defn
@streaming
async def ramble() -> AsyncIterator[str]:
    yield TEXT
    await checkpoint("in the middle", beating=True)
    yield "never said"


@pytest.mark.parametrize("waits", [True, False], ids=["waits for the activity", "does not wait for the activity"])
async def test_text_of_a_cancelled_workflow_stays_in_a_cancelled_run(
    stage: Stage, checkpoints: Checkpoints, *, waits: bool
) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    question = Question("ramble", heartbeat=30, wait_for_cancellation=waits)
    async with stage.worker([Ask], [ramble]):
        handle = await stage.client.start_workflow(Ask.run, question, id=workflow_id, task_queue=stage.name)
        await checkpoints.reached("in the middle")
        await viewer.wait_for(lambda view: view.texts == [TEXT])
        await handle.cancel()
        with pytest.raises(WorkflowFailureError) as raised:
            await handle.result()
        assert isinstance(raised.value.cause, CancelledError)
        await stage.assert_shown(viewer, workflow_id, [TEXT], status="cancelled")
    assert_grew(viewer, TEXT)
    assert streams(stage, workflow_id) == ["cancelled"]
    assert not viewer.errors


def streams(stage: Stage, workflow_id: str) -> list[str]:
    """The status in which each text was left."""
    messages: list[dict[str, Any]] = stage.server.messages(session_name(workflow_id))
    transports: list[dict[str, Any]] = [message["extras"]["ai"] for message in messages]
    texts = [each["transport"] for each in transports if each.get("codec", {}).get("kind") == "text"]
    return [transport["status"] for transport in texts]
