"""What answers a long conversation, in a file of its own: the sandbox loads it for each workflow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

from temporalio import activity, workflow

from temporal_ably import Invocation, current_stream, streaming

SECONDS = timedelta(seconds=60)

# What each turn's agents were told: the activity's words to the conversation, message by message.
prompts: dict[str, list[tuple[str, str]]] = {}


@activity.defn
@streaming
async def answer(words: str) -> AsyncIterator[str]:
    conversation = await current_stream().conversation()
    prompts[words] = [(message.role, message.text) for message in conversation.messages]
    for word in words.split():
        yield f"{word} "


@workflow.defn
class Aside:
    @workflow.run
    async def run(self, words: str) -> str:
        return await workflow.execute_activity(answer, words, start_to_close_timeout=SECONDS)


@workflow.defn
class Chat:
    @workflow.run
    async def run(self, invocation: Invocation, words: str, asides: int) -> None:
        del invocation
        await asyncio.gather(*(workflow.execute_child_workflow(Aside.run, f"aside {words} {n}") for n in range(asides)))
        await workflow.execute_activity(answer, words, start_to_close_timeout=SECONDS)
