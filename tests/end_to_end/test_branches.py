"""Edits and regenerations: what a workflow answers stands where the stock client looks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio import activity, workflow

from temporal_ably import Invocation, streaming

if TYPE_CHECKING:
    from tests.end_to_end.node_process import Json
    from tests.end_to_end.stage import Stage
    from tests.end_to_end.viewer import Message, Viewer

SECONDS = timedelta(seconds=30)


@activity.defn
@streaming
async def answer(words: str) -> AsyncIterator[str]:
    for word in words.split():
        yield f"{word} "


@workflow.defn
class Chat:
    @workflow.run
    async def run(self, invocation: Invocation, words: str) -> str:
        return await workflow.execute_activity(answer, words, start_to_close_timeout=SECONDS)


class Talk:
    """A conversation in which each prompt starts a workflow."""

    def __init__(self, stage: Stage, alice: Viewer) -> None:
        self.stage = stage
        self.alice = alice
        self._turns = 0

    async def answered(self, posted: Json, words: str) -> None:
        self._turns += 1
        await self.stage.client.execute_workflow(
            Chat.run,
            args=[Invocation(**posted["invocation"]), words],
            id=self.stage.workflow_id(str(self._turns)),
            task_queue=self.stage.name,
        )
        await self.shows(words)
        await self.alice.wait_for(lambda view: {run.status for run in view.runs} == {"complete"})

    async def ask(self, question: str, words: str) -> None:
        await self.answered(await self.alice.send(question, message_id=f"u-{question}"), words)

    async def shows(self, words: str) -> None:
        await self.alice.wait_for(lambda view: bool(view.texts) and view.texts[-1] == f"{words} ")

    def message(self, text: str) -> Message:
        return next(message for message in self.alice.messages if message.text == text)

    async def assert_dialogue(self, *texts: str) -> None:
        """Alice, and Bob who has just come, see the same."""
        bob = await self.stage.viewers.open(
            self.stage.server.endpoint, f"ai:{self.stage.name}", key=self.stage.server.key, client_id="bob"
        )
        for viewer in (self.alice, bob):
            await viewer.wait_for(lambda view: [message.text for message in view.messages] == list(texts))


async def start(stage: Stage) -> Talk:
    session = f"ai:{stage.name}"
    alice = await stage.viewers.open(stage.server.endpoint, session, key=stage.server.key, client_id="alice")
    return Talk(stage, alice)


async def test_answer_that_is_made_again_takes_the_place_of_the_first(stage: Stage) -> None:
    talk = await start(stage)
    async with stage.worker([Chat], [answer], mixed=False):
        await talk.ask("why", "because")
        again = await talk.alice.regenerate(talk.message("because ").codec_message_id)
        await talk.answered(again, "nobody knows")
        await talk.assert_dialogue("why", "nobody knows ")
        await talk.ask("really", "yes")
        await talk.assert_dialogue("why", "nobody knows ", "really", "yes ")


async def test_edited_prompt_stands_beside_the_first_with_an_answer_of_its_own(stage: Stage) -> None:
    talk = await start(stage)
    async with stage.worker([Chat], [answer], mixed=False):
        await talk.ask("why", "because")
        await talk.ask("where", "here")
        edited = await talk.alice.edit(talk.message("why").codec_message_id, "how", message_id="u-how")
        await talk.answered(edited, "slowly")
        await talk.assert_dialogue("how", "slowly ")
        await talk.ask("when", "soon")
        await talk.assert_dialogue("how", "slowly ", "when", "soon ")


async def test_last_answer_of_several_is_made_again_alone(stage: Stage) -> None:
    talk = await start(stage)
    async with stage.worker([Chat], [answer], mixed=False):
        await talk.ask("one", "first")
        await talk.ask("two", "second")
        again = await talk.alice.regenerate(talk.message("second ").codec_message_id)
        await talk.answered(again, "second again")
        await talk.assert_dialogue("one", "first ", "two", "second again ")
