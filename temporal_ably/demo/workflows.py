"""The demo's workflows: plain Temporal code, which knows nothing of Ably."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

TASK_QUEUE = "temporal-ably-demo"


@dataclass(frozen=True)
class Question:
    """What to ask the model. ``fail_after`` makes the first attempt fail after so many chunks."""

    text: str
    fail_after: int | None = None


async def _ask(question: Question) -> str:
    return await workflow.execute_activity(
        "answer",
        question,
        result_type=str,
        start_to_close_timeout=timedelta(minutes=2),
        retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=5),
    )


@workflow.defn
class Answer:
    """One question, one answer."""

    @workflow.run
    async def run(self, question: Question) -> str:
        """Ask the model and give what it said."""
        return await _ask(question)


@workflow.defn
class Historian:
    """A sub-agent."""

    @workflow.run
    async def run(self, topic: str) -> str:
        """Tell the topic's history."""
        return await _ask(Question(f"Tell me a little about the history of {topic}."))


@workflow.defn
class Scientist:
    """A sub-agent."""

    @workflow.run
    async def run(self, topic: str) -> str:
        """Explain the topic."""
        return await _ask(Question(f"Explain the science of {topic} in three sentences."))


@workflow.defn
class Poet:
    """A sub-agent."""

    @workflow.run
    async def run(self, topic: str) -> str:
        """Write a poem about the topic."""
        return await _ask(Question(f"Write a short poem about {topic}."))


SUB_AGENTS = (Historian, Scientist, Poet)


@workflow.defn
class Panel:
    """Three sub-agents at once, each a child workflow."""

    @workflow.run
    async def run(self, topic: str) -> dict[str, str]:
        """Give what each of them said, by name."""
        parent = workflow.info().workflow_id
        names = [agent.__name__ for agent in SUB_AGENTS]
        answers = await asyncio.gather(
            *(workflow.execute_child_workflow(name, topic, id=f"{parent}/{name}", result_type=str) for name in names)
        )
        return dict(zip(names, answers, strict=True))
