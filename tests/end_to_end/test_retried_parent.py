"""A root that fails and is tried again: its children start anew, and nothing of the first try's children is left."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from temporalio import workflow
from temporalio.exceptions import ApplicationError

from tests.end_to_end.telling import RETRIES, Narrator, told

if TYPE_CHECKING:
    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.stage import Stage


@workflow.defn
class Helper:
    @workflow.run
    async def run(self, line: str) -> str:
        return await told(line)


@workflow.defn
class Lead:
    """Its first try has two children and a line of its own, its second try only the children asked for."""

    @workflow.run
    async def run(self, second: list[str]) -> list[str]:
        first_try = workflow.info().attempt == 1
        lines = ["dead one", "dead two"] if first_try else second
        own_id = workflow.info().workflow_id
        children = [
            await workflow.start_child_workflow(Helper.run, line, id=f"{own_id}-{number}")
            for number, line in enumerate(lines)
        ]
        results = list(await asyncio.gather(*children))
        if first_try:
            raise ApplicationError(f"gave up after {await told('dead end')!r}")
        return results


@workflow.defn
class Deserter:
    """Its first try fails while its children still write; its second try starts only one."""

    @workflow.run
    async def run(self) -> str:
        own_id = workflow.info().workflow_id
        if workflow.info().attempt > 1:
            return await workflow.execute_child_workflow(Helper.run, "new one", id=f"{own_id}-0")
        for number, line in enumerate(["dead one", "dead two"]):
            await workflow.start_child_workflow(Helper.run, line, id=f"{own_id}-{number}")
        await told("dead end")
        raise ApplicationError("gave up while its children wrote")


@pytest.mark.parametrize("second", [["new one", "new two"], ["new one"], []], ids=["same", "fewer", "none"])
async def test_the_second_try_replaces_the_texts_of_the_first_try_s_children(stage: Stage, second: list[str]) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Lead, Helper], Narrator().activities):
        result = await stage.client.execute_workflow(
            Lead.run, second, id=workflow_id, task_queue=stage.name, retry_policy=RETRIES
        )
        assert result == second
        texts = second
        if len(second) > 1:
            # They write at the same time: whoever begins first stands first.
            texts = (await viewer.wait_for(lambda view: sorted(view.texts) == second)).texts
        await stage.assert_shown(viewer, workflow_id, texts)
    assert any(len(view.texts) == 3 for view in viewer.history_of_views)


async def test_children_that_still_write_when_their_parent_has_failed_are_not_heard(
    stage: Stage, checkpoints: Checkpoints
) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    narrator = Narrator(
        {
            "dead one": "dead one | and on",
            "dead two": "dead two | and on",
            "dead end": "dead end |",
            "new one": "new | one",
        }
    )
    async with stage.worker([Deserter, Helper], narrator.activities):
        handle = await stage.client.start_workflow(
            Deserter.run, id=workflow_id, task_queue=stage.name, retry_policy=RETRIES
        )
        zombies = [await checkpoints.reached(place) for place in ("dead one", "dead two")]
        parent = await checkpoints.reached("dead end")
        await viewer.wait_for(lambda view: sorted(view.texts) == ["dead end", "dead one", "dead two"])
        parent.go_on()
        new = await checkpoints.reached("new")
        # With the first new word all that the first try said goes, also what its children were about to say.
        await viewer.wait_for(lambda view: view.texts == ["new"])
        for visit in (*zombies, new):
            visit.go_on()
        assert await handle.result() == "new one"
        await stage.assert_shown(viewer, workflow_id, ["new one"])
    assert not any("on" in text.split(" ") for view in viewer.history_of_views for text in view.texts)
