"""What a fold gives: ``Session``, its runs, their steps, attempts and messages, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from temporal_ably._session.parts import Part, TextPart

if TYPE_CHECKING:
    from datetime import datetime

    from temporal_ably._wire.events import RunReason, StepReason
    from temporal_ably._wire.parts import Json


@dataclass(frozen=True)
class Message:
    """A chat message; its parts stand in the order in which they were opened.

    ``id`` names it on the channel and is the same in all attempts; a UI knows it by ``ui_id``.
    ``metadata`` is the last that was sent, ``None`` without any.
    """

    id: str
    serial: str
    ui_id: str
    parts: tuple[Part, ...] = ()
    metadata: Json = None

    @property
    def text(self) -> str:
        """The text of its text parts."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    def as_ui(self) -> dict[str, Json]:
        """Give the message as a UIMessage, as the AI SDK's ``useChat`` has it."""
        metadata: dict[str, Json] = {} if self.metadata is None else {"metadata": self.metadata}
        return {"id": self.ui_id, "role": "assistant", **metadata, "parts": [part.as_ui() for part in self.parts]}


@dataclass(frozen=True)
class Attempt:
    """One attempt of a step.

    ``number`` is for display: Temporal repeats it after an activity reset. ``started`` is ``None`` for
    an agent without our tags, ``ended`` empty while the attempt is open. ``superseded_by`` is the
    number of the attempt that took its place, and ``None`` for the canonical one; ``why_dead`` says it
    in words. ``messages`` of a canonical attempt hold what landed on their tool calls from anywhere.
    """

    number: int
    started: datetime | None
    serial: str
    workflow_id: str = ""
    run_id: str = ""
    activity_id: str = ""
    activity_type: str = ""
    agent: str = ""
    ended: StepReason | Literal[""] = ""
    superseded_by: int | None = None
    why_dead: str = ""
    messages: tuple[Message, ...] = ()

    @property
    def text(self) -> str:
        """The text of its messages."""
        return "".join(message.text for message in self.messages)


@dataclass(frozen=True)
class Step:
    """A unit of work that is tried until it succeeds. ``attempts``: dead ones first, at least one."""

    id: str
    attempts: tuple[Attempt, ...]

    @property
    def canonical(self) -> Attempt:
        """The attempt whose output counts."""
        return self.attempts[-1]

    @property
    def dead(self) -> tuple[Attempt, ...]:
        """The attempts whose output no longer counts, in the order of their start."""
        return self.attempts[:-1]


@dataclass(frozen=True)
class Run:
    """A run, with its steps in the order in which they first appeared.

    ``ended`` is empty while it is open. ``messages`` are the canonical ones of all its steps, in the
    order in which they began.
    """

    id: str
    ended: RunReason | Literal[""] = ""
    error: str | None = None
    steps: tuple[Step, ...] = ()
    messages: tuple[Message, ...] = field(default=(), repr=False)

    @property
    def text(self) -> str:
        """The text of its canonical messages."""
        return "".join(message.text for message in self.messages)


@dataclass(frozen=True)
class Session:
    """All runs of a channel, in the order in which they first appeared."""

    runs: tuple[Run, ...] = ()

    @property
    def messages(self) -> tuple[Message, ...]:
        """The canonical messages of all runs, run by run."""
        return tuple(message for run in self.runs for message in run.messages)

    @property
    def text(self) -> str:
        """The text of its canonical messages."""
        return "".join(run.text for run in self.runs)
