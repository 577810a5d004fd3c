"""The chat's worker: a Temporal worker like any other, with one line more.

It is told by its environment where everything is: ``TEMPORAL_ADDRESS``, ``ABLY_API_KEY``, ``OPENAI_API_KEY`` and so on.
"""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import timedelta

from openai import AsyncOpenAI
from temporalio.client import Client
from temporalio.worker import Worker

from examples.chat.activities import Agent
from examples.chat.workflows import TASK_QUEUE, TEAM, Turn
from temporal_ably import AblyInterceptor


async def main() -> None:
    """Work until told to stop."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    client = await Client.connect(os.environ.get("TEMPORAL_ADDRESS", "localhost:7233"))
    agent = Agent(AsyncOpenAI(), os.environ.get("OPENAI_MODEL", "gpt-4o-mini"))
    async with (
        AblyInterceptor() as ably,
        Worker(
            client,
            task_queue=TASK_QUEUE,
            workflows=[Turn, *TEAM],
            activities=[agent.answer],
            interceptors=[ably],  # this is the line
            graceful_shutdown_timeout=timedelta(seconds=2),
            # A cancelled activity learns of it by its next heartbeat.
            max_heartbeat_throttle_interval=timedelta(seconds=1),
            # What a workflow does next waits no longer than this for a worker that has died with it in its cache.
            sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
        ),
    ):
        print("working", flush=True)
        await stopped.wait()


if __name__ == "__main__":
    asyncio.run(main())
