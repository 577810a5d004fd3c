"""A user's messages and the runs of workflows that answer them, as the stock client shows them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from temporal_ably import streaming

if TYPE_CHECKING:
    from tests.end_to_end.stage import Stage

SECONDS = timedelta(seconds=30)


@dataclass
class Question:
    """What a chat page posts: the body of Ably's clients and a field of the application."""

    inputEventId: str  # noqa: N815 - as in the JSON
    sessionName: str  # noqa: N815
    words: str


@activity.defn
@streaming
async def answer(words: str) -> AsyncIterator[str]:
    for word in words.split():
        yield f"{word} "


@activity.defn
@streaming
async def answer_at_last(words: str) -> AsyncIterator[str]:
    yield "half a tho"
    if activity.info().attempt == 1:
        raise ApplicationError("the model broke")
    yield words


@workflow.defn
class Chat:
    @workflow.run
    async def run(self, question: Question) -> str:
        return await workflow.execute_activity(answer, question.words, start_to_close_timeout=SECONDS)


@workflow.defn
class Stubborn:
    @workflow.run
    async def run(self, question: Question) -> str:
        return await workflow.execute_activity(
            answer_at_last,
            question.words,
            start_to_close_timeout=SECONDS,
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=10)),
        )


async def test_turns_of_a_conversation_show_in_their_order(stage: Stage) -> None:
    session = f"ai:{stage.name}"
    alice = await stage.viewers.open(stage.server.endpoint, session, key=stage.server.key, client_id="alice")
    async with stage.worker([Chat], [answer], mixed=False):
        for turn, words in enumerate(["Blue. ", "Because of the air. ", "Goodbye. "]):
            run = await alice.send(f"question {turn}", message_id=f"q{turn}")
            body = run["invocation"]
            result = await stage.client.execute_workflow(
                Chat.run,
                Question(body["inputEventId"], body["sessionName"], words),
                id=stage.workflow_id(str(turn)),
                task_queue=stage.name,
            )
            assert result == words
    await alice.wait_settled_text(["Blue. ", "Because of the air. ", "Goodbye. "])
    bob = await stage.viewers.open(stage.server.endpoint, session, key=stage.server.key, client_id="bob")
    for viewer in (alice, bob):
        await viewer.wait_settled_text(["Blue. ", "Because of the air. ", "Goodbye. "])
        shown = [(message.role, message.text) for message in viewer.messages]
        assert shown == [
            ("user", "question 0"),
            ("assistant", "Blue. "),
            ("user", "question 1"),
            ("assistant", "Because of the air. "),
            ("user", "question 2"),
            ("assistant", "Goodbye. "),
        ]


async def test_retry_of_an_answer_leaves_one_clean_message(stage: Stage) -> None:
    session = f"ai:{stage.name}"
    alice = await stage.viewers.open(stage.server.endpoint, session, key=stage.server.key, client_id="alice")
    async with stage.worker([Stubborn], [answer_at_last], mixed=False):
        body = (await alice.send("why", message_id="q"))["invocation"]
        await stage.client.execute_workflow(
            Stubborn.run,
            Question(body["inputEventId"], body["sessionName"], "ught"),
            id=stage.workflow_id(),
            task_queue=stage.name,
        )
    await alice.wait_settled_text(["half a thought"])
    assert [message.role for message in alice.messages] == ["user", "assistant"]
