"""A cancel that arrives while a finished activity waits for Ably: its result stands, and it does not run again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio import activity, workflow

from temporal_ably import streaming

if TYPE_CHECKING:
    from tests.end_to_end.stage import Stage

runs: list[int] = []


@activity.defn
@streaming
async def costly() -> AsyncIterator[str]:
    runs.append(activity.info().attempt)
    yield "a costly answer"


@workflow.defn
class AskOnce:
    @workflow.run
    async def run(self) -> str:
        return await workflow.execute_activity(costly, start_to_close_timeout=timedelta(minutes=1))


async def test_worker_shutdown_during_the_flush_loses_no_result(stage: Stage) -> None:
    runs.clear()
    held = asyncio.Event()

    def is_step_end(message: dict[str, object]) -> bool:
        if message.get("name") == "ai-step-end":
            held.set()
            return True
        return False

    stage.server.faults.ignore(match=is_step_end, apply=True)
    workflow_id = stage.workflow_id()
    async with stage.worker([AskOnce], [costly]):
        handle = await stage.client.start_workflow(AskOnce.run, id=workflow_id, task_queue=stage.name)
        await held.wait()
    async with stage.worker([AskOnce], [costly]):
        assert await handle.result() == "a costly answer"
    assert runs == [1]
