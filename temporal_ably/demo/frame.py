"""What a view shows: a title, the state of the viewer's connection, and the session as folded."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from temporal_ably._session.model import Run, Session


@dataclass(frozen=True)
class Frame:
    """One moment of an act, as the viewer sees it.

    ``settled`` is set once the act is over: dead text is shown no longer.
    """

    title: str
    channel: str
    online: bool
    session: Session
    note: str = ""
    settled: bool = False

    @property
    def run(self) -> Run | None:
        """The run to show: the newest."""
        return self.session.runs[-1] if self.session.runs else None

    @property
    def status(self) -> str:
        """The state of the run in one word."""
        return (self.run.ended or "running") if self.run else "waiting"


@dataclass(frozen=True)
class Verdict:
    """How what was seen compares with what the workflow returned. Counts are of characters."""

    expected: int
    lost: int
    doubled: int

    @property
    def equal(self) -> bool:
        """Whether nothing is lost and nothing is too much."""
        return self.lost == 0 and self.doubled == 0

    def __str__(self) -> str:
        """Say it in a line."""
        same = "equal to" if self.equal else "NOT equal to"
        return (
            f"view {same} the workflow's result: {self.expected} characters, lost {self.lost}, doubled {self.doubled}"
        )


def compare(seen: Mapping[str, str], returned: Mapping[str, str]) -> Verdict:
    """Compare the texts that a viewer shows with those that the workflow returned, agent by agent."""
    lost = doubled = 0
    for agent in seen.keys() | returned.keys():
        shown, real = seen.get(agent, ""), returned.get(agent, "")
        common = len(real) if shown == real else _common(shown, real)
        lost += len(real) - common
        doubled += len(shown) - common
    return Verdict(sum(map(len, returned.values())), lost, doubled)


def _common(one: str, other: str) -> int:
    return sum(block.size for block in SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks())


def texts(session: Session) -> dict[str, str]:
    """Give the canonical text of each agent of the newest run."""
    steps = session.runs[-1].steps if session.runs else ()
    return {step.canonical.agent: step.canonical.text for step in steps}


def caption(session: Session) -> str:
    """Say what there is to see."""
    steps = session.runs[-1].steps if session.runs else ()
    for step in steps:
        if step.canonical.ended == "failed":
            return f"attempt {step.canonical.number} failed; Temporal tries again in a moment"
        if step.dead:
            dead = step.dead[-1]
            return f"attempt {step.canonical.number} replaces {len(dead.text)} characters of attempt {dead.number}"
    return ""


class View(Protocol):
    """Where the demo shows itself: a terminal or plain lines."""

    def say(self, text: str) -> None:
        """Show a line of the demo's own."""
        ...

    def show(self, frame: Frame) -> None:
        """Show an act as it stands; the last frame of an act is settled."""
        ...

    def announce(self, title: str, about: str) -> None:
        """Introduce an act."""
        ...

    def ask(self, question: str) -> None:
        """Show what the user is asked."""
        ...

    def working(self, text: str) -> AbstractContextManager[None]:
        """Show that something is being done, until the context is left."""
        ...

    def warn(self, text: str) -> None:
        """Show a warning."""
        ...

    def judge(self, verdict: Verdict) -> None:
        """Show how an act ended."""
        ...

    def close(self) -> None:
        """Leave the terminal as it was, whatever was being shown."""
        ...
