"""Local activities stream like others: retried by their worker, or run again by another one where theirs has died."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
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

DEAD = "Close to ho"
NEW = "Nearby, and fresh"
# The server notices the death of a worker by the timeout of its workflow task.
TASK_TIMEOUT = timedelta(seconds=1)


@activity.defn
@streaming
async def hum() -> AsyncIterator[str]:
    if activity.info().attempt == 1:
        yield "Close "
        yield "to ho"
        await checkpoint("before the failure")
        raise ApplicationError("the model broke off")
    await checkpoint("before the first new word")
    yield "Nearby, "
    yield "and fresh"


@activity.defn
@streaming
async def hum_again() -> AsyncIterator[str]:
    if await checkpoint("at the start") == "first run":
        yield "Close "
        yield "to ho"
        await checkpoint("before the kill")
    await checkpoint("before the first new word")
    yield "Nearby, "
    yield "and fresh"


@activity.defn
async def hum_once() -> str:
    stream = current_stream()
    if await checkpoint("at the start") == "first run":
        stream.text(DEAD)
        await checkpoint("before the kill")
    await checkpoint("before the first new word")
    return "a cached answer"


@pytest.mark.parametrize("by_timer", [False, True], ids=["by its worker", "by a timer"])
async def test_a_retried_local_activity_replaces_its_dead_text(
    stage: Stage, checkpoints: Checkpoints, *, by_timer: bool
) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Ask], [hum]):
        question = Question("hum", local=True, retry_by_timer=by_timer)
        handle = await stage.client.start_workflow(Ask.run, question, id=workflow_id, task_queue=stage.name)
        failing = await checkpoints.reached("before the failure")
        await viewer.wait_for(lambda view: view.texts == [DEAD])
        failing.go_on()
        retrying = await checkpoints.reached("before the first new word")
        late = await stage.view(workflow_id, client_id="carol")
        assert late.texts == [DEAD]
        retrying.go_on()
        assert await handle.result() == NEW
        await stage.assert_shown(viewer, workflow_id, [NEW])
    assert_grew(viewer, DEAD, NEW)


@pytest.mark.parametrize(("asked", "shown"), [("hum_again", [NEW]), ("hum_once", [])])
async def test_a_local_activity_whose_worker_died_runs_again_and_replaces_its_dead_text(
    stage: Stage, checkpoints: Checkpoints, workers: Workers, asked: str, shown: list[str]
) -> None:
    # It runs again as a first attempt, with the same ids: nothing tells it that it was there before.
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    first = await workers.start(hum_again, hum_once)
    question = Question(asked, local=True)
    handle = await stage.client.start_workflow(
        Ask.run, question, id=workflow_id, task_queue=stage.name, task_timeout=TASK_TIMEOUT
    )
    (await checkpoints.reached("at the start")).go_on("first run")
    await checkpoints.reached("before the kill")
    await viewer.wait_for(lambda view: view.texts == [DEAD])
    await first.kill()
    await workers.start(hum_again, hum_once)
    (await checkpoints.reached("at the start")).go_on("second run")
    again = await checkpoints.reached("before the first new word")
    late = await stage.view(workflow_id, client_id="carol")
    assert late.texts == [DEAD]
    again.go_on()
    await handle.result()
    await stage.assert_shown(viewer, workflow_id, shown)
    assert_grew(viewer, DEAD, "".join(shown))
