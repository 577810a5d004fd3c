"""A workflow whose activity streams: the user sees the activity's return value, live and from history."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio import activity, workflow

from temporal_ably import current_stream, streaming

if TYPE_CHECKING:
    from tests.end_to_end.stage import Stage

TIMEOUT = timedelta(seconds=30)


@activity.defn
@streaming
async def speak(text: str) -> AsyncIterator[str]:
    for word in text.split(" "):
        yield word + " "
        await asyncio.sleep(0)


@activity.defn
@streaming
def speak_in_a_thread(text: str) -> Iterator[str]:
    for word in text.split(" "):
        yield word + " "


@activity.defn
async def two_messages() -> list[str]:
    stream = current_stream()
    stream.text("first ")
    stream.text("message")
    stream.message()
    with stream.text_part() as left, stream.text_part() as right:
        left.text("left ")
        right.text("right ")
        left.text("side")
        right.text("side")
    return ["first message", "left sideright side"]


@activity.defn
async def silent() -> str:
    return "nothing to see"


@workflow.defn
class Speak:
    @workflow.run
    async def run(self, activity_name: str, text: str) -> str:
        return await workflow.execute_activity(activity_name, text, start_to_close_timeout=TIMEOUT, result_type=str)


@workflow.defn
class TwoMessages:
    @workflow.run
    async def run(self) -> list[str]:
        return await workflow.execute_activity(two_messages, start_to_close_timeout=TIMEOUT)


@workflow.defn
class Silent:
    @workflow.run
    async def run(self) -> str:
        return await workflow.execute_activity(silent, start_to_close_timeout=TIMEOUT)


async def test_a_streaming_activity_shows_its_return_value(stage: Stage) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Speak], [speak]):
        result = await stage.client.execute_workflow(
            Speak.run, args=["speak", "the quick brown fox"], id=workflow_id, task_queue=stage.name
        )
        assert result == "the quick brown fox "
        await stage.assert_shown(viewer, workflow_id, [result])
    message = viewer.messages[0]
    assert message.metadata["workflowId"] == workflow_id
    assert message.metadata["activityType"] == "speak"
    assert message.metadata["attempt"] == 1


async def test_a_sync_generator_streams_from_a_thread(stage: Stage) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Speak], [speak_in_a_thread]):
        result = await stage.client.execute_workflow(
            Speak.run, args=["speak_in_a_thread", "from a thread"], id=workflow_id, task_queue=stage.name
        )
        await stage.assert_shown(viewer, workflow_id, [result])


async def test_several_messages_and_concurrent_parts_keep_their_order(stage: Stage) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([TwoMessages], [two_messages]):
        result = await stage.client.execute_workflow(TwoMessages.run, id=workflow_id, task_queue=stage.name)
        await stage.assert_shown(viewer, workflow_id, result)
    assert [part["text"] for part in viewer.messages[1].parts if part["type"] == "text"] == ["left side", "right side"]


async def test_an_activity_that_never_streams_publishes_nothing_and_opens_no_connection(stage: Stage) -> None:
    async with stage.worker([Silent], [silent]):
        await stage.client.execute_workflow(Silent.run, id=stage.workflow_id(), task_queue=stage.name)
    assert stage.server.connections_total == 0
