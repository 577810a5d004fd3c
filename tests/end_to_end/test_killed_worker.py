"""A worker is killed in the middle of a stream and another one takes over, once Temporal knows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from temporalio import activity

from temporal_ably import streaming
from tests.end_to_end.ask import Ask, Question
from tests.end_to_end.checkpoints import checkpoint
from tests.end_to_end.shown import assert_grew

if TYPE_CHECKING:
    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.processes import Workers
    from tests.end_to_end.stage import Stage

DEAD = "As I was say"
NEW = "Where were we? Ah, yes."


@activity.defn
@streaming
async def recite() -> AsyncIterator[str]:
    if activity.info().attempt == 1:
        yield "As I "
        yield "was say"
        await checkpoint("before the kill", beating=True)
        yield "ing, nobody kills me"
    yield "Where were we? "
    await checkpoint("in the second attempt", beating=True)
    yield "Ah, yes."


@pytest.mark.parametrize(
    "question",
    [Question("recite", heartbeat=1.5), Question("recite", start_to_close=4)],
    ids=["heartbeat timeout", "start-to-close timeout"],
)
async def test_another_worker_takes_over_from_a_killed_one_and_ends_the_run(
    stage: Stage, checkpoints: Checkpoints, workers: Workers, question: Question
) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    first = await workers.start(recite)
    handle = await stage.client.start_workflow(Ask.run, question, id=workflow_id, task_queue=stage.name)
    await checkpoints.reached("before the kill")
    await viewer.wait_for(lambda view: view.texts == [DEAD])
    await first.kill()
    await workers.start(recite)
    second_half = await checkpoints.reached("in the second attempt")
    await viewer.wait_for(lambda view: view.texts == ["Where were we? "])
    second_half.go_on()
    assert await handle.result() == NEW
    await stage.assert_shown(viewer, workflow_id, [NEW])
    assert_grew(viewer, DEAD, NEW)
