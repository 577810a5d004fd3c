"""A workflow that waits for clients, in a file of its own: the sandbox loads it for each workflow."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow

from temporal_ably import Invocation, suspended, turn, wait_for_approval
from tests.temporal.turning import noted


@workflow.defn
class WaitingChild:
    @workflow.run
    async def run(self) -> None:
        async with suspended():
            await noted("child waits")
        await noted("child goes on")


@workflow.defn
class Waits:
    """It tells where it is by ``reached``, so that nobody answers too early."""

    def __init__(self) -> None:
        self._phase = 0
        self._answers: list[str] = []

    @workflow.run
    async def run(self, invocation: Invocation | None = None) -> str:
        await noted("asks")
        async with suspended():
            await self._answered(1)
        await asyncio.gather(noted("goes on"), workflow.execute_child_workflow(WaitingChild.run))
        self._phase += 1
        answer = await wait_for_approval(self._second, timeout=timedelta(hours=1))
        await noted("goes on again")
        try:
            await wait_for_approval(self._nothing, timeout=timedelta(milliseconds=10))
        except asyncio.TimeoutError:
            await noted("gave up")
        async with turn(Invocation("e7", "ai:chat")):
            await noted("turn asks")
            async with suspended(), suspended():
                await self._answered(3)
            await noted("turn goes on")
        await noted("outside of it")
        return answer

    async def _answered(self, count: int) -> None:
        self._phase += 1
        await workflow.wait_condition(lambda: len(self._answers) == count)

    def _second(self) -> str | None:
        return self._answers[1] if len(self._answers) > 1 else None

    def _nothing(self) -> str | None:
        return None

    @workflow.signal
    async def answer(self, invocation: Invocation) -> None:
        self._answers.append(invocation.inputEventId)

    @workflow.update
    async def told(self, text: str) -> None:
        self._answers.append(text)

    @workflow.update
    async def reached(self, phase: int) -> None:
        await workflow.wait_condition(lambda: self._phase >= phase)
