"""A deployment shuts a worker down in the middle of a stream: its attempt fails, and the next worker tries again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest
from temporalio import activity

from temporal_ably import session_name, streaming
from tests.end_to_end.ask import Ask, Question
from tests.end_to_end.checkpoints import checkpoint
from tests.end_to_end.shown import assert_grew

if TYPE_CHECKING:
    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.processes import Workers
    from tests.end_to_end.stage import Stage

DEAD = "Dear passengers, we are about to"
NEW = "Ladies and gentlemen, we have landed"


@activity.defn
@streaming
async def announce() -> AsyncIterator[str]:
    if activity.info().attempt == 1:
        yield "Dear passengers, "
        if await checkpoint("in the first attempt", beating=True) == "wait for the shutdown":
            await activity.wait_for_worker_shutdown()
        yield "we are about to"
        await checkpoint("at the end of the first attempt", beating=True)
        yield " never said"
    await checkpoint("before the first new word", beating=True)
    yield "Ladies and gentlemen, "
    yield "we have landed"


def step_ends(stage: Stage, workflow_id: str) -> list[str]:
    messages: list[dict[str, Any]] = stage.server.messages(session_name(workflow_id))
    ends = [message for message in messages if message.get("name") == "ai-step-end"]
    return [end["extras"]["ai"]["transport"]["step-reason"] for end in ends]


@pytest.mark.parametrize("grace_s", [0, 1], ids=["without grace", "with a second's grace"])
async def test_the_next_worker_tries_again_what_a_shut_down_one_began(
    stage: Stage, checkpoints: Checkpoints, workers: Workers, grace_s: float
) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    leaving = await workers.start(announce, grace_s=grace_s)
    handle = await stage.client.start_workflow(
        Ask.run, Question("announce", heartbeat=30), id=workflow_id, task_queue=stage.name
    )
    speaking = await checkpoints.reached("in the first attempt")
    await viewer.wait_for(lambda view: view.texts == ["Dear passengers, "])
    if grace_s:
        # What it writes within its grace still goes out.
        speaking.go_on("wait for the shutdown")
        leaving.shut_down()
        await checkpoints.reached("at the end of the first attempt")
    else:
        speaking.go_on()
        await checkpoints.reached("at the end of the first attempt")
        leaving.shut_down()
    await viewer.wait_for(lambda view: view.texts == [DEAD])
    await leaving.wait_ended()
    assert step_ends(stage, workflow_id) == ["failed"]
    assert viewer.texts == [DEAD]

    await workers.start(announce)
    (await checkpoints.reached("before the first new word")).go_on()
    assert await handle.result() == NEW
    await stage.assert_shown(viewer, workflow_id, [NEW])
    assert_grew(viewer, DEAD, NEW)
    assert step_ends(stage, workflow_id) == ["failed", "complete"]
