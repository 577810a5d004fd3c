"""A workflow that fails and is tried again: what its first try said goes, whatever way the second try takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from temporalio import workflow
from temporalio.exceptions import ApplicationError

from tests.end_to_end.telling import RETRIES, Narrator, assert_once_shown, told

if TYPE_CHECKING:
    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.stage import Stage

FIRST = ["dead one", "dead two", "dead three"]


@workflow.defn
class Stubborn:
    """Tells one list of lines in its first try, which fails, and another in its second."""

    @workflow.run
    async def run(self, second: list[str]) -> list[str]:
        if workflow.info().attempt > 1:
            return [await told(line) for line in second]
        lines = [await told(line) for line in FIRST]
        raise ApplicationError(f"gave up after {lines}")


@pytest.mark.parametrize(
    "second",
    [["new one", "new two", "new three"], ["new one"], ["new one", "new two", "new three", "new four"]],
    ids=["same", "fewer", "more"],
)
async def test_the_second_try_replaces_the_first(stage: Stage, second: list[str]) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Stubborn], Narrator().activities):
        handle = await stage.client.start_workflow(
            Stubborn.run, second, id=workflow_id, task_queue=stage.name, retry_policy=RETRIES
        )
        assert await handle.result() == second
        await stage.assert_shown(viewer, workflow_id, second)
    assert_once_shown(viewer, FIRST)
    assert list(viewer.run_statuses) == [handle.first_execution_run_id]


async def test_dead_text_stays_until_the_second_try_has_its_first_word(stage: Stage, checkpoints: Checkpoints) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    narrator = Narrator({"new": "| new | story"})
    async with stage.worker([Stubborn], narrator.activities):
        handle = await stage.client.start_workflow(
            Stubborn.run, ["new"], id=workflow_id, task_queue=stage.name, retry_policy=RETRIES
        )
        silent = await checkpoints.reached("")
        late = await stage.view(workflow_id, client_id="carol")
        assert late.texts == FIRST
        silent.go_on()
        speaking = await checkpoints.reached("new")
        await viewer.wait_for(lambda view: view.texts == ["new"])
        await late.wait_for(lambda view: view.texts == ["new"])
        speaking.go_on()
        await handle.result()
        await stage.assert_shown(viewer, workflow_id, ["new story"])
