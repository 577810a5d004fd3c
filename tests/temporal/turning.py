"""A workflow that takes turns, in a file of its own: the sandbox loads it for each workflow."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

from temporal_ably import Invocation, turn

LIMIT = timedelta(seconds=20)


@activity.defn
async def note(text: str) -> str:
    return text


async def noted(text: str) -> str:
    return await workflow.execute_activity(note, text, start_to_close_timeout=LIMIT)


@workflow.defn
class Child:
    @workflow.run
    async def run(self) -> None:
        async with turn():
            await noted("child's")


@workflow.defn
class Turns:
    def __init__(self) -> None:
        self._answered = self._over = False

    @workflow.run
    async def run(self, invocation: Invocation | None = None) -> None:
        await noted("before")
        async with turn(Invocation("e1", "ai:chat"), client_id="carol"):
            await noted("first")
            async with turn(input_event_id="e9"):
                await noted("inner")
            await asyncio.gather(noted("beside"), workflow.execute_child_workflow(Child.run))
        await asyncio.gather(self.aside("left"), self.aside("right"))
        try:
            async with turn(client_id="bob"):
                raise ApplicationError("no")
        except ApplicationError:
            await noted("after")
        self._answered = True
        await workflow.wait_condition(lambda: self._over)

    async def aside(self, text: str) -> None:
        async with turn(input_event_id=text):
            await noted(text)

    @workflow.signal
    async def heard(self) -> None:
        async with turn():
            await noted("heard")
        self._over = True

    @workflow.update
    async def told(self) -> None:
        await workflow.wait_condition(lambda: self._answered)
        await noted("told")
        async with turn():
            await noted("part of it")
