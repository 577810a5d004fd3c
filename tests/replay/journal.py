"""A workflow that does whatever the interceptor has a hand in, and one history of each kind that it leaves behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from temporal_ably import current_stream, streaming, turn

TIMEOUT = timedelta(seconds=60)
RETRIES = RetryPolicy(initial_interval=timedelta(milliseconds=10), maximum_attempts=3)


@activity.defn
@streaming
async def write(line: str) -> AsyncIterator[str]:
    for word in line.split():
        yield f"{word} "


@activity.defn
async def stumble(line: str) -> str:
    """Write a line; the first attempt fails half way."""
    stream = current_stream()
    stream.text("half a ")
    if activity.info().attempt == 1:
        raise ApplicationError("the pen broke")
    stream.text(line)
    return line


@workflow.defn
class Page:
    @workflow.run
    async def run(self, line: str) -> str:
        return await workflow.execute_activity(write, line, start_to_close_timeout=TIMEOUT)


@workflow.defn
class Journal:
    """Continues as new once and fails once; each time it waits for its entries and for the word to go on."""

    def __init__(self) -> None:
        self._entries: list[str] = []
        self._told_to_go_on = False

    @workflow.run
    async def run(self, volume: int) -> str:
        info = workflow.info()
        await workflow.execute_activity(write, f"volume {volume}", start_to_close_timeout=TIMEOUT)
        await workflow.execute_activity(stumble, "line", start_to_close_timeout=TIMEOUT, retry_policy=RETRIES)
        await workflow.execute_local_activity(write, "aside", start_to_close_timeout=TIMEOUT)
        for policy in (workflow.ParentClosePolicy.TERMINATE, workflow.ParentClosePolicy.ABANDON):
            name = f"{info.workflow_id}-{policy.name.lower()}"
            await workflow.execute_child_workflow(Page.run, "a page", id=name, parent_close_policy=policy)
        await workflow.wait_condition(lambda: self._told_to_go_on)
        await workflow.wait_condition(workflow.all_handlers_finished)
        if volume == 0:
            workflow.continue_as_new(1)
        if info.attempt == 1:
            raise ApplicationError("the printer jammed")
        return ", ".join(self._entries)

    @workflow.update
    async def enter(self, text: str) -> str:
        """Write an entry; the update is over when it is written."""
        written = await workflow.execute_activity(write, text, start_to_close_timeout=TIMEOUT)
        self._entries.append(written.strip())
        return written

    @workflow.signal
    async def jot(self, text: str) -> None:
        """Write an entry that nobody waits for."""
        # The first histories were recorded without this line, which changes none.
        async with turn():
            written = await workflow.execute_activity(write, text, start_to_close_timeout=TIMEOUT)
        self._entries.append(written.strip())

    @workflow.signal
    def go_on(self) -> None:
        self._told_to_go_on = True

    @workflow.update
    async def has(self, count: int) -> None:
        """Wait until there are so many entries, or more: a reset makes those again that came after it."""
        await workflow.wait_condition(lambda: len(self._entries) >= count)


WORKFLOWS = [Journal, Page]
ACTIVITIES = [write, stumble]
