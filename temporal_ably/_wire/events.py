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
    """A run of a session. ``parent`` is its place in the conversation.

    ``input_id`` names the input that it answers and ``input_client_id`` who published that, both empty
    without one; ``client_id`` is who it runs for. ``fork_of`` and ``regenerates`` name the messages that
    an edit and a regeneration replace. ``invocation`` is one wake-up of the agent, empty for the first,
    which bears the run's id.
    """

    id: str
    parent: str
    client_id: str = ""
    input_id: str = ""
    input_client_id: str = ""
    fork_of: str = ""
    regenerates: str = ""
    invocation: str = ""


@dataclass(frozen=True)
class Step:
    """One attempt of a step. ``serial`` is that of its opening message, empty until acknowledged.

    ``answers`` tells whether its output is part of the answer to the run's input, which the client that
    asked also gets as one stream; the output of a sub-agent is not.
    """

    run: Run
    id: str
    serial: str = ""
    answers: bool = False


@dataclass(frozen=True)
class RunOpened:
    """A run begins."""

    run: Run


@dataclass(frozen=True)
class RunSuspended:
    """A run waits for a client: for the result of a tool, or for an approval."""

    run: Run


@dataclass(frozen=True)
class RunResumed:
    """A run goes on, in an invocation of its own."""

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
    """A whole part of a message. ``steers`` names inputs of users that the agent heeds from here on."""

    step: Step
    message_id: str
    part: Whole
    steers: tuple[str, ...] = ()


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
    steers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Input:
    """What a client says: a message of a user, the result of a tool, an approval, a wish to regenerate.

    Attributes:
        id: the chat message that it makes or amends.
        event_id: identifies the input; the parts of one user message share it.
        role: ``user``, or ``assistant`` where a tool's result makes a run of its own.
        client_id: who says so, in his own words.
        run: the run that it goes on with, empty for what begins one.
        parent: the message that it follows.
        fork_of: the user message that it replaces.
        regenerates: the agent's message that is to be made again.
        supersedes: the run that it hides.
        part: its content.
    """

    id: str
    event_id: str
    role: str
    client_id: str = ""
    run: str = ""
    parent: str = ""
    fork_of: str = ""
    regenerates: str = ""
    supersedes: str = ""
    part: Whole | None = None


@dataclass(frozen=True)
class CancelRequested:
    """A client wants a run to stop, which it names by its id, by the input that it answers, or both."""

    event_id: str
    run: str = ""
    input_id: str = ""


Event = (
    RunOpened
    | RunSuspended
    | RunResumed
    | RunClosed
    | StepOpened
    | StepClosed
    | PartEmitted
    | PartText
    | Input
    | CancelRequested
)
