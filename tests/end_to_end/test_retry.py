"""An activity fails half-way and is tried again: the dead text stays readable until the first new word."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import pytest
from temporalio import activity
from temporalio.exceptions import ApplicationError

from temporal_ably import streaming
from tests.end_to_end.ask import Ask, Question
from tests.end_to_end.checkpoints import checkpoint, checkpoint_in_a_thread
from tests.end_to_end.shown import assert_grew

if TYPE_CHECKING:
    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.stage import Stage

DEAD = "Once upon a midnight"
NEW = "It was a bright day"


@activity.defn
@streaming
async def falter() -> AsyncIterator[str]:
    if activity.info().attempt == 1:
        yield "Once upon "
        yield "a midnight"
        await checkpoint("before the failure")
        raise ApplicationError("the model broke off")
    await checkpoint("before the first new word")
    yield "It was "
    await checkpoint("half-way")
    yield "a bright day"


@activity.defn
@streaming
def falter_in_a_thread() -> Iterator[str]:
    if activity.info().attempt == 1:
        yield "Once upon "
        yield "a midnight"
        checkpoint_in_a_thread("before the failure")
        raise ApplicationError("the model broke off")
    checkpoint_in_a_thread("before the first new word")
    yield "It was "
    checkpoint_in_a_thread("half-way")
    yield "a bright day"


@pytest.mark.parametrize("asked", [falter, falter_in_a_thread])
async def test_dead_text_stays_until_the_first_new_word_replaces_it(
    stage: Stage, checkpoints: Checkpoints, asked: object
) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    name = getattr(asked, "__name__", "")
    async with stage.worker([Ask], [falter, falter_in_a_thread]):
        handle = await stage.client.start_workflow(Ask.run, Question(name), id=workflow_id, task_queue=stage.name)
        failing = await checkpoints.reached("before the failure")
        await viewer.wait_for(lambda view: view.texts == [DEAD])
        failing.go_on()

        retrying = await checkpoints.reached("before the first new word")
        late = await stage.view(workflow_id, client_id="carol")
        assert late.texts == [DEAD]
        assert viewer.texts == [DEAD]
        retrying.go_on()

        half_way = await checkpoints.reached("half-way")
        await viewer.wait_for(lambda view: view.texts == ["It was "])
        half_way.go_on()
        assert await handle.result() == NEW
        await stage.assert_shown(viewer, workflow_id, [NEW])
    for each in (viewer, late):
        assert_grew(each, DEAD, NEW)
    assert viewer.messages[0].metadata["attempt"] == 2
