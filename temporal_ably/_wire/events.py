"""Neutral events: what happens to runs, steps and parts, in no dialect's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from temporal_ably._wire.parts import Status, Streamed, Whole

RunReason = Literal["complete", "cancelled", "error"]
StepReason = Literal["complete", "failed", "cancelled"]


@dataclass(frozen=True)
class Run:
    """A run of a session. ``parent`` is its place in the conversation."""

    id: str
    parent: str


@dataclass(frozen=True)
class Step:
    """One attempt of a step. ``serial`` is that of its opening message, empty until acknowledged."""

    run: Run
    id: str
    serial: str = ""


@dataclass(frozen=True)
class RunOpened:
    """A run begins."""

    run: Run


@dataclass(frozen=True)
class RunClosed:
    """A run is over. ``error`` is a text for end users."""

    run: Run
    reason: RunReason
    error: str | None = None


@dataclass(frozen=True)
class StepOpened:
    """An attempt of a step begins; its serial is the identity of the attempt."""

    step: Step


@dataclass(frozen=True)
class StepClosed:
    """An attempt of a step is over."""

    step: Step
    reason: StepReason


@dataclass(frozen=True)
class PartEmitted:
    """A whole part of a message."""

    step: Step
    message_id: str
    part: Whole


@dataclass(frozen=True)
class PartText:
    """A streamed part is opened, extended, closed or restated.

    ``text`` is what the operation carries: nothing on opening, the new text on an append, the
    whole text on an update.
    """

    step: Step
    message_id: str
    part: Streamed
    text: str
    status: Status


Event = RunOpened | RunClosed | StepOpened | StepClosed | PartEmitted | PartText
