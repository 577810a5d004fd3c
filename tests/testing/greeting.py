"""What a user tests: a greeting whose first attempt breaks off. Plain enough to be copied into another test suite."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from temporal_ably import AblyInterceptor, streaming

if TYPE_CHECKING:
    from temporalio.client import Client


@activity.defn
@streaming
async def greet(name: str) -> AsyncIterator[str]:
    if activity.info().attempt == 1:
        yield "Bye, "
        raise ApplicationError("the model broke off")
    yield "Hello, "
    yield f"{name}!"


@workflow.defn
class Greet:
    @workflow.run
    async def run(self, name: str, backoff_s: float) -> str:
        return await workflow.execute_activity(
            greet,
            name,
            start_to_close_timeout=timedelta(minutes=1),
            retry_policy=RetryPolicy(initial_interval=timedelta(seconds=backoff_s)),
        )


async def greeting(client: Client, ably: AblyInterceptor, workflow_id: str, backoff_s: float = 0.01) -> str:
    """Greet Ada."""
    worker = Worker(client, task_queue=workflow_id, workflows=[Greet], activities=[greet], interceptors=[ably])
    async with worker:
        return await client.execute_workflow(Greet.run, args=["Ada", backoff_s], id=workflow_id, task_queue=workflow_id)
