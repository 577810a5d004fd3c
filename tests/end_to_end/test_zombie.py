"""A worker process stands still past its activity's timeout, another one takes over, and then the first one wakes.

It does not know that time has passed. What it writes must not be shown, and above all it must not open its attempt:
to a stock client the attempt that was opened last is the one to show.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest
from temporalio import activity

from temporal_ably import current_stream, session_name, streaming
from tests.end_to_end.ask import Ask, Question
from tests.end_to_end.checkpoints import checkpoint
from tests.end_to_end.shown import assert_grew

if TYPE_CHECKING:
    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.processes import Workers
    from tests.end_to_end.stage import Stage

DEAD = "Brains, "
UNHEARD = "more brains"
NEW = "Flowers, fresh flowers"


async def rise(*, beating: bool) -> AsyncIterator[str]:
    if activity.info().attempt == 1:
        yield DEAD
        await checkpoint("in the first attempt", beating=beating)
        yield UNHEARD
        return
    yield "Flowers, "
    await checkpoint("in the second attempt", beating=True)
    yield "fresh flowers"


@activity.defn
@streaming
async def stumble() -> AsyncIterator[str]:
    async for chunk in rise(beating=True):
        yield chunk


@activity.defn
@streaming
async def stall() -> AsyncIterator[str]:
    async for chunk in rise(beating=False):
        yield chunk


@activity.defn
async def hesitate() -> str:
    if activity.info().attempt == 1:
        await checkpoint("in the first attempt")
    written = ""
    async for chunk in rise(beating=True):
        current_stream().text(chunk)
        written += chunk
    return written


def started_by_attempt(stage: Stage, workflow_id: str) -> list[str]:
    """The attempt numbers of the steps' openings, in the order of the channel."""
    operations: list[dict[str, Any]] = stage.server.operations(session_name(workflow_id))
    starts = [operation for operation in operations if operation.get("name") == "ai-step-start"]
    return [start["extras"]["headers"]["temporal-attempt"] for start in starts]


@pytest.mark.parametrize(
    "question",
    # An attempt cannot know when its last heartbeat reached the server: for one timeout more it may think itself alive.
    [Question("stumble", heartbeat=1.5, retry_after=2), Question("stumble", start_to_close=4)],
    ids=["heartbeat timeout", "start-to-close timeout"],
)
async def test_a_worker_that_wakes_in_the_middle_of_its_text_is_not_heard(
    stage: Stage, checkpoints: Checkpoints, workers: Workers, question: Question
) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    zombie = await workers.start(stumble)
    handle = await stage.client.start_workflow(Ask.run, question, id=workflow_id, task_queue=stage.name)
    old = await checkpoints.reached("in the first attempt")
    await viewer.wait_for(lambda view: view.texts == [DEAD])
    zombie.stop()
    old.go_on()
    await workers.start(stumble)
    new = await checkpoints.reached("in the second attempt")
    await viewer.wait_for(lambda view: view.texts == ["Flowers, "])
    zombie.wake()
    zombie.shut_down()
    new.go_on()
    assert await handle.result() == NEW
    await zombie.wait_ended()
    await stage.assert_shown(viewer, workflow_id, [NEW])
    assert_grew(viewer, DEAD, NEW)
    assert UNHEARD not in stage.written(workflow_id)


async def test_a_worker_that_wakes_before_its_first_word_opens_nothing(
    stage: Stage, checkpoints: Checkpoints, workers: Workers
) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    zombie = await workers.start(hesitate)
    question = Question("hesitate", heartbeat=1.5)
    handle = await stage.client.start_workflow(Ask.run, question, id=workflow_id, task_queue=stage.name)
    old = await checkpoints.reached("in the first attempt")
    zombie.stop()
    old.go_on()
    await workers.start(hesitate)
    new = await checkpoints.reached("in the second attempt")
    await viewer.wait_for(lambda view: view.texts == ["Flowers, "])
    zombie.wake()
    zombie.shut_down()
    new.go_on()
    assert await handle.result() == NEW
    await zombie.wait_ended()
    await stage.assert_shown(viewer, workflow_id, [NEW])
    assert_grew(viewer, NEW)
    assert started_by_attempt(stage, workflow_id) == ["2"]


async def test_an_opening_that_was_held_back_until_the_retry_had_begun_is_not_sent(
    stage: Stage, checkpoints: Checkpoints, workers: Workers
) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    limited = True

    def is_first_opening(message: dict[str, Any]) -> bool:
        headers = message["extras"]["headers"]
        return limited and message.get("name") == "ai-step-start" and headers["temporal-attempt"] == "1"

    stage.server.faults.refuse(n=1_000_000, match=is_first_opening)
    zombie = await workers.start(stall)
    question = Question("stall", heartbeat=1.5)
    handle = await stage.client.start_workflow(Ask.run, question, id=workflow_id, task_queue=stage.name)
    old = await checkpoints.reached("in the first attempt")
    await workers.start(stall)
    new = await checkpoints.reached("in the second attempt")
    await viewer.wait_for(lambda view: view.texts == ["Flowers, "])
    limited = False
    old.go_on()
    zombie.shut_down()
    new.go_on()
    assert await handle.result() == NEW
    await zombie.wait_ended()
    await stage.assert_shown(viewer, workflow_id, [NEW])
    assert_grew(viewer, NEW)
    assert started_by_attempt(stage, workflow_id) == ["2"]
