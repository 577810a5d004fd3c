"""Workflows and activities on workers of their own, with the interceptor on one of them, on both, or on both sides."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio import workflow
from temporalio.worker import Worker

from temporal_ably import session_name
from temporal_ably._dialect.ait08 import OUTPUT, RUN_END, RUN_START, STEP_END, STEP_START
from tests.end_to_end.telling import Narrator

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from temporalio.client import Client
    from temporalio.worker import Interceptor

    from tests.end_to_end.stage import Stage
    from tests.real_parts import Temporal


TIMEOUT = timedelta(seconds=60)


@dataclass
class Order:
    """Lines to tell, and the task queue of the worker that tells them."""

    lines: list[str]
    tellers: str


@workflow.defn
class Dictate:
    @workflow.run
    async def run(self, order: Order) -> None:
        for line in order.lines:
            await workflow.execute_activity_method(
                Narrator.tell, line, task_queue=order.tellers, start_to_close_timeout=TIMEOUT
            )


@asynccontextmanager
async def workflow_worker(
    client: Client, task_queue: str, interceptors: Sequence[Interceptor] = ()
) -> AsyncGenerator[Worker]:
    """Run a worker that serves workflows only."""
    async with Worker(client, task_queue=task_queue, workflows=[Dictate], interceptors=interceptors) as worker:
        yield worker


async def test_activities_stream_when_the_workflow_s_worker_lacks_the_interceptor(stage: Stage) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    tellers = f"{stage.name}-tellers"
    async with (
        workflow_worker(stage.client, stage.name),
        stage.worker([], Narrator().activities, task_queue=tellers),
    ):
        handle = await stage.client.start_workflow(
            Dictate.run, Order(["first line", "second line"], tellers), id=workflow_id, task_queue=stage.name
        )
        await handle.result()
        await stage.assert_shown(viewer, workflow_id, ["first line", "second line"])
    assert viewer.run_statuses == {handle.first_execution_run_id: "complete"}


async def test_the_worker_that_streams_opens_the_run_and_ends_it(stage: Stage) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    tellers = f"{stage.name}-tellers"
    # Another client id makes other publishers, as in another process.
    for_workflows = stage.interceptor(client_id="workflow-worker")
    async with (
        for_workflows,
        workflow_worker(stage.client, stage.name, [for_workflows]),
        stage.worker([], Narrator().activities, task_queue=tellers),
    ):
        handle = await stage.client.start_workflow(
            Dictate.run, Order(["first line", "second line"], tellers), id=workflow_id, task_queue=stage.name
        )
        await handle.result()
        await stage.assert_shown(viewer, workflow_id, ["first line", "second line"])
    assert viewer.run_statuses == {handle.first_execution_run_id: "complete"}
    publishers = {message["clientId"] for message in stage.server.messages(session_name(workflow_id))}
    assert publishers == {"temporal-ably"}


async def test_an_interceptor_on_client_and_worker_doubles_nothing(stage: Stage, temporal: Temporal) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.interceptor() as on_client, stage.interceptor() as on_worker:
        client = await temporal.connect([on_client])
        async with Worker(
            client,
            task_queue=stage.name,
            workflows=[Dictate],
            activities=Narrator().activities,
            interceptors=[on_worker, on_client],
        ):
            handle = await client.start_workflow(
                Dictate.run, Order(["only line"], stage.name), id=workflow_id, task_queue=stage.name
            )
            await handle.result()
            await stage.assert_shown(viewer, workflow_id, ["only line"])
    names = [message["name"] for message in stage.server.messages(session_name(workflow_id))]
    # One message begins with "start" and "start-step", and then has its text.
    assert sorted(map(str, names)) == sorted([RUN_START, STEP_START, *[OUTPUT] * 3, STEP_END, RUN_END])
    assert viewer.run_statuses == {handle.first_execution_run_id: "complete"}
