"""One workflow id, used twice: a session with two runs, both of which show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio import workflow

from tests.end_to_end.telling import Narrator, told

if TYPE_CHECKING:
    from tests.end_to_end.stage import Stage


@workflow.defn
class Reply:
    @workflow.run
    async def run(self, line: str) -> str:
        return await told(line)


async def test_both_runs_of_a_workflow_id_show_one_after_the_other(stage: Stage) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    runs: list[str | None] = []
    async with stage.worker([Reply], Narrator().activities):
        for line in ("first question", "second question"):
            handle = await stage.client.start_workflow(Reply.run, line, id=workflow_id, task_queue=stage.name)
            runs.append(handle.first_execution_run_id)
            await handle.result()
        await stage.assert_shown(viewer, workflow_id, ["first question", "second question"])
    assert list(viewer.run_statuses) == runs
