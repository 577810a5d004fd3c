"""The chat's workflows: plain Temporal code, which knows of no channel, no page and no stream."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

TASK_QUEUE = "chat"


@dataclass(frozen=True)
class Request:
    """What the page posts when a user has said something."""

    inputEventId: str  # noqa: N815 - named as in the page's JSON
    sessionName: str  # noqa: N815
    mode: str = "answer"


@dataclass(frozen=True)
class Brief:
    """What the model is told besides the conversation, which the activity reads itself."""

    role: str
    notes: list[str] = field(default_factory=list[str])


async def ask_model(brief: Brief) -> str:
    """Have the model answer. A worker that dies is noticed within seconds, because the activity heartbeats."""
    return await workflow.execute_activity(
        "answer",
        brief,
        result_type=str,
        start_to_close_timeout=timedelta(minutes=3),
        heartbeat_timeout=timedelta(seconds=5),
        retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=6),
    )


@workflow.defn
class Turn:
    """One turn of the conversation: a user said something, the assistant or the team answers."""

    @workflow.run
    async def run(self, request: Request) -> str:
        """Answer."""
        if request.mode == "team":
            notes = await self._ask_team()
            return await ask_model(Brief("Sum up in two sentences what your team found.", notes))
        return await ask_model(Brief("You are a friendly assistant. You answer briefly, in plain text."))

    async def _ask_team(self) -> list[str]:
        me = workflow.info().workflow_id
        names = [agent.__name__ for agent in TEAM]
        return await asyncio.gather(
            *(workflow.execute_child_workflow(name, id=f"{me}-{name.lower()}", result_type=str) for name in names)
        )


@workflow.defn
class Researcher:
    """A sub-agent."""

    @workflow.run
    async def run(self) -> str:
        """Look for facts."""
        return await ask_model(Brief("You are a researcher. Name three facts about what the user asks."))


@workflow.defn
class Critic:
    """A sub-agent."""

    @workflow.run
    async def run(self) -> str:
        """Look for the catch."""
        return await ask_model(Brief("You are a critic. Say in three sentences what people often get wrong about it."))


@workflow.defn
class Writer:
    """A sub-agent."""

    @workflow.run
    async def run(self) -> str:
        """Tell it well."""
        return await ask_model(Brief("You are a writer. Tell it as a story of four sentences."))


TEAM = (Researcher, Critic, Writer)
