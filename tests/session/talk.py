"""Conversations of Ably's own client and agent (`js/talk.mjs`) on the local server, held against what we make of them.

A user and an agent do something, then `agree` asks the client what it shows, and compares: the messages, the
alternatives, how runs stand. Each time the agent begins, what it would put into its prompt is compared with our
conversation.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from temporal_ably._session.fold import Fold
from temporal_ably.envelope import Envelope
from tests.end_to_end.node_process import Json, NodeProcess

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from temporal_ably._session.model import Message, Session
    from temporal_ably.server import LocalServer

Chunk = dict[str, Any]
PAGE = 100


@dataclass
class Asked:
    """What a user did that an agent has to answer: the message that it makes or amends, and where to begin."""

    input_id: str
    event_id: str
    invocation: Json


@dataclass
class Talk:
    """A user and an agent of the stock package on one channel."""

    node: NodeProcess
    server: LocalServer
    channel: str
    chosen: list[Json] = field(default_factory=list[Json])
    _fold: Fold = field(default_factory=lambda: Fold(agent_client_id="agent"))
    _envelopes: list[Envelope] = field(default_factory=list[Envelope])
    _names: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def open(self) -> None:
        host, _, port = self.server.endpoint.rpartition(":")
        await self._call("open", channel=self.channel, host=host, port=int(port), key=self.server.key)

    async def close(self) -> None:
        await self._call("close")

    async def _call(self, command: str, **arguments: object) -> Any:
        return await self.node.call(command, self.channel, **arguments)

    @property
    def session(self) -> Session:
        """What we make of all that was published."""
        for operation in self.server.operations(self.channel)[len(self._envelopes) :]:
            self._envelopes.append(Envelope.of(operation, channel=self.channel))
            self._fold.apply(self._envelopes[-1])
        return self._fold.session

    @property
    def _named(self) -> set[str]:
        """The messages that the channel names."""
        return {envelope.message_id for envelope in self._envelopes}

    @property
    def _until(self) -> str:
        _ = self.session
        return self._envelopes[-1].version if self._envelopes else ""

    def name(self, kind: str) -> str:
        return f"{kind}{next(self._names)}"

    # What a user does.

    async def say(self, *parts: str | Chunk) -> Asked:
        return await self._ask("say", messageId=self.name("ui"), parts=_parts(parts))

    async def edit(self, target: str, *parts: str | Chunk) -> Asked:
        return await self._ask("edit", target=target, messageId=self.name("ui"), parts=_parts(parts))

    async def regenerate(self, target: str) -> Asked:
        return await self._ask("regenerate", target=target)

    async def approve(self, target: str, run_id: str, *, approved: bool = True) -> Asked:
        return await self._ask("approve", target=target, runId=run_id, callId=f"call-{run_id}", approved=approved)

    async def give(self, target: str, run_id: str, **outcome: object) -> Asked:
        """Give the result of a tool, or its error, so that the run goes on."""
        return await self._ask("result", target=target, runId=run_id, callId=f"call-{run_id}", **outcome)

    async def fork(self, run_id: str, output: object, call_id: str = "") -> Asked:
        """Give the result of a tool in a run of its own."""
        return await self._ask("fork", runId=run_id, callId=call_id or f"call-{run_id}", output=output)

    async def steer(self, asked: Asked, *parts: str | Chunk) -> None:
        await self._call("steer", eventId=asked.event_id, messageId=self.name("ui"), parts=_parts(parts))

    async def select(self, target: str, index: int) -> None:
        await self._call("select", target=target, index=index)

    async def _ask(self, command: str, **arguments: object) -> Asked:
        told = await self._call(command, **arguments)
        return Asked(told["inputId"], told["eventId"], told["invocation"])

    # What an agent does.

    async def start(self, asked: Asked, run_id: str = "") -> str:
        """Begin to answer, or go on."""
        until = self._until
        told = await self._call("start", invocation=asked.invocation, runId=run_id or self.name("r"), until=until)
        self._same_prompt(told["prompt"], asked, told["runId"])
        return told["runId"]

    async def prompt(self, asked: Asked, run_id: str) -> list[str]:
        """Compare what the agent would put into its prompt now; give the texts."""
        told = await self._call("prompt", runId=run_id, until=self._until)
        return [message.text for message in self._same_prompt(told, asked, run_id)]

    async def pipe(self, run_id: str, *chunks: Chunk) -> None:
        await self._call("pipe", runId=run_id, chunks=self.message(*chunks))

    async def attempt(self, run_id: str, *chunks: Chunk, failing: Sequence[Chunk] = ()) -> None:
        """Try a step that fails in the middle of some chunks, then again with others."""
        tried = [self.message(*failing)] if failing else []
        step = self.name("step")
        await self._call("attempt", runId=run_id, stepId=step, failing=tried, chunks=self.message(*chunks))

    async def heed(self, run_id: str) -> bool:
        return await self._call("heed", runId=run_id, until=self._until)

    async def suspend(self, run_id: str) -> None:
        await self._call("suspend", runId=run_id)

    async def cancel(self, asked: Asked, run_id: str) -> None:
        """Have the user stop the run, and the agent end it."""
        await self._call("cancel", eventId=asked.event_id)
        await self.end(run_id, "cancelled")

    async def end(self, run_id: str, reason: str = "complete") -> None:
        await self._call("end", runId=run_id, reason=reason, until=self._until)

    def message(self, *chunks: Chunk) -> list[Chunk]:
        return [{"type": "start", "messageId": self.name("ui")}, {"type": "start-step"}, *chunks]

    # Comparing.

    async def agree(self) -> list[str]:
        """See that both show the same, and give the texts that are shown."""
        shown = await self._call("look", until=self._until)
        session = self.session
        assert _ui(session.messages) == _theirs(shown["messages"])
        for message, siblings in zip(session.messages, shown["siblings"], strict=True):
            # What came as a copy, the stock client does not find again.
            known = self._named if message.id in self._named else ()
            found = [each.ui_id for each in session.siblings(message.id) if each.id in known]
            assert found == siblings
        self.chosen = shown["chosen"]
        chosen = [message["codecMessageId"] for message in self.chosen]
        if _is_sound(session, chosen):
            assert _ui(session.path(chosen)) == _theirs(self.chosen)
        runs = {run.id: run.status for run in session.runs}
        assert {each["runId"]: runs[each["runId"]] for each in shown["runs"]} == {
            each["runId"]: each["status"] for each in shown["runs"]
        }
        return [message.text for message in session.messages]

    async def agree_late(self) -> None:
        """See that both show the same to somebody who comes now and reads the history."""
        shown = await self._call("join")
        history = Fold(agent_client_id="agent")
        for message in self.server.messages(self.channel):
            history.apply(Envelope.of(message, channel=self.channel))
        assert history.session == self.session
        # Beyond a page of history the stock client makes mistakes (WIRE 5.7).
        if len(self.server.messages(self.channel)) <= PAGE:
            assert _ui(history.session.messages) == _theirs(shown["messages"])

    def _same_prompt(self, theirs: list[Json], asked: Asked, run_id: str) -> tuple[Message, ...]:
        session = self.session
        messages = session.conversation(input_id=asked.event_id, run_id=run_id).messages
        listed = [each["codecMessageId"] for each in theirs]
        left_out = _replaced(session, listed)
        unknown = _unknown_to_themselves(session, asked, run_id)
        known = [each for each in messages if each.id not in unknown]
        assert _ui(known) == _theirs(each for each in theirs if each["codecMessageId"] not in left_out)
        return messages


def _unknown_to_themselves(session: Session, asked: Asked, run_id: str) -> set[str]:
    """Give what a stock agent that makes a message within a run again does not know of its own words."""
    again = next(each for each in session.inputs if each.event_id == asked.event_id).regenerates
    own = next((each.messages for each in session.runs if each.id == run_id), ())
    return {message.id for message in own} if again in session._branches._remade else set()


def _replaced(session: Session, listed: list[str]) -> set[str]:
    """Give the messages that the stock agent leaves in its prompt beside those that took their place."""
    found: set[str] = set()
    for run in session.runs:
        if run.regenerates in listed and any(message.id in listed for message in run.messages):
            owner = next(each for each in session.runs if run.regenerates in [message.id for message in each.messages])
            ids = [message.id for message in owner.messages]
            found.update(ids[ids.index(run.regenerates) :])
    return found


def _is_sound(session: Session, shown: Sequence[str]) -> bool:
    """Tell whether all that is shown follows something that is shown.

    The stock client goes on with what followed a message within a run when that was made again, and with what followed
    the new one when its user went back to what was there first.
    """
    runs = [run for run in session.runs if any(message.id in shown for message in run.messages)]
    prompts = [each for each in session.inputs if each.id in shown and not each.run]
    known = {message_id for run in session.runs for message_id in run.message_ids} | {
        each.id for each in session.inputs
    }
    return all(node.parent in shown or node.parent not in known for node in [*runs, *prompts])


def _ui(messages: Iterable[Message]) -> list[tuple[str, Json]]:
    return [(message.id, message.as_ui()) for message in messages]


def _theirs(messages: Iterable[Json]) -> list[tuple[str, Json]]:
    return [(each["codecMessageId"], each["message"]) for each in messages]


def _parts(parts: Iterable[str | Chunk]) -> list[Chunk]:
    return [{"type": "text", "text": part} if isinstance(part, str) else part for part in parts]


def text(said: str) -> list[Chunk]:
    """Give the chunks of a text, word by word."""
    deltas = [{"type": "text-delta", "id": "t", "delta": f"{word} "} for word in said.split()]
    return [{"type": "text-start", "id": "t"}, *deltas, {"type": "text-end", "id": "t"}]


def call(run_id: str, *, ask: bool = False) -> list[Chunk]:
    """Give the chunks of a call of a tool, and of the question whether it may run."""
    call_id = f"call-{run_id}"
    called: Chunk = {
        "type": "tool-input-available",
        "toolCallId": call_id,
        "toolName": "clock",
        "input": {"at": "home"},
    }
    asked: Chunk = {"type": "tool-approval-request", "toolCallId": call_id, "approvalId": f"ok-{run_id}"}
    return [called, asked] if ask else [called]


def output(run_id: str, value: object) -> Chunk:
    return {"type": "tool-output-available", "toolCallId": f"call-{run_id}", "output": value}
