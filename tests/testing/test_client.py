"""What a user's test says and stops in a client's place."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from temporalio import activity, workflow
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import CancelledError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from temporal_ably import AblyInterceptor, Invocation, current_stream

if TYPE_CHECKING:
    from temporalio.testing import WorkflowEnvironment

    from temporal_ably.testing import AblyRecorder

CHANNEL = "ai:chat-1"


@activity.defn
async def chat() -> list[str]:
    stream = current_stream()
    stream.text("One moment.")
    while not (said := await stream.steers()):  # noqa: ASYNC110 - as an agent asks, each time that its model is done
        await asyncio.sleep(0.01)
    stream.text("Shorter, then.")
    return [message.text for message in said]


@workflow.defn
class Chat:
    @workflow.run
    async def run(self, invocation: Invocation) -> list[str]:
        return await workflow.execute_activity(chat, start_to_close_timeout=timedelta(minutes=1))


def worker(env: WorkflowEnvironment, recorder: AblyRecorder) -> Worker:
    return Worker(
        env.client,
        task_queue="t",
        workflows=[Chat],
        activities=[chat],
        interceptors=[AblyInterceptor(recorder=recorder)],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )


async def test_what_is_said_is_answered_and_heeded(env: WorkflowEnvironment, ably_recorder: AblyRecorder) -> None:
    invocation = ably_recorder.say(CHANNEL, "why?")
    async with worker(env, ably_recorder):
        handle = await env.client.start_workflow(Chat.run, invocation, id="said", task_queue="t")
        session = await ably_recorder.wait_for(lambda session: session.text == "One moment.", channel=CHANNEL)
        ably_recorder.say(CHANNEL, "shorter", run_id=session.runs[0].id)
        assert await handle.result() == ["shorter"]
        session = await ably_recorder.wait_ended(CHANNEL)
    assert [(message.role, message.text) for message in session.messages] == [
        ("user", "why?"),
        ("assistant", "One moment."),
        ("user", "shorter"),
        ("assistant", "Shorter, then."),
    ]
    assert session.runs[0].unanswered == ()


async def test_run_is_stopped_as_by_a_client(env: WorkflowEnvironment, ably_recorder: AblyRecorder) -> None:
    invocation = ably_recorder.say(CHANNEL, "why?", client_id="bob")
    async with worker(env, ably_recorder):
        handle = await env.client.start_workflow(Chat.run, invocation, id="stopped", task_queue="t")
        await ably_recorder.wait_for(lambda session: session.text == "One moment.", channel=CHANNEL)
        ably_recorder.cancel(CHANNEL)
        with pytest.raises(WorkflowFailureError) as raised:
            await handle.result()
        assert isinstance(raised.value.cause, CancelledError)
        session = await ably_recorder.wait_ended(CHANNEL)
    assert (session.text, session.runs[0].status) == ("One moment.", "cancelled")
    assert session.runs[0].client_id == "bob"


def test_next_message_follows_what_is_shown(ably_recorder: AblyRecorder) -> None:
    for text in ("first", "second"):
        ably_recorder.say(CHANNEL, text)
    assert [message.text for message in ably_recorder.session(CHANNEL).messages] == ["first", "second"]


def test_there_must_be_a_run_to_stop(ably_recorder: AblyRecorder) -> None:
    ably_recorder.say(CHANNEL, "why?")
    with pytest.raises(LookupError, match="none has begun"):
        ably_recorder.cancel(CHANNEL)
    ably_recorder.cancel(CHANNEL, "run-1")
    assert [envelope.event for envelope in ably_recorder.envelopes][-1] == "cancel"
