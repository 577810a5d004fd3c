"""The demo's one activity: ask a model, stream its answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from temporalio import activity

from temporal_ably import streaming
from temporal_ably.demo.workflows import Question

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from openai import AsyncOpenAI

SYSTEM = "You are a friendly assistant. You answer briefly, in plain text."


class ModelFailedError(Exception):
    """The model went away in the middle of its answer, as models do."""


@dataclass(frozen=True)
class Agent:
    """A model and how to ask it.

    ``pace`` is the least time between two chunks: a small model on a laptop writes faster than
    anybody reads. ``options`` go into the request as they are.
    """

    client: AsyncOpenAI
    model: str
    max_tokens: int
    pace: timedelta
    options: Mapping[str, object] = field(default_factory=dict[str, object])

    @activity.defn
    @streaming
    async def answer(self, question: Question) -> AsyncIterator[str]:
        """Answer a question, a chunk at a time."""
        chunks = 0
        async for chunk in self._ask(question.text):
            yield chunk
            chunks += 1
            if chunks == question.fail_after and activity.info().attempt == 1:
                raise ModelFailedError(f"the model failed after {chunks} chunks")
            await asyncio.sleep(self.pace.total_seconds())

    async def _ask(self, text: str) -> AsyncIterator[str]:
        stream = await self.client.chat.completions.create(
            model=self.model,
            messages=[{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}],
            max_completion_tokens=self.max_tokens,
            stream=True,
            extra_body=self.options,
        )
        async with stream:
            async for event in stream:
                if event.choices and event.choices[0].delta.content:
                    yield event.choices[0].delta.content
