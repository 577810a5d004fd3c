"""The snippets of docs/conversations.md run, and do what stands beside them."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from scripts.readme import README
from temporal_ably import Invocation, durable_session, streaming

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from tests.end_to_end.stage import Stage
    from tests.end_to_end.viewer import View

PAGE = README.parent / "docs" / "conversations.md"
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def snippet(marker: str) -> str:
    (found,) = [each for each in SNIPPETS if marker in each]
    return found


@pytest.fixture
def modules() -> Generator[list[str]]:
    names: list[str] = []
    yield names
    for name in names:
        del sys.modules[name]


def load(modules: list[str], marker: str) -> Any:
    module = ModuleType(f"conversations_snippet_{len(modules)}")
    sys.modules[module.__name__] = module
    modules.append(module.__name__)
    exec(snippet(marker), vars(module))  # noqa: S102 - the page's
    return module


@activity.defn
@streaming
async def answer(words: str) -> AsyncIterator[str]:
    yield f"answered {words}"


@workflow.defn
class Chat:
    """What the page starts by name."""

    @workflow.run
    async def run(self, words: str) -> str:
        return await workflow.execute_activity(answer, words, start_to_close_timeout=timedelta(seconds=30))


@pytest.mark.parametrize("code", SNIPPETS, ids=lambda code: code.strip().splitlines()[-1].strip()[:40])
def test_snippet_is_a_whole_module(code: str, modules: list[str]) -> None:
    module = ModuleType("conversations_snippet")
    sys.modules[module.__name__] = module
    modules.append(module.__name__)
    exec(code, vars(module))  # noqa: S102 - the page's


def dialogue(view: View) -> list[str]:
    return [message.text for message in view.messages]


async def test_workflow_bound_by_its_argument_answers_it(stage: Stage, modules: list[str]) -> None:
    page = load(modules, "class ChatRequest")
    alice = await stage.viewers.open(stage.server.endpoint, "ai:one", key=stage.server.key, client_id="alice")
    body = (await alice.send("hello", message_id="u1"))["invocation"]
    async with stage.interceptor() as ably, _worker(stage, stage.client, page.Chat, ably):
        await stage.client.execute_workflow("Chat", body, id=stage.workflow_id(), task_queue=stage.name)
        await alice.wait_for(lambda view: dialogue(view) == ["hello", "answered plain"])


async def test_workflow_bound_by_its_starter_answers_it(stage: Stage, modules: list[str]) -> None:
    page = load(modules, "async def post_chat")
    alice = await stage.viewers.open(stage.server.endpoint, "ai:two", key=stage.server.key, client_id="alice")
    body = (await alice.send("hello", message_id="u1"))["invocation"]
    async with _client(stage) as client, _worker(stage, client, Chat, None, queue="chat"):
        await page.post_chat(client, body, "alice")
        await alice.wait_for(lambda view: dialogue(view) == ["hello", "answered plain"])


async def test_updates_and_signals_are_turns(stage: Stage, modules: list[str]) -> None:
    talk, queue = load(modules, "class Conversation"), load(modules, "class Queue")
    alice = await stage.viewers.open(stage.server.endpoint, "ai:three", key=stage.server.key, client_id="alice")
    async with (
        _client(stage) as client,
        _worker(stage, client, talk.Conversation, None),
        _worker(stage, client, queue.Queue, None, queue="q"),
    ):
        handle = await client.start_workflow("Conversation", id=stage.workflow_id(), task_queue=stage.name)
        body = (await alice.send("one", message_id="u1"))["invocation"]
        with durable_session("ai:three", input_event_id=body["inputEventId"]):
            update: Any = handle.execute_update  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            await update("say", "first")
        await alice.wait_for(lambda view: dialogue(view) == ["one", "answered first"])
        body = (await alice.send("two", message_id="u2"))["invocation"]
        await client.start_workflow(
            "Queue",
            id=stage.workflow_id("queue"),
            task_queue="q",
            start_signal="ask",
            start_signal_args=[Invocation(**body)],
        )
        await alice.wait_for(lambda view: dialogue(view) == ["one", "answered first", "two", "answered plain"])
        await alice.wait_for(lambda view: {run.status for run in view.runs} == {"complete"})


@asynccontextmanager
async def _client(stage: Stage) -> AsyncGenerator[Client]:
    config = stage.client.config()
    async with stage.interceptor() as ably:
        config["interceptors"] = [ably]
        yield Client(**config)


def _worker(stage: Stage, client: Client, defined: type, ably: Any, *, queue: str = "") -> Worker:
    # The sandbox imports a workflow's module, and a snippet has no file.
    return Worker(
        client,
        task_queue=queue or stage.name,
        workflows=[defined],
        activities=[answer],
        interceptors=[ably] if ably is not None else [],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
