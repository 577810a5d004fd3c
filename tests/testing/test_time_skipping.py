"""A user's test on Temporal's time-skipping server: hours of backoff pass in moments, and the recorder has it all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from temporalio import activity, workflow
from temporalio.client import WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from temporal_ably import AblyInterceptor, streaming
from tests.testing.greeting import greeting

if TYPE_CHECKING:
    from temporalio.testing import WorkflowEnvironment

    from temporal_ably.testing import AblyRecorder

pytestmark = pytest.mark.timeout(60)

HOUR = timedelta(hours=1)


async def test_retry_after_an_hour_passes_at_once_and_shows_the_superseded_attempt(
    env: WorkflowEnvironment, ably_recorder: AblyRecorder
) -> None:
    before = await env.get_current_time()
    ably = AblyInterceptor(recorder=ably_recorder)
    assert await greeting(env.client, ably, "wf-1", HOUR.total_seconds()) == "Hello, Ada!"
    assert await env.get_current_time() - before >= HOUR

    session = await ably_recorder.wait_ended("ai:wf-1")
    assert session.text == "Hello, Ada!"
    assert [each.attempt for each in ably_recorder.superseded] == [1]
    first, second = session.runs[0].steps[0].attempts
    assert first.started is not None
    assert second.started is not None
    assert second.started - first.started >= HOUR
    assert ably_recorder.transcript("ai:wf-1") == [
        "run 1 complete",
        "  step :0:1 greet (agent greet)",
        "    attempt 1 failed, superseded by attempt 2",
        '      text "Bye, " (cancelled)',
        "    attempt 2 complete",
        '      text "Hello, Ada!"',
    ]


@activity.defn
@streaming
async def say(word: str) -> AsyncIterator[str]:
    yield word


@workflow.defn
class Ending:
    """Says a word and ends in a certain way."""

    @workflow.run
    async def run(self, how: str) -> None:
        info = workflow.info()
        said = "said before" if info.continued_run_id is None else "said after"
        await workflow.execute_activity(say, said, start_to_close_timeout=timedelta(minutes=1))
        if how == "after 30 days":
            await workflow.sleep(timedelta(days=30))
        elif how in ("cancelled", "terminated", "timed out"):
            await workflow.wait_condition(lambda: False)
        elif how == "failed" or (how == "retried" and info.attempt == 1):
            raise ApplicationError("no more words")
        elif how == "continued" and info.continued_run_id is None:
            workflow.continue_as_new(how)


@pytest.mark.parametrize(
    ("how", "ended", "texts"),
    [
        ("at once", "complete", ["said before"]),
        ("after 30 days", "complete", ["said before"]),
        ("failed", "error", ["said before"]),
        ("retried", "complete", ["said after"]),
        ("continued", "complete", ["said before", "said after"]),
        ("timed out", "error", ["said before"]),
        ("cancelled", "cancelled", ["said before"]),
        ("terminated", "error", ["said before"]),
    ],
)
async def test_run_ends_as_its_workflow_does(
    env: WorkflowEnvironment, ably_recorder: AblyRecorder, how: str, ended: str, texts: list[str]
) -> None:
    ably = AblyInterceptor(recorder=ably_recorder)
    async with Worker(env.client, task_queue="t", workflows=[Ending], activities=[say], interceptors=[ably]):
        handle = await env.client.start_workflow(
            Ending.run,
            how,
            id="wf-1",
            task_queue="t",
            execution_timeout=timedelta(days=60),
            retry_policy=RetryPolicy(initial_interval=HOUR, maximum_attempts=2) if how == "retried" else None,
        )
        await ably_recorder.wait_for(lambda session: session.text != "", channel="ai:wf-1")
        if how == "cancelled":
            await handle.cancel()
        elif how == "terminated":
            await handle.terminate()
        if ended == "complete":
            await handle.result()
        else:
            with pytest.raises(WorkflowFailureError):
                await handle.result()
        session = await ably_recorder.wait_ended("ai:wf-1")
    (run,) = session.runs
    assert run.ended == ended
    assert [message.text for message in run.messages] == texts
