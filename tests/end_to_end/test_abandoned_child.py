"""A child that may outlive its parent: a run of its own in the parent's session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio import workflow

from tests.end_to_end.telling import Narrator, told

if TYPE_CHECKING:
    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.stage import Stage


@workflow.defn
class Orphan:
    @workflow.run
    async def run(self) -> str:
        await told("orphan")
        return await told("grown")


@workflow.defn
class Parent:
    @workflow.run
    async def run(self) -> str:
        child_id = f"{workflow.info().workflow_id}-orphan"
        await told("parent")
        await workflow.start_child_workflow(
            Orphan.run, id=child_id, parent_close_policy=workflow.ParentClosePolicy.ABANDON
        )
        return await told("farewell")


async def test_an_abandoned_child_goes_on_beside_its_parent_and_ends_by_itself(
    stage: Stage, checkpoints: Checkpoints
) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    narrator = Narrator({"orphan": "orphan | speaks"})
    async with stage.worker([Parent, Orphan], narrator.activities):
        handle = await stage.client.start_workflow(Parent.run, id=workflow_id, task_queue=stage.name)
        orphan = await checkpoints.reached("orphan")
        await handle.result()
        await viewer.wait_for(lambda view: "orphan" in view.texts)
        alone = await viewer.wait_for(lambda view: [run.status for run in view.runs] == ["complete", "active"])
        assert alone.texts == ["parent", "farewell", "orphan"]

        orphan.go_on()
        child = stage.client.get_workflow_handle(f"{workflow_id}-orphan")
        assert await child.result() == "grown"
        await stage.assert_shown(viewer, workflow_id, ["parent", "farewell", "orphan speaks", "grown"])
    child_run = (await child.describe()).run_id
    assert viewer.run_statuses == {handle.first_execution_run_id: "complete", child_run: "complete"}
