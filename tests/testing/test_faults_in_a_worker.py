"""Faults that a user orders to see what the activities do: the publisher's own recovery runs, only not on Ably."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from temporalio import activity, workflow
from temporalio.client import WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from temporal_ably import AblyInterceptor, streaming

if TYPE_CHECKING:
    from temporalio.testing import WorkflowEnvironment

    from temporal_ably.testing import AblyRecorder

CHANNEL = "ai:wf-1"
TEXT = "one two three"
# After run-start and step-start: the publish that begins the message.
FIRST_TEXT = 3


@activity.defn
@streaming
async def count() -> AsyncIterator[str]:
    yield "one"
    yield " two"
    yield " three"


@workflow.defn
class Count:
    @workflow.run
    async def run(self) -> str:
        return await workflow.execute_activity(
            count,
            start_to_close_timeout=timedelta(minutes=1),
            retry_policy=RetryPolicy(initial_interval=timedelta(hours=1), maximum_attempts=2),
        )


async def counted(env: WorkflowEnvironment, recorder: AblyRecorder, on_failure: str = "continue") -> str:
    ably = AblyInterceptor(recorder=recorder, on_failure=on_failure)
    worker = Worker(
        env.client,
        task_queue="t",
        workflows=[Count],
        activities=[count],
        interceptors=[ably],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with worker:
        return await env.client.execute_workflow(Count.run, id="wf-1", task_queue="t")


async def test_refused_text_leaves_a_gap_and_the_activity_succeeds_by_default(
    env: WorkflowEnvironment, ably_recorder: AblyRecorder
) -> None:
    ably_recorder.fail_publish(FIRST_TEXT)
    assert await counted(env, ably_recorder) == TEXT
    session = await ably_recorder.wait_for(lambda session: bool(session.runs), channel=CHANNEL)
    assert session.text != TEXT
    assert ably_recorder.superseded == []


async def test_refused_text_fails_the_attempt_where_asked_for_and_the_retry_has_it_all(
    env: WorkflowEnvironment, ably_recorder: AblyRecorder
) -> None:
    ably_recorder.fail_publish(FIRST_TEXT)
    assert await counted(env, ably_recorder, on_failure="fail") == TEXT
    assert ably_recorder.session(CHANNEL).text == TEXT
    (step,) = ably_recorder.session(CHANNEL).runs[0].steps
    assert [attempt.number for attempt in step.attempts] == [1, 2]


async def test_final_refusal_fails_the_activity_where_asked_for(
    env: WorkflowEnvironment, ably_recorder: AblyRecorder
) -> None:
    ably_recorder.fail_publish(1, code=93002)
    with pytest.raises(WorkflowFailureError) as caught:
        await counted(env, ably_recorder, on_failure="fail")
    failed = caught.value.cause
    assert isinstance(failed, ActivityError)
    assert isinstance(failed.cause, ApplicationError)
    assert failed.cause.non_retryable
    assert ably_recorder.canonical == []


@pytest.mark.parametrize("n", range(1, 7))
@pytest.mark.parametrize("applied", [True, False])
async def test_lost_publish_is_made_good(
    env: WorkflowEnvironment, ably_recorder: AblyRecorder, n: int, *, applied: bool
) -> None:
    ably_recorder.lose_publish(n, applied=applied)
    assert await counted(env, ably_recorder) == TEXT
    session = await ably_recorder.wait_ended(CHANNEL)
    assert session.text == TEXT
    assert ably_recorder.superseded == []


async def test_rate_limit_delays_the_text(env: WorkflowEnvironment, ably_recorder: AblyRecorder) -> None:
    ably_recorder.fail_publish(FIRST_TEXT, code=42913)
    assert await counted(env, ably_recorder) == TEXT
    session = await ably_recorder.wait_ended(CHANNEL)
    assert session.text == TEXT


async def test_what_was_streamed_out_of_reach_comes_when_the_recorder_is_back(
    env: WorkflowEnvironment, ably_recorder: AblyRecorder
) -> None:
    with ably_recorder.away():
        assert await counted(env, ably_recorder) == TEXT
        assert ably_recorder.channels == []
    session = await ably_recorder.wait_ended(CHANNEL)
    assert session.text == TEXT
