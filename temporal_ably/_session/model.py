"""What a fold takes in (``Delivery``) and what it gives (``Session``), as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from temporal_ably._wire.events import RunReason, StepReason
    from temporal_ably._wire.parts import Json, Status

Action = Literal["create", "append", "update", "delete"]


@dataclass(frozen=True)
class Delivery:
    """One message as a channel delivers it, live or in a page of history.

    ``data`` is the new text of an append and the whole content of anything else. ``version`` orders
    the deliveries of one ``serial``; both compare as strings.
    """

    serial: str
    version: str
    action: Action
    name: str
    data: Json
    extras: object


@dataclass(frozen=True)
class Part:
    """A streamed part of a message, with its text so far."""

    serial: str
    kind: str
    text: str
    status: Status


@dataclass(frozen=True)
class Message:
    """One message of an attempt; its parts stand in the order in which they were opened."""

    id: str
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The text of its text parts."""
        return "".join(part.text for part in self.parts if part.kind == "text")


@dataclass(frozen=True)
class Attempt:
    """One attempt of a step.

    ``number`` is for display: Temporal repeats it after an activity reset. ``ended`` is empty while
    the attempt is open. ``superseded_by`` is the number of the attempt that took its place, and
    ``None`` for the canonical one.
    """

    number: int
    started_us: int
    serial: str
    workflow_id: str
    activity_type: str
    agent: str
    ended: StepReason | Literal[""]
    superseded_by: int | None
    messages: tuple[Message, ...]

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
        """The attempts whose output no longer counts, oldest first."""
        return self.attempts[:-1]


@dataclass(frozen=True)
class Run:
    """A run, with its steps in the order in which they first appeared. ``ended`` is empty while it is open."""

    id: str
    ended: RunReason | Literal[""]
    error: str | None
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Session:
    """All runs of a channel, in the order in which they first appeared."""

    runs: tuple[Run, ...] = ()
