"""Fifty turns with edits, regenerations and sub-agents: the page, our reader and the agent's prompts agree."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from temporal_ably import Invocation, SessionReader
from tests.end_to_end.long_talk import Aside, Chat, answer, prompts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.end_to_end.node_process import Json
    from tests.end_to_end.stage import Stage
    from tests.end_to_end.viewer import Message, Viewer

TURNS = 50


class Talk:
    def __init__(self, stage: Stage, alice: Viewer) -> None:
        self.stage = stage
        self.alice = alice
        self.dice = random.Random(50)  # noqa: S311 - the same conversation each time

    @property
    def shown(self) -> list[tuple[str, str]]:
        return [(message.role, message.text) for message in self.alice.messages]

    async def take_turn(self, number: int) -> None:
        kind = self.dice.choice(["ask", "ask", "ask", "team", "edit", "regenerate"]) if number else "ask"
        posted, known = await getattr(self, f"_{kind}")(number)
        words = f"answer {number}"
        asides = 2 if kind == "team" else 0
        await self.stage.client.execute_workflow(
            Chat.run,
            args=[Invocation(**posted["invocation"]), words, asides],
            id=self.stage.workflow_id(str(number)),
            task_queue=self.stage.name,
        )
        await self.alice.wait_for(lambda view: view.texts[-1:] == [f"{words} "])
        await self.alice.wait_for(lambda view: {run.status for run in view.runs} == {"complete"})
        # The sub-agents come first, in an order of their own; each is told what the user said and no more.
        for n in range(asides):
            told = prompts[f"aside {words} {n}"]
            assert [each for each in told if not each[1].startswith(f"aside {words}")] == known
        told = prompts[words]
        assert told[: len(known)] == known
        assert sorted(told[len(known) :]) == sorted(("assistant", f"aside {words} {n} ") for n in range(asides))

    async def _ask(self, number: int) -> tuple[Json, list[tuple[str, str]]]:
        known = [*self.shown, ("user", f"question {number}")]
        return await self.alice.send(f"question {number}", message_id=f"u{number}"), known

    _team = _ask

    async def _edit(self, number: int) -> tuple[Json, list[tuple[str, str]]]:
        target = self.dice.choice(self._said_by("user"))
        known = [*self._before(target), ("user", f"question {number}")]
        posted = await self.alice.edit(target.codec_message_id, f"question {number}", message_id=f"u{number}")
        return posted, known

    async def _regenerate(self, number: int) -> tuple[Json, list[tuple[str, str]]]:
        del number
        # A page offers it for an answer as a whole: its first message.
        answers = [
            later
            for earlier, later in zip(self.alice.messages, self.alice.messages[1:], strict=False)
            if (earlier.role, later.role) == ("user", "assistant")
        ]
        target = self.dice.choice(answers)
        known = self._before(target)
        return await self.alice.regenerate(target.codec_message_id), known

    def _said_by(self, role: str) -> list[Message]:
        return [message for message in self.alice.messages if message.role == role]

    def _before(self, target: Message) -> list[tuple[str, str]]:
        return self.shown[: [message.id for message in self.alice.messages].index(target.id)]


# On a busy machine fifty turns take longer than what else a test may take.
@pytest.mark.timeout(500)
async def test_page_reader_and_prompts_agree_over_fifty_turns(stage: Stage) -> None:
    session = f"ai:{stage.name}"
    alice = await stage.viewers.open(stage.server.endpoint, session, key=stage.server.key, client_id="alice")
    talk = Talk(stage, alice)
    async with stage.worker([Chat, Aside], [answer], mixed=False):
        for number in range(TURNS):
            await talk.take_turn(number)
    bob = await stage.viewers.open(stage.server.endpoint, session, key=stage.server.key, client_id="bob")
    await bob.wait_for(lambda view: _contents(view.messages) == _contents(alice.messages))
    async with SessionReader(session, api_key=stage.server.key, endpoint=stage.server.endpoint, tls=False) as reader:
        ours = [message.as_ui() for message in reader.session.messages]
    assert [(each["id"], each["role"], each["parts"]) for each in ours] == _contents(bob.messages)


def _contents(messages: Sequence[Message]) -> list[tuple[str, str, list[Any]]]:
    return [(message.id, message.role, list(message.parts)) for message in messages]
