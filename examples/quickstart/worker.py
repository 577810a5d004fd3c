"""A worker whose activity streams. The one line that does it is marked below."""

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

from temporal_ably import AblyInterceptor, streaming

TASK_QUEUE = "quickstart"
STORY = "{name} lit the lamp, wound the clock, and waited for the ships to come home, one by one, out of the fog."


@activity.defn
@streaming
async def tell(name: str) -> AsyncIterator[str]:
    """Tell a story, a word at a time. Put your model here."""
    for word in STORY.format(name=name).split(" "):
        yield f"{word} "
        activity.heartbeat()  # so that Temporal notices soon when this worker dies
        await asyncio.sleep(0.2)


@workflow.defn
class Story:
    """A workflow like any other: it gets the whole text as the activity's result."""

    @workflow.run
    async def run(self, name: str) -> str:
        """Have a story told."""
        return await workflow.execute_activity(
            tell, name, start_to_close_timeout=timedelta(minutes=1), heartbeat_timeout=timedelta(seconds=2)
        )


async def main() -> None:
    """Work until interrupted."""
    client = await Client.connect(os.environ.get("TEMPORAL_ADDRESS", "localhost:7233"))
    async with (
        AblyInterceptor() as ably,
        Worker(
            client,
            task_queue=TASK_QUEUE,
            workflows=[Story],
            activities=[tell],
            interceptors=[ably],  # this is the line
        ),
    ):
        print("working; Ctrl-C stops it", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        print("stopped")
