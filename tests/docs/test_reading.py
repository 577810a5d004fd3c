"""What docs/conversations.md says of reading runs, and does what stands beside it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from temporalio import workflow

from temporal_ably import Invocation, read_session
from tests.docs.test_conversations import load, modules

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import pytest

    from tests.end_to_end.stage import Stage

__all__ = ["modules"]

WAIT_S = 60


class Model:
    """Answers with the number of messages that it is given, as OpenAI's client does."""

    def __init__(self) -> None:
        self.asked: list[list[Any]] = []
        self.chat = SimpleNamespace(completions=self)

    async def create(self, *, model: str, messages: list[Any], stream: bool) -> AsyncGenerator[Any, None]:
        assert stream
        self.asked.append(messages)
        return self._chunks(f"{model} answer to {len(messages)}")

    async def _chunks(self, text: str) -> AsyncGenerator[Any, None]:
        for piece in (*text, None):
            yield SimpleNamespace(choices=[SimpleNamespace(delta=SimpleNamespace(content=piece))])


@workflow.defn(sandboxed=False)
class Turn:
    @workflow.run
    async def run(self, invocation: Invocation) -> str:
        return await workflow.execute_activity("answer", "plain", start_to_close_timeout=timedelta(seconds=30))


async def test_agent_reads_the_conversation_and_a_program_follows_it(
    stage: Stage, modules: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in stage.environment.items():
        monkeypatch.setenv(name, value)
    agent, program, model = load(modules, "conversation = await stream"), load(modules, "SessionReader"), Model()
    monkeypatch.setattr(agent, "model", model)
    session = f"ai:{stage.name}"
    alice = await stage.viewers.open(stage.server.endpoint, session, key=stage.server.key, client_id="alice")
    async with stage.worker([Turn], [agent.answer], mixed=False):
        for number in (1, 2):
            body = (await alice.send(f"question {number}", message_id=f"q{number}"))["invocation"]
            waiting = asyncio.ensure_future(program.wait_for_the_answer(session))
            said = await stage.client.execute_workflow(
                Turn.run, Invocation(**body), id=stage.workflow_id(str(number)), task_queue=stage.name
            )
            assert said == f"any answer to {2 * number - 1}"
            assert (await asyncio.wait_for(waiting, WAIT_S)).startswith("any answer to 1")
            # The first answer has ended already when the second is waited for.
            await alice.wait_settled_text([f"any answer to {2 * each - 1}" for each in range(1, number + 1)])
    assert model.asked[-1] == [
        {"role": "user", "content": "question 1"},
        {"role": "assistant", "content": "any answer to 1"},
        {"role": "user", "content": "question 2"},
    ]
    found = await read_session(session, agent_client_id="temporal-ably")
    assert [(message.role, message.text) for message in found.messages] == [
        ("user", "question 1"),
        ("assistant", "any answer to 1"),
        ("user", "question 2"),
        ("assistant", "any answer to 3"),
    ]
