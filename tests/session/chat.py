"""Conversations on paper: what users and an agent say on a channel, in few words."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from temporal_ably._session.fold import Fold
from temporal_ably._wire.events import (
    Input,
    PartEmitted,
    PartText,
    Run,
    RunClosed,
    RunOpened,
    RunReason,
    RunResumed,
    RunSuspended,
    Step,
    StepOpened,
)
from temporal_ably._wire.parts import Json, Streamed, Whole
from temporal_ably.codec.inputs import USER_MESSAGE
from temporal_ably.codec.vercel import CODEC
from tests.session.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Iterable

    from temporal_ably._session.model import Message, Session
    from temporal_ably.codec.table import Chunk

AGENT = "agent"
CALL: dict[str, Json] = {"toolCallId": "c1", "toolName": "search"}


@dataclass
class Chat:
    """A channel on which Alice and an agent without tags talk. A message of the agent is `r.1` of the run `r`."""

    channel: Recording = field(default_factory=lambda: Recording(publisher=AGENT))

    @property
    def session(self) -> Session:
        return self.channel.session

    # What a client says.

    def say(self, message_id: str, *parts: str | Whole, parent: str = "", fork_of: str = "", run: str = "") -> None:
        """Say something, in one part or several; with a `run` to an agent that is at work."""
        for part in parts or (message_id,):
            whole = text(part) if isinstance(part, str) else part
            fields = {"messageId": f"ui-{message_id}", **whole.fields}
            said = self._input(message_id, replace(whole, fields=fields))
            self.tell(replace(said, parent=parent, fork_of=fork_of, run=run))

    def regenerate(self, message_id: str, parent: str, carrier: str) -> None:
        """Ask for a message again."""
        self.tell(replace(self._input(carrier, Whole("regenerate", {})), parent=parent, regenerates=message_id))

    def result(self, message_id: str, output: Json, run: str = "", call_id: str = "c1") -> None:
        self.tell(replace(self._input(message_id, result(output, call_id)), run=run, parent=message_id))

    def approve(self, message_id: str, run: str, *, approved: bool = True) -> None:
        fields = {"toolCallId": "c1", "approved": "true" if approved else "false"}
        self.tell(replace(self._input(message_id, Whole("tool-approval-response", fields)), run=run))

    def fork(self, message_id: str, output: Json, parent: str, supersedes: str, *seeds: Message) -> None:
        """Give the result of a tool in a run of its own, which begins with copies of messages."""
        copied: list[Json] = [
            {"codecMessageId": message_id if place == 0 else f"{message_id}.{place}", "message": seed.as_ui()}
            for place, seed in enumerate(seeds)
        ]
        part = Whole("tool-result", {"toolCallId": "c1"}, {"output": output, "forkSeed": {"messages": copied}})
        forked = replace(self._input(message_id, part), role="assistant", parent=parent, supersedes=supersedes)
        self.tell(forked)

    def _input(self, message_id: str, part: Whole) -> Input:
        event_id = (
            f"event-{message_id}-{len(self.channel.live)}" if part.kind != USER_MESSAGE else f"event-{message_id}"
        )
        return Input(message_id, event_id, "user", "alice", part=part)

    def tell(self, said: Input, publisher: str = "alice") -> None:
        self.channel.create(said, {}, publisher=publisher)

    # What an agent does.

    def open(
        self, run: str, parent: str = "", *, answers: str = "", fork_of: str = "", regenerates: str = ""
    ) -> Answer:
        opened = Run(run, parent, "alice", answers or parent, "alice", fork_of, regenerates)
        self.channel.create(RunOpened(opened), {}, publisher=None)
        return Answer(self, opened)

    def answer(self, run: str, *texts: str, parent: str = "", answers: str = "", regenerates: str = "") -> Answer:
        """Answer in one message a text, and end."""
        answer = self.open(run, parent, answers=answers, regenerates=regenerates)
        for each in texts:
            answer.message(each)
        return answer.end()

    def turn(self, number: int, parent: str = "") -> str:
        """Ask and answer; give the id of the answer."""
        self.say(f"u{number}", parent=parent)
        self.answer(f"r{number}", f"answer {number}", parent=f"u{number}")
        return f"r{number}.1"


@dataclass
class Answer:
    """A run at work."""

    chat: Chat
    run: Run
    messages: int = 0
    step: Step = field(init=False)

    def __post_init__(self) -> None:
        self.begin(":0:1")

    def begin(self, step: str) -> Answer:
        """Begin a step; the same one again is another attempt."""
        serial = self.chat.channel.create(StepOpened(Step(self.run, step)), {})
        self.step = Step(self.run, step, serial, answers=True)
        return self

    @property
    def message_id(self) -> str:
        return f"{self.run.id}.{self.messages}"

    def message(self, *chunks: str | Chunk, message_id: str = "", steers: tuple[str, ...] = ()) -> Answer:
        """Begin a message and write to it."""
        self.messages += 1
        return self.write(*chunks, message_id=message_id, steers=steers)

    def write(self, *chunks: str | Chunk, message_id: str = "", steers: tuple[str, ...] = ()) -> Answer:
        for chunk in chunks:
            if isinstance(chunk, str):
                self._text(chunk, message_id or self.message_id, steers)
            else:
                self.emit(_whole(chunk), message_id or self.message_id, steers)
        return self

    def _text(self, said: str, message_id: str, steers: tuple[str, ...]) -> None:
        part = Streamed("text", f"{len(self.chat.channel.live)}", {"id": "0"})
        opened = PartText(self.step, message_id, part, "", "streaming", steers)
        serial = self.chat.channel.create(opened, {})
        self.chat.channel.append(serial, replace(opened, text=said, status="complete"), {})

    def emit(self, part: Whole, message_id: str, steers: tuple[str, ...] = ()) -> None:
        self.chat.channel.create(PartEmitted(self.step, message_id, part, steers), {})

    def call(self, call_id: str = "c1", *, ask: bool = False) -> Answer:
        """Call a tool, in a message of its own."""
        call = {**CALL, "toolCallId": call_id}
        self.message({"type": "tool-input-available", **call, "input": {"q": "a"}})
        return self.write({"type": "tool-approval-request", "toolCallId": call_id, "approvalId": "ok"}) if ask else self

    def suspend(self, invocation: str = "") -> Answer:
        self.chat.channel.create(RunSuspended(replace(self.run, invocation=invocation or self.run.invocation)), {})
        return self

    def resume(self, input_id: str, invocation: str) -> Answer:
        self.run = replace(self.run, input_id=input_id, invocation=invocation)
        self.chat.channel.create(RunResumed(self.run), {})
        return self.begin(f"{invocation}:0:1")

    def end(self, reason: RunReason = "complete") -> Answer:
        self.chat.channel.create(RunClosed(self.run, reason), {})
        return self


def text(said: str) -> Whole:
    return Whole(USER_MESSAGE, {"partType": "text"}, said)


def file(url: str, media_type: str) -> Whole:
    return Whole(USER_MESSAGE, {"partType": "file", "mediaType": media_type}, url)


def data(name: str, value: Json) -> Whole:
    return Whole(USER_MESSAGE, {"partType": f"data-{name}", "id": "d"}, value)


def result(output: Json, call_id: str = "c1") -> Whole:
    return Whole("tool-result", {"toolCallId": call_id}, {"output": output})


def _whole(chunk: Chunk) -> Whole:
    action = CODEC.encode(chunk)
    whole = action if isinstance(action, Whole) else getattr(action, "whole", None)
    assert isinstance(whole, Whole)
    return whole


def ids(messages: Iterable[Message]) -> list[str]:
    return [message.id for message in messages]


def texts(messages: Iterable[Message]) -> list[str]:
    return [message.text for message in messages]


def fold_without(chat: Chat, left_out: Iterable[int]) -> Session:
    """Fold all but some of the messages, as when history has expired."""
    dropped = set(left_out)
    folding = Fold()
    for place, delivery in enumerate(chat.channel.live):
        if place not in dropped:
            folding.apply(delivery.envelope)
    return folding.session
