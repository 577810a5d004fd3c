"""Sessions as a fold gives them, for tests of what is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from temporal_ably._session.model import Attempt, Message, Run, Session, Step
from temporal_ably._session.parts import TextPart
from temporal_ably.demo.frame import Frame

if TYPE_CHECKING:
    from temporal_ably._wire.events import RunReason, StepReason


def attempt(
    text: str,
    *,
    number: int = 1,
    agent: str = "answer",
    ended: StepReason | Literal[""] = "",
    dead_by: int | None = None,
) -> Attempt:
    return Attempt(
        number,
        started=None,
        serial=str(number),
        agent=agent,
        ended=ended,
        superseded_by=dead_by,
        messages=(Message("m", "1", "m", (TextPart("1", text, "streaming"),)),),
    )


def session(*attempts: Attempt, ended: RunReason | Literal[""] = "") -> Session:
    """Give a session of one run, with a step for each agent."""
    agents = dict.fromkeys(each.agent for each in attempts)
    steps = (Step(agent, tuple(each for each in attempts if each.agent == agent)) for agent in agents)
    return Session((Run("r", ended, steps=tuple(steps)),))


def frame(shown: Session, *, online: bool = True, note: str = "", settled: bool = False) -> Frame:
    return Frame("1 of 4 · An act", "ai:demo-1", online, shown, note, settled)
