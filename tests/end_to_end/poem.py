"""A workflow that streams from an activity, a local one and a child. A file of its own: the sandbox loads it often."""

from __future__ import annotations

from temporalio import workflow

from tests.end_to_end.telling import RETRIES, TIMEOUT, Narrator, told

WHOLE = "one two three aside four"


@workflow.defn
class Verse:
    @workflow.run
    async def run(self, line: str) -> str:
        return await told(line)


@workflow.defn
class Poem:
    @workflow.run
    async def run(self) -> str:
        first = await told("one two three")
        aside = await workflow.execute_local_activity_method(
            Narrator.tell, "aside", start_to_close_timeout=TIMEOUT, retry_policy=RETRIES
        )
        last = await workflow.execute_child_workflow(Verse.run, "four", id=f"{workflow.info().workflow_id}-verse")
        return f"{first} {aside} {last}"
