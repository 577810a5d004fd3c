"""What Temporal records: the same events with and without the interceptor; either side can replay them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.exceptions import ApplicationError
from temporalio.worker import Replayer, Worker

from tests.end_to_end.resets import reset
from tests.end_to_end.telling import RETRIES, TIMEOUT, Narrator, told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from temporalio.client import Client, WorkflowHistory

    from tests.end_to_end.stage import Stage

# How many there are depends on what happens to arrive together.
WORKFLOW_TASKS = {
    EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
}


@workflow.defn
class Chapter:
    @workflow.run
    async def run(self, line: str) -> str:
        return await told(line)


@workflow.defn
class Book:
    """Starts everything that the interceptor gives an identity to, continues as new once, and then fails once."""

    @workflow.run
    async def run(self, volume: int) -> str:
        info = workflow.info()
        await told(f"volume {volume}")
        await workflow.execute_local_activity_method(
            Narrator.tell, "an aside", start_to_close_timeout=TIMEOUT, retry_policy=RETRIES
        )
        for policy in (workflow.ParentClosePolicy.TERMINATE, workflow.ParentClosePolicy.ABANDON):
            await workflow.execute_child_workflow(
                Chapter.run,
                "a chapter",
                id=f"{info.workflow_id}-{policy.name}",
                parent_close_policy=policy,
            )
        if volume == 0:
            workflow.continue_as_new(1)
        if info.attempt == 1:
            raise ApplicationError("the printer jammed")
        return await told("the end")


async def histories_of(client: Client, workflow_id: str, run_id: str | None) -> list[WorkflowHistory]:
    """The histories of a chain of runs, from its first one on."""
    histories: list[WorkflowHistory] = []
    while run_id:
        histories.append(await client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history())
        last = histories[-1].events[-1]
        continued = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
        run_id = continued or last.workflow_execution_failed_event_attributes.new_execution_run_id
    return histories


async def publish(client: Client, workflow_id: str, task_queue: str) -> list[WorkflowHistory]:
    """Run the workflow, and reset it after its end; gives all that was recorded."""
    handle = await client.start_workflow(Book.run, 0, id=workflow_id, task_queue=task_queue, retry_policy=RETRIES)
    assert await handle.result() == "the end"
    histories = await histories_of(client, workflow_id, handle.first_execution_run_id)
    again = client.get_workflow_handle(workflow_id, run_id=await reset(client, workflow_id, before="tell"))
    assert await again.result() == "the end"
    for policy in (workflow.ParentClosePolicy.TERMINATE, workflow.ParentClosePolicy.ABANDON):
        histories.append(await client.get_workflow_handle(f"{workflow_id}-{policy.name}").fetch_history())
    return [*histories, await again.fetch_history()]


def events(histories: list[WorkflowHistory]) -> list[list[str]]:
    """The types of the recorded events, history by history, workflow tasks left out."""
    return [
        [EventType.Name(event.event_type) for event in history.events if event.event_type not in WORKFLOW_TASKS]
        for history in histories
    ]


async def each(histories: list[WorkflowHistory]) -> AsyncIterator[WorkflowHistory]:
    for history in histories:
        yield history


async def test_the_interceptor_adds_no_event_and_breaks_no_replay(stage: Stage) -> None:
    plain_queue = f"{stage.name}-plain"
    workflows = [Book, Chapter]
    activities = Narrator().activities
    async with (
        stage.worker(workflows, activities),
        Worker(stage.client, task_queue=plain_queue, workflows=workflows, activities=activities),
    ):
        ours, plain = await asyncio.gather(
            publish(stage.client, stage.workflow_id(), stage.name),
            publish(stage.client, stage.workflow_id("plain"), plain_queue),
        )
    assert len(ours) == 6
    assert events(ours) == events(plain)

    connections = stage.server.connections_total
    for interceptors in ([stage.interceptor()], []):
        replayed = await Replayer(workflows=workflows, interceptors=interceptors).replay_workflows(
            each([*ours, *plain]), raise_on_replay_failure=True
        )
        assert not replayed.replay_failures
    assert stage.server.connections_total == connections
