"""One workflow for a whole conversation: its updates and what its signals bring are turns, each a run of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from temporalio import activity, workflow
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateHandle,
    WorkflowUpdateStage,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError

from temporal_ably import Invocation, durable_session, streaming, turn

if TYPE_CHECKING:
    from tests.end_to_end.stage import Stage
    from tests.end_to_end.viewer import View, Viewer

SECONDS = timedelta(seconds=30)


@activity.defn
@streaming
async def answer(words: str) -> AsyncIterator[str]:
    if words == "nothing":
        raise ApplicationError("no idea", non_retryable=True)
    for word in words.split():
        yield f"{word} "


@workflow.defn
class Side:
    @workflow.run
    async def run(self, words: str) -> str:
        return await workflow.execute_activity(answer, words, start_to_close_timeout=SECONDS)


@workflow.defn
class Talk:
    def __init__(self) -> None:
        self._questions: list[tuple[Invocation, str]] = []
        self._over = False

    @workflow.run
    async def run(self) -> None:
        while True:
            await workflow.wait_condition(lambda: bool(self._questions) or self._over)
            if not self._questions:
                return
            question, words = self._questions.pop(0)
            async with turn(question):
                await workflow.execute_activity(answer, words, start_to_close_timeout=SECONDS)

    @workflow.signal
    def ask(self, question: Invocation, words: str) -> None:
        self._questions.append((question, words))

    @workflow.signal
    async def ask_at_once(self, words: str) -> None:
        async with turn():
            await workflow.execute_activity(answer, words, start_to_close_timeout=SECONDS)

    @workflow.update
    async def answer(self, words: str) -> str:
        return await workflow.execute_activity(answer, words, start_to_close_timeout=SECONDS)

    @workflow.update
    async def consult(self, words: str) -> str:
        aside, said = await asyncio.gather(
            workflow.execute_child_workflow(Side.run, f"aside {words}"),
            workflow.execute_activity(answer, words, start_to_close_timeout=SECONDS),
        )
        return aside + said

    @workflow.signal
    def leave(self) -> None:
        self._over = True


class Conversation:
    """Alice and her client of a conversation, and the way of her questions to its workflow."""

    def __init__(self, stage: Stage, viewer: Viewer) -> None:
        self.stage = stage
        self.viewer = viewer
        self.session = f"ai:{stage.name}"
        config = stage.client.config()
        config["interceptors"] = [stage.interceptor()]
        self.client = Client(**config)

    async def says(self, words: str) -> Invocation:
        body = (await self.viewer.send(words, message_id=f"u-{words}"))["invocation"]
        return Invocation(**body)

    @property
    def handle(self) -> WorkflowHandle[Talk, None]:
        return self.client.get_workflow_handle_for(Talk.run, self.stage.workflow_id())

    async def update(self, name: str, words: str) -> WorkflowUpdateHandle[str]:
        # Temporal leaves the type of an update's arguments open.
        start = self.handle.start_update  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        return await start(name, words, wait_for_stage=WorkflowUpdateStage.ACCEPTED, result_type=str)

    async def start(self) -> None:
        await self.client.start_workflow(Talk.run, id=self.stage.workflow_id(), task_queue=self.stage.name)

    async def end(self) -> None:
        await self.handle.signal(Talk.leave)
        await self.handle.result()


async def converse(stage: Stage) -> Conversation:
    viewer = await stage.viewers.open(
        stage.server.endpoint, f"ai:{stage.name}", key=stage.server.key, client_id="alice"
    )
    return Conversation(stage, viewer)


def dialogue(view: View) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in view.messages]


async def assert_shown(it: Conversation, *expected: tuple[str, str]) -> None:
    """Live and from history all turns show, ended as they should be."""
    bob = await it.stage.viewers.open(it.stage.server.endpoint, it.session, key=it.stage.server.key, client_id="bob")
    for viewer in (it.viewer, bob):
        await viewer.wait_for(lambda view: dialogue(view) == list(expected))


async def test_updates_and_signals_are_turns_that_end_while_the_workflow_lives(stage: Stage) -> None:
    it = await converse(stage)
    async with stage.worker([Talk, Side], [answer], mixed=False):
        await it.start()
        asked = await it.says("one")
        with durable_session(it.session, input_event_id=asked.inputEventId):
            update = await it.update("answer", "first answer")
            assert await update.result() == "first answer "
        await it.viewer.wait_settled_text(["first answer "])
        asked = await it.says("two")
        await it.handle.signal(Talk.ask, args=[asked, "second answer"])
        await it.viewer.wait_settled_text(["first answer ", "second answer "])
        asked = await it.says("three")
        with durable_session(it.session, input_event_id=asked.inputEventId):
            await it.handle.signal(Talk.ask_at_once, "third answer")
        await it.viewer.wait_settled_text(["first answer ", "second answer ", "third answer "])
        assert set(it.viewer.run_statuses.values()) == {"complete"}
        await assert_shown(
            it,
            ("user", "one"),
            ("assistant", "first answer "),
            ("user", "two"),
            ("assistant", "second answer "),
            ("user", "three"),
            ("assistant", "third answer "),
        )
        await it.end()


async def test_concurrent_turns_do_not_mix(stage: Stage) -> None:
    it = await converse(stage)
    async with stage.worker([Talk, Side], [answer], mixed=False):
        await it.start()
        both: list[WorkflowUpdateHandle[str]] = []
        for words in ("red", "blue"):
            asked = await it.says(words)
            with durable_session(it.session, input_event_id=asked.inputEventId):
                both.append(await it.update("consult", words))
        assert [await update.result() for update in both] == ["aside red red ", "aside blue blue "]
        await it.viewer.wait_for(lambda view: len(view.runs) == 2 and {run.status for run in view.runs} == {"complete"})
        said = [
            {message.text for message in it.viewer.messages if message.codec_message_id.startswith(f"{run.id}/")}
            for run in it.viewer.view.runs
        ]
        assert said == [{"aside red ", "red "}, {"aside blue ", "blue "}]
        await it.end()


async def test_update_with_start_begins_the_conversation_with_its_first_turn(stage: Stage) -> None:
    it = await converse(stage)
    async with stage.worker([Talk, Side], [answer], mixed=False):
        asked = await it.says("hello")
        start = WithStartWorkflowOperation(
            Talk.run,
            id=stage.workflow_id(),
            task_queue=stage.name,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        with durable_session(it.session, input_event_id=asked.inputEventId):
            begin = it.client.execute_update_with_start_workflow  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            await begin("answer", "hi there", start_workflow_operation=start)
        await assert_shown(it, ("user", "hello"), ("assistant", "hi there "))
        await it.viewer.wait_settled_text(["hi there "])
        await it.end()


async def test_signal_with_start_begins_the_conversation_with_a_turn(stage: Stage) -> None:
    it = await converse(stage)
    async with stage.worker([Talk, Side], [answer], mixed=False):
        asked = await it.says("hello")
        with durable_session(it.session, input_event_id=asked.inputEventId):
            await it.client.start_workflow(
                Talk.run,
                id=stage.workflow_id(),
                task_queue=stage.name,
                start_signal="ask_at_once",
                start_signal_args=["hi there"],
            )
        await it.viewer.wait_settled_text(["hi there "])
        await assert_shown(it, ("user", "hello"), ("assistant", "hi there "))
        await it.end()


async def test_turn_that_fails_ends_in_error_and_the_next_one_goes_on(stage: Stage) -> None:
    it = await converse(stage)
    async with stage.worker([Talk, Side], [answer], mixed=False):
        await it.start()
        asked = await it.says("what")
        with durable_session(it.session, input_event_id=asked.inputEventId):
            update = await it.update("consult", "nothing")
            with pytest.raises(WorkflowUpdateFailedError):
                await update.result()
        await it.viewer.wait_for(lambda view: {run.status for run in view.runs} == {"error"})
        asked = await it.says("and now")
        with durable_session(it.session, input_event_id=asked.inputEventId):
            update = await it.update("answer", "better")
            assert await update.result() == "better "
        await it.viewer.wait_for(lambda view: [run.status for run in view.runs] == ["error", "complete"])
        await it.end()
