"""An attempt times out while it is still at work: what it goes on to write is not shown, its retry's output is.

The old attempt is a thread that ignores cancellation, as code that waits in a C library does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from temporalio import activity

from temporal_ably import streaming
from tests.end_to_end.ask import Ask, Question
from tests.end_to_end.checkpoints import checkpoint_in_a_thread
from tests.end_to_end.shown import assert_grew

if TYPE_CHECKING:
    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.processes import Workers
    from tests.end_to_end.stage import Stage

DEAD = "An old man "
UNHEARD = "who is dead and does not know"
NEW = "The sea, the sky"
TIMEOUTS = pytest.mark.parametrize(
    "question",
    [Question("outlive", heartbeat=2), Question("outlive", start_to_close=4)],
    ids=["heartbeat timeout", "start-to-close timeout"],
)


@activity.defn(no_thread_cancel_exception=True)
@streaming
def outlive() -> Iterator[str]:
    if activity.info().attempt == 1:
        yield DEAD
        checkpoint_in_a_thread("in the old attempt")
        yield UNHEARD
        checkpoint_in_a_thread("after the old attempt's words")
        yield " goes on and on"
        return
    yield "The sea, "
    checkpoint_in_a_thread("in the new attempt", beating=True)
    yield "the sky"


@TIMEOUTS
async def test_an_attempt_that_outlives_its_timeout_in_the_same_process_is_not_heard(
    stage: Stage, checkpoints: Checkpoints, question: Question
) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Ask], [outlive]):
        handle = await stage.client.start_workflow(Ask.run, question, id=workflow_id, task_queue=stage.name)
        old = await checkpoints.reached("in the old attempt")
        await viewer.wait_for(lambda view: view.texts == [DEAD])
        new = await checkpoints.reached("in the new attempt")
        old.go_on()
        (await checkpoints.reached("after the old attempt's words")).go_on()
        await viewer.wait_for(lambda view: view.texts == ["The sea, "])
        new.go_on()
        assert await handle.result() == NEW
        await stage.assert_shown(viewer, workflow_id, [NEW])
    assert_grew(viewer, DEAD, NEW)
    assert UNHEARD not in stage.written(workflow_id)


@TIMEOUTS
async def test_an_attempt_that_outlives_its_timeout_in_another_process_is_not_heard(
    stage: Stage, checkpoints: Checkpoints, workers: Workers, question: Question
) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    zombie = await workers.start(outlive)
    handle = await stage.client.start_workflow(Ask.run, question, id=workflow_id, task_queue=stage.name)
    old = await checkpoints.reached("in the old attempt")
    await viewer.wait_for(lambda view: view.texts == [DEAD])
    await workers.start(outlive)
    new = await checkpoints.reached("in the new attempt")
    await viewer.wait_for(lambda view: view.texts == ["The sea, "])
    old.go_on()
    (await checkpoints.reached("after the old attempt's words")).go_on()
    new.go_on()
    assert await handle.result() == NEW
    zombie.shut_down()
    await zombie.wait_ended()
    await stage.assert_shown(viewer, workflow_id, [NEW])
    assert_grew(viewer, DEAD, NEW)
    assert UNHEARD not in stage.written(workflow_id)
