"""A client stops an answer in a conversation: by the handle of what it sent, or by the stop button of its page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest
from temporalio import activity, workflow
from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowUpdateFailedError,
    WorkflowUpdateStage,
)

from temporal_ably import Invocation, durable_session, streaming, turn
from tests.end_to_end.checkpoints import checkpoint
from tests.end_to_end.telling import TIMEOUT, Narrator, told

if TYPE_CHECKING:
    from temporalio.client import WorkflowHandle, WorkflowUpdateHandle

    from tests.end_to_end.chat import Chats
    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.node_process import Json
    from tests.end_to_end.stage import Stage
    from tests.end_to_end.viewer import View, Viewer

begun: list[str] = []


@pytest.fixture(autouse=True)
def afresh() -> None:
    begun.clear()


@activity.defn
@streaming
async def ponder() -> AsyncIterator[str]:
    begun.append("pondering")
    await checkpoint("pondering")
    yield "never said"


@workflow.defn
class Answer:
    @workflow.run
    async def run(self, question: Invocation, line: str) -> str:
        return await told(line)


@workflow.defn
class Ponder:
    @workflow.run
    async def run(self, question: Invocation) -> str:
        return await workflow.execute_activity(ponder, start_to_close_timeout=TIMEOUT)


@workflow.defn
class TwoSteps:
    """Rests between two activities."""

    @workflow.run
    async def run(self, question: Invocation) -> str:
        await told("first")
        await workflow.sleep(3600)
        return await told("second")


@workflow.defn
class Member:
    @workflow.run
    async def run(self, line: str) -> str:
        return await told(line)


@workflow.defn
class Team:
    @workflow.run
    async def run(self, question: Invocation, lines: list[str], leads: bool) -> list[str]:  # noqa: FBT001
        own_id = workflow.info().workflow_id
        children = [workflow.execute_child_workflow(Member.run, line, id=f"{own_id}-{line}") for line in lines]
        return list(await asyncio.gather(*([told("leader")] if leads else []), *children))


@workflow.defn
class Conversation:
    def __init__(self) -> None:
        self._over = False
        self._asked: list[tuple[Invocation, str]] = []

    @workflow.run
    async def run(self) -> list[str]:
        failures: list[str] = []
        while True:
            await workflow.wait_condition(lambda: bool(self._asked) or self._over)
            if not self._asked:
                return failures
            invocation, line = self._asked.pop(0)
            try:
                async with turn(invocation):
                    await told(line)
            except Exception as err:  # noqa: BLE001 - the conversation goes on
                failures.append(type(err).__name__)

    @workflow.update
    async def say(self, line: str) -> str:
        return await told(line)

    @workflow.signal
    def ask(self, invocation: Invocation, line: str) -> None:
        self._asked.append((invocation, line))

    @workflow.signal
    def leave(self) -> None:
        self._over = True


class Scene:
    """Alice and a worker of all the workflows above."""

    def __init__(self, stage: Stage, alice: Viewer) -> None:
        self.stage = stage
        self.alice = alice
        self.session = f"ai:{stage.name}"
        config = stage.client.config()
        config["interceptors"] = [stage.interceptor()]
        self.client = Client(**config)

    async def says(self, words: str) -> tuple[Json, Invocation]:
        """What Alice's client keeps of what she said, and what it posts."""
        sent = await self.alice.send(words, message_id=f"u-{words}")
        return sent, Invocation(**sent["invocation"])

    async def start(self, run: Any, *arguments: object) -> WorkflowHandle[Any, Any]:
        # Temporal leaves the type of a workflow's arguments open.
        start = self.client.start_workflow  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        return await start(run, args=list(arguments), id=self.stage.workflow_id(), task_queue=self.stage.name)

    async def assert_shown(self, *expected: tuple[str, str], statuses: list[str]) -> None:
        """Live, and to who has just come."""
        server = self.stage.server
        bob = await self.stage.viewers.open(server.endpoint, self.session, key=server.key, client_id="bob")
        for viewer in (self.alice, bob):
            await viewer.wait_for(lambda view: dialogue(view) == list(expected) and standing(view) == statuses)
            assert not viewer.errors


def dialogue(view: View) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in view.messages]


def standing(view: View) -> list[str]:
    return [run.status for run in view.runs]


async def cancelled(handle: WorkflowHandle[Any, Any]) -> bool:
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    return (await handle.describe()).status == WorkflowExecutionStatus.CANCELED


@pytest.fixture
async def scene(stage: Stage) -> Scene:
    server = stage.server
    return Scene(stage, await stage.viewers.open(server.endpoint, f"ai:{stage.name}", key=server.key))


WORKFLOWS = [Answer, Ponder, TwoSteps, Member, Team, Conversation]


async def test_handle_of_what_was_sent_stops_its_answer(scene: Scene, checkpoints: Checkpoints) -> None:
    narrator = Narrator({"why": "Because | never"})
    async with scene.stage.worker(WORKFLOWS, narrator.activities, mixed=False):
        sent, question = await scene.says("why?")
        handle = await scene.start(Answer.run, question, "why")
        await checkpoints.reached("Because")
        await scene.alice.wait_for(lambda view: view.texts == ["Because"])
        await scene.alice.cancel(sent)
        assert await cancelled(handle)
        await scene.assert_shown(("user", "why?"), ("assistant", "Because"), statuses=["cancelled"])


async def test_cancel_from_before_there_was_a_worker_is_found(scene: Scene, checkpoints: Checkpoints) -> None:
    del checkpoints
    sent, question = await scene.says("why?")
    handle = await scene.start(Ponder.run, question)
    await scene.alice.cancel(sent)
    async with scene.stage.worker(WORKFLOWS, [ponder], mixed=False):
        assert await cancelled(handle)
        await scene.assert_shown(("user", "why?"), statuses=["cancelled"])
    assert begun == ["pondering"]


async def test_workflow_between_two_activities_is_stopped_too(scene: Scene) -> None:
    async with scene.stage.worker(WORKFLOWS, Narrator().activities, mixed=False):
        sent, question = await scene.says("why?")
        handle = await scene.start(TwoSteps.run, question)
        await scene.alice.wait_for(
            lambda view: [step.status for run in view.runs for step in run.steps] == ["complete"]
        )
        await scene.alice.cancel(sent)
        assert await cancelled(handle)
        await scene.assert_shown(("user", "why?"), ("assistant", "first"), statuses=["cancelled"])


@pytest.mark.parametrize("leads", [True, False], ids=["root leaves them behind", "root waits for them"])
async def test_sub_agents_are_stopped_with_their_root(scene: Scene, checkpoints: Checkpoints, *, leads: bool) -> None:
    team = ["ants", "bees", "cats"]
    lines = [*(["leader"] if leads else []), *team]
    narrator = Narrator({line: f"{line} | never" for line in lines})
    async with scene.stage.worker(WORKFLOWS, narrator.activities, mixed=False):
        sent, question = await scene.says("why?")
        handle = await scene.start(Team.run, question, team, leads)
        await scene.alice.wait_for(lambda view: sorted(view.texts) == sorted(lines))
        for line in lines:
            await checkpoints.reached(line)
        await scene.alice.cancel(sent)
        assert await cancelled(handle)
        for line in team:
            child = scene.client.get_workflow_handle(f"{scene.stage.workflow_id()}-{line}")
            # Temporal terminates what is left when its parent has closed, be it on the way to its own end.
            with pytest.raises(WorkflowFailureError):
                await child.result()
        await scene.alice.wait_for(lambda view: standing(view) == ["cancelled"])
        assert sorted(scene.alice.texts) == sorted(lines)
        steps = [step.status for run in scene.alice.view.runs for step in run.steps]
        assert steps == ["cancelled"] * len(lines)
        assert not scene.alice.errors


async def update(scene: Scene, handle: WorkflowHandle[Any, Any], question: Invocation, line: str) -> Any:
    with durable_session(scene.session, input_event_id=question.inputEventId):
        # Temporal leaves the type of an update's arguments open.
        start = handle.start_update  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        started: WorkflowUpdateHandle[str] = await start(
            "say", line, wait_for_stage=WorkflowUpdateStage.ACCEPTED, result_type=str
        )
        return started


async def test_turn_is_stopped_and_the_conversation_goes_on(scene: Scene, checkpoints: Checkpoints) -> None:
    narrator = Narrator({"red": "red | never", "blue": "blue | sky", "green": "green | never"})
    async with scene.stage.worker(WORKFLOWS, narrator.activities, mixed=False):
        handle = await scene.start(Conversation.run)
        (sent, red), (_, blue) = await scene.says("red?"), await scene.says("blue?")
        stopped, other = await update(scene, handle, red, "red"), await update(scene, handle, blue, "blue")
        await checkpoints.reached("red")
        goes_on = await checkpoints.reached("blue")
        await scene.alice.wait_for(lambda view: sorted(view.texts) == ["blue", "red"])
        await scene.alice.cancel(sent)
        with pytest.raises(WorkflowUpdateFailedError):
            await stopped.result()
        goes_on.go_on()
        assert await other.result() == "blue sky"
        third, green = await scene.says("green?")
        await handle.signal(Conversation.ask, args=[green, "green"])
        await checkpoints.reached("green")
        await scene.alice.cancel(third)
        await scene.alice.wait_for(lambda view: sorted(standing(view)) == ["cancelled", "cancelled", "complete"])
        await handle.signal(Conversation.leave)
        assert await handle.result() == ["ActivityError"]
        assert not scene.alice.errors
    said = {text: run.status for run in scene.alice.view.runs for text in texts_of(scene.alice.view, run.id)}
    assert said == {"red": "cancelled", "blue sky": "complete", "green": "cancelled"}


def texts_of(view: View, run: str) -> list[str]:
    return [message.text for message in view.messages if message.codec_message_id.startswith(f"{run}/")]


async def test_stop_button_of_a_stock_page_stops_the_answer(
    stage: Stage, chats: Chats, checkpoints: Checkpoints
) -> None:
    alice = await chats.open(stage.server.endpoint, f"ai:{stage.name}", key=stage.server.key)
    narrator = Narrator({"why": "Because | never"})
    async with stage.worker(WORKFLOWS, narrator.activities, mixed=False):
        question = Invocation(**await alice.say("why?"))
        handle = await stage.client.start_workflow(
            Answer.run, args=[question, "why"], id=stage.workflow_id(), task_queue=stage.name
        )
        await checkpoints.reached("Because")
        await alice.wait_for(lambda state: state.texts == ["Because"])
        await alice.stop()
        assert await cancelled(handle)
        stopped = await alice.wait_for(lambda state: list(state.runs.values()) == ["cancelled"])
        assert (stopped.status, stopped.texts) == ("ready", ["Because"])
        question = Invocation(**await alice.say("go on"))
        again = await stage.client.start_workflow(
            Answer.run, args=[question, "Fine."], id=stage.workflow_id("again"), task_queue=stage.name
        )
        assert await again.result() == "Fine."
        state = await alice.wait_for(lambda state: state.settled and len(state.runs) == 2)
    assert state.texts == ["Because", "Fine."]
    assert list(state.runs.values()) == ["cancelled", "complete"]
    assert alice.errors == []
