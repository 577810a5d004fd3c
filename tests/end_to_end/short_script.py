"""A script that runs one workflow and ends: with `drained` it closes the interceptor, else it just leaves.

Arguments: Temporal's address, task queue, workflow id, `drained` or `left`. The settings come from the environment.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from temporal_ably import AblyInterceptor, streaming


@activity.defn
@streaming
async def speak() -> AsyncIterator[str]:
    for word in ("said ", "just ", "before ", "the ", "end"):
        yield word


@workflow.defn
class Speak:
    @workflow.run
    async def run(self) -> str:
        return await workflow.execute_activity(speak, start_to_close_timeout=timedelta(seconds=30))


async def run(interceptor: AblyInterceptor, address: str, queue: str, workflow_id: str) -> None:
    client = await Client.connect(address)
    runner = UnsandboxedWorkflowRunner()
    async with Worker(
        client,
        task_queue=queue,
        workflows=[Speak],
        activities=[speak],
        interceptors=[interceptor],
        workflow_runner=runner,
    ):
        await client.execute_workflow(Speak.run, id=workflow_id, task_queue=queue)


async def main(address: str, queue: str, workflow_id: str, ending: str) -> None:
    if ending == "drained":
        async with AblyInterceptor() as interceptor:
            await run(interceptor, address, queue, workflow_id)
    else:
        await run(AblyInterceptor(), address, queue, workflow_id)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
