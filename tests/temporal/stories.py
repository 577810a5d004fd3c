"""Workflows and streaming activities in one file, as a quickstart has them: the sandbox loads it for each workflow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from temporal_ably import current_stream, streaming

LIMIT = timedelta(seconds=20)
ONCE = RetryPolicy(maximum_attempts=1)


@activity.defn
async def note(text: str) -> str:
    return text


@activity.defn
@streaming
async def answer(prompt: str) -> AsyncIterator[str]:
    for word in prompt.split():
        yield f"{word} "


@workflow.defn
class Answer:
    @workflow.run
    async def run(self, prompt: str) -> str:
        return await workflow.execute_activity(answer, prompt, start_to_close_timeout=LIMIT)


@workflow.defn
class SpeaksItself:
    @workflow.run
    async def run(self) -> str:
        stream = current_stream()
        stream.text("from a workflow")
        stream.message()
        with stream.text_part() as part:
            part.text("more")
        stream.reasoning("hm")
        with stream.tool_call_part("look") as call:
            call.text("{}")
        stream.tool_result(call.call_id, {"found": 1})
        stream.metadata(model="small")
        stream.write({"type": "data-x", "data": "d"})
        stream.write(LIMIT)
        return "went on"


@workflow.defn
class Child:
    @workflow.run
    async def run(self, grandchild: str | None = None) -> str:
        first = await workflow.execute_activity(note, "child's", start_to_close_timeout=LIMIT)
        if grandchild is not None:
            await workflow.execute_child_workflow(Child.run, id=grandchild)
        return first


@workflow.defn
class Family:
    @workflow.run
    async def run(self, name: str) -> None:
        await workflow.execute_activity(note, "first", start_to_close_timeout=LIMIT)
        await workflow.execute_local_activity(note, "second", start_to_close_timeout=LIMIT)
        await workflow.execute_child_workflow(Child.run, f"{name}/grandchild", id=f"{name}/child")
        await workflow.execute_child_workflow(
            Child.run, id=f"{name}/abandoned", parent_close_policy=workflow.ParentClosePolicy.ABANDON
        )
        await workflow.execute_activity(note, "fifth", start_to_close_timeout=LIMIT)


@workflow.defn
class Continues:
    @workflow.run
    async def run(self, times: int) -> None:
        await workflow.execute_activity(note, f"{times} left", start_to_close_timeout=LIMIT)
        if times:
            workflow.continue_as_new(times - 1)


@workflow.defn
class FailsOnce:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity(note, "before", start_to_close_timeout=LIMIT)
        if workflow.info().attempt == 1:
            raise ApplicationError("not yet")


@workflow.defn
class Fails:
    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity(note, "before", start_to_close_timeout=LIMIT)
        raise ApplicationError("never", non_retryable=True)


@workflow.defn
class Waits:
    def __init__(self) -> None:
        self._told = False

    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity(note, "waits", start_to_close_timeout=LIMIT)
        await workflow.wait_condition(lambda: self._told)

    @workflow.signal
    def tell(self) -> None:
        self._told = True


@workflow.defn
class Stumbles:
    """Fails its workflow task, not itself."""

    def __init__(self) -> None:
        self._stumbled = asyncio.Event()

    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity(note, "stumbles", start_to_close_timeout=LIMIT)
        raise RuntimeError("a bug in the workflow")


WORKFLOWS = [Answer, SpeaksItself, Child, Family, Continues, FailsOnce, Fails, Waits, Stumbles]
ACTIVITIES = [note, answer]
