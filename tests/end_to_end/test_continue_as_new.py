"""A workflow that continues as new: its segments are one run, and all of their texts stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from tests.end_to_end.telling import RETRIES, Narrator, assert_never_together, assert_once_shown, told

if TYPE_CHECKING:
    from tests.end_to_end.stage import Stage

LAST = 2


@workflow.defn
class Serial:
    @workflow.run
    async def run(self, chapter: int) -> str:
        await told(f"chapter {chapter} begins")
        end = await told(f"chapter {chapter} ends")
        if chapter < LAST:
            workflow.continue_as_new(chapter + 1)
        return end


@workflow.defn
class Publisher:
    @workflow.run
    async def run(self) -> None:
        own_id = workflow.info().workflow_id
        await told("preface")
        await workflow.execute_child_workflow(Serial.run, 1, id=f"{own_id}-serial")
        await told("afterword")


@workflow.defn
class Stumbling:
    """Its second segment fails once."""

    @workflow.run
    async def run(self, segment: int) -> str:
        info = workflow.info()
        if segment == 0:
            await told("prologue")
            workflow.continue_as_new(1)
        if info.attempt == 1:
            await told("dead chapter")
            raise ApplicationError(f"gave up after {await told('dead end')!r}")
        return await told("new chapter")


async def test_all_segments_of_a_workflow_show_in_order(stage: Stage) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Serial], Narrator().activities):
        handle = await stage.client.start_workflow(Serial.run, 0, id=workflow_id, task_queue=stage.name)
        assert await handle.result() == "chapter 2 ends"
        texts = [f"chapter {chapter} {what}" for chapter in range(LAST + 1) for what in ("begins", "ends")]
        await stage.assert_shown(viewer, workflow_id, texts)
    assert list(viewer.run_statuses) == [handle.first_execution_run_id]


async def test_a_child_that_continues_as_new_keeps_its_place(stage: Stage) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Publisher, Serial], Narrator().activities):
        await stage.client.execute_workflow(Publisher.run, id=workflow_id, task_queue=stage.name)
        texts = [f"chapter {chapter} {what}" for chapter in (1, 2) for what in ("begins", "ends")]
        await stage.assert_shown(viewer, workflow_id, ["preface", *texts, "afterword"])
    assert len(viewer.run_statuses) == 1


async def test_a_retry_after_continue_as_new_replaces_its_own_segment_only(stage: Stage) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Stumbling], Narrator().activities):
        await stage.client.execute_workflow(
            Stumbling.run, 0, id=workflow_id, task_queue=stage.name, retry_policy=RETRIES
        )
        await stage.assert_shown(viewer, workflow_id, ["prologue", "new chapter"])
    assert_never_together(viewer, dead="d", new="n")
    assert_once_shown(viewer, ["prologue", "dead chapter", "dead end"])
