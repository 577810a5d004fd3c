"""Recordings, generated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from tests.session.chat import Answer, Chat
from tests.session.recording import Recording

if TYPE_CHECKING:
    from temporal_ably._wire.parts import Json

CALL: dict[str, Json] = {"toolCallId": "c1", "toolName": "getWeather"}

_OPERATION = st.tuples(
    st.integers(0, 5),
    st.sampled_from(["open", "append", "lose", "update", "close", "call", "output", "data", "end"]),
    st.text(max_size=3),
)


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    """Draw what up to six attempts of two steps do, interleaved in any way, sensible or not."""
    channel = Recording()
    channel.open_run()
    attempts = [
        channel.attempt(f":0:{place % 2}", number=place + 1, started_us=draw(st.integers(1, 3)))
        for place in range(draw(st.integers(1, 6)))
    ]
    texts = [attempt.text() for attempt in attempts]
    for place, operation, chunk in draw(st.lists(_OPERATION, max_size=12)):
        attempt, text = attempts[place % len(attempts)], texts[place % len(texts)]
        if operation == "open":
            texts[place % len(texts)] = attempt.text(part_id=chunk)
        elif operation == "append":
            text.append(chunk)
        elif operation == "lose":
            text.lose(chunk)
        elif operation == "update":
            channel.update(text.serial, chunk)
        elif operation == "close":
            text.close()
        elif operation == "call":
            attempt.write({"type": "tool-input-available", **CALL, "input": {"text": chunk}}, message=1)
        elif operation == "output":
            attempt.write({"type": "tool-output-available", "toolCallId": "c1", "output": chunk}, message=2)
        elif operation == "data":
            attempt.write({"type": "data-x", "id": "d", "data": [chunk]})
        else:
            attempt.end()
    return channel


@dataclass
class _Talk:
    """A chat in which any of it may follow, replace or amend any other of it. ``said``: ids of messages."""

    chat: Chat = field(default_factory=Chat)
    said: list[str] = field(default_factory=lambda: ["u0"])
    answers: list[Answer] = field(default_factory=list[Answer])

    def __post_init__(self) -> None:
        self.chat.say("u0")
        self.answers.append(self.chat.open("r0", "u0", answers="f0"))

    def say(self, one: int, other: int) -> None:
        self.chat.say(f"u{one}", "a", "b", parent=self._target(other))
        self.said.append(f"u{one}")

    def edit(self, one: int, other: int) -> None:
        self.chat.say(f"u{one}", fork_of=self._target(one), parent=self._target(other))
        self.said.append(f"u{one}")

    def steer(self, one: int, other: int) -> None:
        self.chat.say(f"s{one}", run=f"r{other}")

    def open(self, one: int, other: int) -> None:
        target = self._target(one)
        self.answers.append(self.chat.open(f"r{one}", target, answers=f"f{other}", regenerates=self._target(other)))

    def message(self, one: int, other: int) -> None:
        self.said.append(self._answer(other).message("text", steers=(f"s{one}",)).message_id)

    def call(self, one: int, other: int) -> None:
        self.said.append(self._answer(other).call(ask=one % 2 == 0).message_id)

    def result(self, one: int, other: int) -> None:
        self.chat.result(self._target(one), one, run=self._answer(other).run.id if other % 2 else "")

    def approve(self, one: int, other: int) -> None:
        self.chat.approve(self._target(one), self._answer(other).run.id, approved=one % 2 == 0)

    def fork(self, one: int, other: int) -> None:
        messages = [message for run in self.chat.session.runs for message in run.messages]
        self.chat.fork(f"f{one}", one, self._target(other), f"r{other}", *messages[:2])

    def suspend(self, one: int, other: int) -> None:
        self._answer(one).suspend()

    def resume(self, one: int, other: int) -> None:
        self._answer(one).resume(self._target(other), f"i{one}")

    def end(self, one: int, other: int) -> None:
        self._answer(one).end()

    def _target(self, number: int) -> str:
        return self.said[number % len(self.said)]

    def _answer(self, number: int) -> Answer:
        return self.answers[number % len(self.answers)]


_DOINGS = [
    *(_Talk.say, _Talk.edit, _Talk.steer, _Talk.open, _Talk.message, _Talk.call),
    *(_Talk.result, _Talk.approve, _Talk.fork, _Talk.suspend, _Talk.resume, _Talk.end),
]


@st.composite
def chats(draw: st.DrawFn) -> Chat:
    """Draw what users and an agent say, sensible or not."""
    talk = _Talk()
    doing = st.tuples(st.sampled_from(_DOINGS), st.integers(0, 9), st.integers(0, 9))
    for do, one, other in draw(st.lists(doing, max_size=14)):
        do(talk, one, other)
    return talk.chat
