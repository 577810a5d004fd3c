"""The demo without a terminal: one line for each change of state, and text line by line."""

from __future__ import annotations

import textwrap
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Generator

    from temporal_ably._session.model import Attempt, Step
    from temporal_ably.demo.frame import Frame, Verdict

_WIDTH = 78


class PlainView:
    """Writes what changed since the last frame.

    Args:
        out: where to.
    """

    def __init__(self, out: TextIO) -> None:
        """Begin with nothing shown."""
        self._out = out
        self._channel = ""
        self._said: dict[str, str] = {}
        self._written: dict[str, str] = {}

    def say(self, text: str) -> None:
        """Write a line of the demo's own."""
        self._out.write(f"{text}\n")
        self._out.flush()

    def announce(self, title: str, about: str) -> None:
        """Write the title of an act and what it is about."""
        self.say(f"\n== {title}\n{about}")

    def ask(self, question: str) -> None:
        """Write what the user is asked."""
        self.say(question)

    @contextmanager
    def working(self, text: str) -> Generator[None]:
        """Write what is being done."""
        self.say(f"{text} ...")
        yield

    def warn(self, text: str) -> None:
        """Write a warning."""
        self.say(f"warning: {text}")

    def judge(self, verdict: Verdict) -> None:
        """Write how an act ended."""
        self.say(f"{'ok' if verdict.equal else 'FAILED'}: {verdict}")

    def close(self) -> None:
        """Do nothing: each line is complete."""

    def show(self, frame: Frame) -> None:
        """Write what changed since the last frame."""
        if frame.channel != self._channel:
            self._channel = frame.channel
            self._said, self._written = {}, {}
        self._state("session", frame.channel)
        self._state("viewer", "connected" if frame.online else "offline")
        if frame.run and not frame.run.ended:
            self._state("run", frame.status)
        for step in frame.run.steps if frame.run else ():
            for attempt in step.attempts:
                self._show_attempt(step, attempt)
        self._state("run", frame.status)
        self._state("note", frame.note)

    def _state(self, name: str, value: str) -> None:
        if self._said.get(name, "") != value:
            self._said[name] = value
            if value:
                self.say(f"{name}: {value}")

    def _show_attempt(self, step: Step, attempt: Attempt) -> None:
        agent = attempt.agent or step.id
        key = f"{step.id} {attempt.started} {attempt.serial}"
        dead = attempt is not step.canonical
        self._show_text(key, agent, attempt.text, whole=dead or bool(attempt.ended))
        state = attempt.ended or ("replaced" if dead else "writing")
        struck = f", {len(attempt.text)} characters struck out" if dead or state == "failed" else ""
        name = f"{agent}: attempt {attempt.number}"
        if self._said.get(key) != state:
            self._said[key] = state
            self.say(f"{name} {state}{struck}")

    def _show_text(self, key: str, agent: str, text: str, *, whole: bool) -> None:
        written = self._written.get(key, "")
        fresh = text[len(written) :] if text.startswith(written) else text
        ready = fresh if whole else fresh[: _last_break(fresh, _WIDTH - len(agent) - 2)]
        self._written[key] = text[: len(text) - len(fresh) + len(ready)]
        for paragraph in ready.splitlines():
            for line in textwrap.wrap(paragraph, _WIDTH - len(agent) - 2):
                self.say(f"{agent}| {line}")


def _last_break(text: str, width: int) -> int:
    """Give how much of a growing text fills whole lines."""
    newline = text.rfind("\n") + 1
    rest = text[newline:]
    end = 0
    while len(rest) - end > width:
        end += max(rest[end : end + width].rfind(" ") + 1, 1)
    return newline + end
