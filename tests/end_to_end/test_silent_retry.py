"""An activity streams and fails, and its retry streams nothing: the dead text goes when the retry succeeds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from temporalio import activity
from temporalio.exceptions import ApplicationError

from temporal_ably import current_stream, streaming
from tests.end_to_end.ask import Ask, Question
from tests.end_to_end.checkpoints import checkpoint
from tests.end_to_end.shown import assert_grew

if TYPE_CHECKING:
    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.processes import Workers
    from tests.end_to_end.stage import Stage

DEAD = "Let me see"


async def break_off() -> None:
    await checkpoint("before the failure", beating=True)
    raise ApplicationError("the model broke off")


@activity.defn
@streaming
async def yields_nothing() -> AsyncIterator[str]:
    if activity.info().attempt == 1:
        yield DEAD
        await break_off()
    await checkpoint("in the retry", beating=True)


@activity.defn
async def does_not_write() -> str:
    if activity.info().attempt == 1:
        current_stream().text(DEAD)
        await break_off()
    await checkpoint("in the retry", beating=True)
    return "a cached answer"


@activity.defn
async def takes_its_stream_only() -> str:
    stream = current_stream()
    if activity.info().attempt == 1:
        stream.text(DEAD)
        await break_off()
    await checkpoint("in the retry", beating=True)
    return "a cached answer"


@pytest.mark.parametrize("asked", [yields_nothing, does_not_write])
async def test_dead_text_goes_when_a_silent_retry_succeeds(
    stage: Stage, checkpoints: Checkpoints, asked: object
) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    question = Question(getattr(asked, "__name__", ""))
    async with stage.worker([Ask], [yields_nothing, does_not_write]):
        handle = await stage.client.start_workflow(Ask.run, question, id=workflow_id, task_queue=stage.name)
        failing = await checkpoints.reached("before the failure")
        await viewer.wait_for(lambda view: view.texts == [DEAD])
        failing.go_on()
        retrying = await checkpoints.reached("in the retry")
        late = await stage.view(workflow_id, client_id="carol")
        assert late.texts == [DEAD]
        retrying.go_on()
        await handle.result()
        await stage.assert_shown(viewer, workflow_id, [])
    assert_grew(viewer, DEAD, "")


@pytest.mark.parametrize("asked", [yields_nothing, takes_its_stream_only])
async def test_dead_text_of_a_killed_worker_goes_when_another_worker_retries_in_silence(
    stage: Stage, checkpoints: Checkpoints, workers: Workers, asked: object
) -> None:
    # The other worker has never seen this activity stream: it knows by the decorator, or by current_stream().
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    question = Question(getattr(asked, "__name__", ""), heartbeat=1.5)
    first = await workers.start(yields_nothing, takes_its_stream_only)
    handle = await stage.client.start_workflow(Ask.run, question, id=workflow_id, task_queue=stage.name)
    await checkpoints.reached("before the failure")
    await viewer.wait_for(lambda view: view.texts == [DEAD])
    await first.kill()
    await workers.start(yields_nothing, takes_its_stream_only)
    (await checkpoints.reached("in the retry")).go_on()
    await handle.result()
    await stage.assert_shown(viewer, workflow_id, [])
    assert_grew(viewer, DEAD, "")
