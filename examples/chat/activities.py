"""The chat's one activity: read the conversation, ask a model, stream what it says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from temporalio import activity

from examples.chat.workflows import Brief
from temporal_ably import current_stream, streaming

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletionMessageParam

MAX_TOKENS = 160
MEMORY = 3000
"""Characters of the conversation that the model is told: a small one holds no more."""


@dataclass(frozen=True)
class Agent:
    """A model, and how to ask it: whatever speaks OpenAI's API."""

    client: AsyncOpenAI
    model: str

    @activity.defn
    @streaming
    async def answer(self, brief: Brief) -> AsyncIterator[str]:
        """Answer what the user said last, a token at a time."""
        async with heartbeats():
            stream = await self.client.chat.completions.create(
                model=self.model, messages=await prompt(brief), max_completion_tokens=MAX_TOKENS, stream=True
            )
            async with stream:
                async for event in stream:
                    if event.choices and event.choices[0].delta.content:
                        yield event.choices[0].delta.content


async def prompt(brief: Brief) -> list[ChatCompletionMessageParam]:
    """Put together what the model is told: its role, the conversation so far, what others have found."""
    said = await current_stream().conversation(messages=10, characters=MEMORY)
    notes: list[ChatCompletionMessageParam] = [{"role": "user", "content": note} for note in brief.notes]
    return [{"role": "system", "content": brief.role}, *said.to_openai(), *notes]


@asynccontextmanager
async def heartbeats() -> AsyncGenerator[None]:
    """Tell Temporal once a second that this worker lives, also while the model is thinking."""

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(1)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
