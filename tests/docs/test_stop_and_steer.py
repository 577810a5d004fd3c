"""The snippets of docs/conversations.md about stopping and steering do what stands beside them."""

from __future__ import annotations

import asyncio
import sys
from datetime import timedelta
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from temporalio import activity, workflow
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from temporal_ably import AblyInterceptor, Invocation, current_stream
from tests.docs.test_conversations import snippet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator

    from temporalio.client import Client

    from temporal_ably.testing import AblyRecorder
    from tests.real_parts import Temporal

CHANNEL = "ai:chat-1"
NAME = "stop_and_steer_snippet"


class Model:
    """Stands for the page's model: it says what it is told to, then waits until it may go on."""

    def __init__(self, *answers: str) -> None:
        self.asked: list[list[Any]] = []
        self.goes_on = asyncio.Event()
        self.chat = SimpleNamespace(completions=self)
        self._answers = list(answers)

    async def create(self, *, model: str, messages: list[Any], stream: bool) -> AsyncIterator[Any]:
        assert model
        assert stream
        self.asked.append(list(messages))
        return self._say(self._answers.pop(0))

    async def _say(self, text: str) -> AsyncIterator[Any]:
        yield SimpleNamespace(choices=[SimpleNamespace(delta=SimpleNamespace(content=text))])
        await self.goes_on.wait()


@pytest.fixture
def page() -> Generator[Callable[[str], Any]]:
    """Runs the snippet that holds a text."""

    def load(marker: str) -> Any:
        module = sys.modules[NAME] = ModuleType(NAME)
        exec(snippet(marker), vars(module))  # noqa: S102 - the page's
        return module

    yield load
    del sys.modules[NAME]


@workflow.defn
class Chat:
    @workflow.run
    async def run(self, invocation: Invocation, name: str) -> str:
        return await workflow.execute_activity(name, "why?", start_to_close_timeout=timedelta(minutes=1))


@activity.defn(name="answer")
async def ramble(question: str) -> str:
    current_stream().text("Because")
    await asyncio.Event().wait()
    return question


def working(client: Client, recorder: AblyRecorder, defined: type, *activities: Callable[..., object]) -> Worker:
    return Worker(
        client,
        task_queue="docs",
        workflows=[defined],
        activities=activities,
        interceptors=[AblyInterceptor(recorder=recorder, cancel="activity")],
        # The sandbox imports a workflow's module, and a snippet has no file.
        workflow_runner=UnsandboxedWorkflowRunner(),
    )


async def test_activity_that_is_cut_returns_what_it_has(
    temporal: Temporal, ably_recorder: AblyRecorder, page: Callable[[str], Any]
) -> None:
    snippet = page("if activity.is_cancelled()")
    snippet.model = Model("Because")
    client = await temporal.connect()
    asked = ably_recorder.say(CHANNEL, "why?")
    async with working(client, ably_recorder, Chat, snippet.answer):
        handle = await client.start_workflow(Chat.run, args=[asked, "answer"], id="docs-cut", task_queue="docs")
        await ably_recorder.wait_for(lambda session: session.text == "Because", channel=CHANNEL)
        ably_recorder.cancel(CHANNEL)
        assert await handle.result() == "Because"
        session = await ably_recorder.wait_ended(CHANNEL)
    assert session.runs[0].status == "cancelled"


async def test_workflow_decides_what_becomes_of_a_cut_activity(
    temporal: Temporal, ably_recorder: AblyRecorder, page: Callable[[str], Any]
) -> None:
    patient = page("class Patient").Patient
    client = await temporal.connect()
    channel = "ai:docs-patient"
    async with working(client, ably_recorder, patient, ramble):
        handle = await client.start_workflow("Patient", "why?", id="docs-patient", task_queue="docs", result_type=str)
        await ably_recorder.wait_for(lambda session: session.text == "Because", channel=channel)
        ably_recorder.cancel(channel)
        assert await handle.result() == "You stopped me."
        session = await ably_recorder.wait_ended(channel)
    assert session.runs[0].status == "cancelled"


async def test_agent_heeds_what_a_user_adds(
    temporal: Temporal, ably_recorder: AblyRecorder, page: Callable[[str], Any]
) -> None:
    snippet = page("await stream.steers()")
    snippet.model = model = Model("Because of the air.", "Air.")
    client = await temporal.connect()
    asked = ably_recorder.say(CHANNEL, "why?")
    async with working(client, ably_recorder, Chat, snippet.agent):
        handle = await client.start_workflow(Chat.run, args=[asked, "agent"], id="docs-steer", task_queue="docs")
        session = await ably_recorder.wait_for(lambda session: bool(session.text), channel=CHANNEL)
        ably_recorder.say(CHANNEL, "shorter", run_id=session.runs[0].id)
        model.goes_on.set()
        assert await handle.result() == "Air."
        session = await ably_recorder.wait_ended(CHANNEL)
    assert [(message.role, message.text) for message in session.messages] == [
        ("user", "why?"),
        ("assistant", "Because of the air."),
        ("user", "shorter"),
        ("assistant", "Air."),
    ]
    assert [each["content"] for each in model.asked[1]][-2:] == ["Because of the air.", "shorter"]
    assert session.runs[0].unanswered == ()
