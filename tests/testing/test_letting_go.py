"""A suite of many tests: nothing that a test's recorder brought along outlives the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio import activity, workflow
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from temporal_ably import AblyInterceptor, streaming
from temporal_ably._publisher.engine import engine
from temporal_ably._temporal import runtime
from temporal_ably.testing import AblyRecorder
from tests.testing.conftest import TIME_SKIPPING_SERVER

if TYPE_CHECKING:
    from temporal_ably._publisher.engine import Engine


@activity.defn
@streaming
async def say(word: str) -> AsyncIterator[str]:
    yield word


@workflow.defn
class Open:
    """Says a word and never ends."""

    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity(say, "word", start_to_close_timeout=timedelta(minutes=1))
        await workflow.wait_condition(lambda: False)


async def tasks_of(engine: Engine) -> set[asyncio.Task[object]]:
    """What runs on the engine's loop, but for this very question."""

    async def look() -> set[asyncio.Task[object]]:
        return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}

    return await asyncio.wrap_future(engine.submit(look()))


async def test_closed_recorder_leaves_no_watcher_and_no_publisher_of_a_workflow_that_never_ends() -> None:
    before, drains = await tasks_of(engine()), list(engine()._drains)
    recorder = AblyRecorder()
    env = await WorkflowEnvironment.start_time_skipping(test_server_existing_path=TIME_SKIPPING_SERVER)
    async with (
        env,
        Worker(
            env.client,
            task_queue="t",
            workflows=[Open],
            activities=[say],
            interceptors=[AblyInterceptor(recorder=recorder)],
            workflow_runner=UnsandboxedWorkflowRunner(),
        ),
    ):
        await env.client.start_workflow(Open.run, id="wf-1", task_queue="t")
        await recorder.wait_for(lambda session: session.text == "word", channel="ai:wf-1")
        assert [route for _, route in runtime._shared if route.recorder is recorder]
        assert await tasks_of(engine()) - before

    await asyncio.to_thread(recorder.close)
    assert not [route for _, route in runtime._shared if route.recorder is recorder]
    assert not await tasks_of(engine()) - before
    assert engine()._drains == drains
    assert recorder.session("ai:wf-1").text == "word"
