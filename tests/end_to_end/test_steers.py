"""A user says something while the answer is being made: the agent reads it between two calls of its model."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

from temporal_ably import Invocation, current_stream
from tests.end_to_end.checkpoints import checkpoint
from tests.end_to_end.telling import RETRIES, TIMEOUT

if TYPE_CHECKING:
    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.node_process import Json
    from tests.end_to_end.stage import Stage
    from tests.end_to_end.viewer import View, Viewer

heard: list[tuple[str, list[str]]] = []


@pytest.fixture(autouse=True)
def afresh() -> None:
    heard.clear()


async def listen(who: str) -> None:
    """Ask until somebody has said something, and answer it."""
    stream = current_stream()
    while not (said := await stream.steers()):  # noqa: ASYNC110 - as an agent asks, each time that its model is done
        await asyncio.sleep(0.01)
    heard.append((who, [message.text for message in said]))
    stream.text(f"{who} heeds that.")


@activity.defn
async def agent() -> None:
    current_stream().text("One moment.")
    await checkpoint("thinking")
    await listen("agent")


@activity.defn
async def stubborn_agent() -> None:
    await listen(f"attempt {activity.info().attempt}")
    if activity.info().attempt == 1:
        await checkpoint("heeding")
        raise ApplicationError("lost the thread")


@activity.defn
async def slow_agent() -> None:
    current_stream().text("One moment.")
    await listen("slow agent")
    await checkpoint("heeded")


@activity.defn
async def opener() -> None:
    current_stream().text("One moment.")


@activity.defn
async def second_agent() -> None:
    await listen("second agent")


@dataclass
class Question:
    inputEventId: str  # noqa: N815 - as in the JSON
    sessionName: str  # noqa: N815
    activities: list[str]
    queues: list[str]


@workflow.defn
class Answer:
    @workflow.run
    async def run(self, question: Question) -> None:
        for name, queue in zip(question.activities, question.queues, strict=True):
            await workflow.execute_activity(
                name, task_queue=queue, start_to_close_timeout=TIMEOUT, retry_policy=RETRIES
            )


class Talk:
    """Alice, and what she has asked."""

    def __init__(self, stage: Stage, alice: Viewer) -> None:
        self.stage = stage
        self.alice = alice
        self.sent: Json = {}

    async def ask(self, *activities: str, queues: list[str] | None = None) -> asyncio.Task[None]:
        """Ask a question that activities answer, one after the other."""
        self.sent = await self.alice.send("why?", message_id="u-1")
        body = Invocation(**self.sent["invocation"])
        names = list(activities)
        question = Question(body.inputEventId, body.sessionName, names, queues or [self.stage.name] * len(names))
        handle = await self.stage.client.start_workflow(
            Answer.run, question, id=self.stage.workflow_id(), task_queue=self.stage.name
        )
        return asyncio.ensure_future(handle.result())

    async def adds(self, words: str) -> None:
        """Say more, once something of the answer is there."""
        await self.alice.wait_for(lambda view: bool(view.texts))
        await self.alice.steer(self.sent, words, message_id=f"u-{words}")

    async def outcome(self, words: str) -> bool:
        """Whether Alice's client says that it was heeded."""
        return (await self.alice.outcome_of_steer(f"u-{words}"))["consumed"]

    async def assert_shown(self, *expected: tuple[str, str]) -> None:
        """Live, and to who has just come."""
        server = self.stage.server
        bob = await self.stage.viewers.open(server.endpoint, f"ai:{self.stage.name}", key=server.key, client_id="bob")
        for viewer in (self.alice, bob):
            await viewer.wait_for(lambda view: dialogue(view) == list(expected) and is_complete(view))


def dialogue(view: View) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in view.messages]


def is_complete(view: View) -> bool:
    return [run.status for run in view.runs] == ["complete"]


@pytest.fixture
async def talk(stage: Stage) -> Talk:
    server = stage.server
    return Talk(stage, await stage.viewers.open(server.endpoint, f"ai:{stage.name}", key=server.key))


ACTIVITIES = [agent, slow_agent, stubborn_agent, opener, second_agent]


async def test_what_a_user_adds_is_heeded_below_it_and_the_client_knows(talk: Talk, checkpoints: Checkpoints) -> None:
    async with talk.stage.worker([Answer], ACTIVITIES, mixed=False):
        result = await talk.ask("agent")
        thinking = await checkpoints.reached("thinking")
        await talk.adds("shorter")
        thinking.go_on()
        await result
        assert heard == [("agent", ["shorter"])]
        assert await talk.outcome("shorter")
        await talk.assert_shown(
            ("user", "why?"), ("assistant", "One moment."), ("user", "shorter"), ("assistant", "agent heeds that.")
        )


async def test_what_a_user_added_before_anybody_listened_is_found(talk: Talk, checkpoints: Checkpoints) -> None:
    del checkpoints
    later = f"{talk.stage.name}-later"
    async with talk.stage.worker([Answer], [opener], mixed=False):
        result = await talk.ask("opener", "second_agent", queues=[talk.stage.name, later])
        await talk.alice.wait_for(lambda view: [step.status for run in view.runs for step in run.steps] == ["complete"])
    await talk.adds("shorter")
    async with (
        talk.stage.worker([Answer], [opener], mixed=False),
        talk.stage.worker([Answer], [second_agent], task_queue=later, mixed=False),
    ):
        await result
        assert heard == [("second agent", ["shorter"])]
        assert await talk.outcome("shorter")


async def test_what_came_too_late_is_not_heeded_and_the_client_knows(talk: Talk, checkpoints: Checkpoints) -> None:
    async with talk.stage.worker([Answer], ACTIVITIES, mixed=False):
        result = await talk.ask("slow_agent")
        await talk.adds("shorter")
        heeded = await checkpoints.reached("heeded")
        await talk.adds("longer")
        heeded.go_on()
        await result
        assert await talk.outcome("shorter")
        assert not await talk.outcome("longer")


async def test_each_steer_is_for_one_activity_alone(talk: Talk, checkpoints: Checkpoints) -> None:
    async with talk.stage.worker([Answer], ACTIVITIES, mixed=False):
        result = await talk.ask("agent", "second_agent")
        thinking = await checkpoints.reached("thinking")
        await talk.adds("shorter")
        thinking.go_on()
        await talk.alice.wait_for(lambda view: "agent heeds that." in view.texts)
        await talk.adds("in verse")
        await result
        assert heard == [("agent", ["shorter"]), ("second agent", ["in verse"])]


async def test_retry_heeds_again_what_the_dead_attempt_had_heeded(talk: Talk, checkpoints: Checkpoints) -> None:
    async with talk.stage.worker([Answer], ACTIVITIES, mixed=False):
        result = await talk.ask("opener", "stubborn_agent")
        await talk.adds("shorter")
        heeding = await checkpoints.reached("heeding")
        await talk.alice.wait_for(lambda view: "attempt 1 heeds that." in view.texts)
        heeding.go_on()
        await result
        assert heard == [("attempt 1", ["shorter"]), ("attempt 2", ["shorter"])]
        await talk.assert_shown(
            ("user", "why?"), ("assistant", "One moment."), ("user", "shorter"), ("assistant", "attempt 2 heeds that.")
        )
