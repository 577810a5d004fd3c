"""What a stock `useChat` page holds of a plain answer: the pages of the other stories are trusted because of this."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio import activity, workflow

from temporal_ably import Invocation, streaming

if TYPE_CHECKING:
    from tests.end_to_end.chat import Chats
    from tests.end_to_end.stage import Stage

SECONDS = timedelta(seconds=60)


@activity.defn
@streaming
async def answer() -> AsyncIterator[str]:
    yield "Blue, "
    yield "mostly."


@workflow.defn
class Answer:
    @workflow.run
    async def run(self, invocation: Invocation) -> str:
        return await workflow.execute_activity(answer, start_to_close_timeout=SECONDS)


async def test_use_chat_shows_the_answer_and_is_ready_again(stage: Stage, chats: Chats) -> None:
    session = f"ai:{stage.name}"
    alice = await chats.open(stage.server.endpoint, session, key=stage.server.key)
    async with stage.worker([Answer], [answer], mixed=False):
        body = await alice.say("what colour is the sky?")
        await stage.client.execute_workflow(
            Answer.run, Invocation(**body), id=stage.workflow_id(), task_queue=stage.name
        )
    state = await alice.wait_for(lambda state: state.settled and len(state.messages) == 2)
    assert state.texts == ["Blue, mostly."]
    assert list(state.runs.values()) == ["complete"]
    assert [state.status for state in alice.states].index("streaming") > 0
    bob = await chats.open(stage.server.endpoint, session, key=stage.server.key, client_id="bob")
    again = await bob.wait_for(lambda state: state.settled and len(state.messages) == 2)
    assert again.texts == state.texts
    assert alice.errors == bob.errors == []
