"""A workflow on a schedule: each tick is a run of its own in one session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from tests.end_to_end.telling import Narrator, told

if TYPE_CHECKING:
    from tests.end_to_end.stage import Stage
    from tests.end_to_end.viewer import View

TICKS = ["tick 1", "tick 2", "tick 3"]
EVERY_SECOND = "@every 1s"


@workflow.defn
class Clock:
    """Tells the first three ticks; later ones pass in silence."""

    @workflow.run
    async def run(self) -> int:
        tick = (workflow.get_last_completion_result(int) or 0) + 1
        if tick <= len(TICKS):
            await told(f"tick {tick}")
        return tick


@workflow.defn
class BrokenClock:
    """Tells a tick and fails; then tells another; later ones pass in silence."""

    @workflow.run
    async def run(self) -> str:
        if workflow.has_last_completion_result():
            return "silence"
        if workflow.get_last_failure():
            return await told("a good tick")
        raise ApplicationError(f"broke down after {await told('a bad tick')!r}")


async def test_each_tick_has_its_message_and_its_end(stage: Stage) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Clock], Narrator().activities):
        handle = await stage.client.start_workflow(
            Clock.run, id=workflow_id, task_queue=stage.name, cron_schedule=EVERY_SECOND
        )
        await stage.assert_shown(viewer, workflow_id, TICKS)
        await handle.terminate()
    assert len(viewer.run_statuses) == len(TICKS)
    assert all(run.startswith(f"{handle.first_execution_run_id}/") for run in viewer.run_statuses)


async def test_a_tick_that_fails_ends_as_failed_and_the_next_one_goes_on(stage: Stage) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)

    def settled(view: View) -> bool:
        return view.texts == ["a bad tick", "a good tick"] and [run.status for run in view.runs] == [
            "error",
            "complete",
        ]

    async with stage.worker([BrokenClock], Narrator().activities):
        handle = await stage.client.start_workflow(
            BrokenClock.run, id=workflow_id, task_queue=stage.name, cron_schedule=EVERY_SECOND
        )
        await viewer.wait_for(settled)
        fresh = await stage.view(workflow_id, client_id="bob")
        await fresh.wait_for(settled)
        await handle.terminate()
