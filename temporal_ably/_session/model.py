"""What a fold gives: ``Session``, its inputs and runs, their steps, attempts and messages, as frozen values."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING, Literal

from temporal_ably._session.branches import Branches
from temporal_ably._session.conversation import Conversation, recall
from temporal_ably._session.parts import Part, StepStartPart, TextPart, ToolPart

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from temporal_ably._wire.events import RunReason, StepReason
    from temporal_ably._wire.parts import Json

Role = Literal["user", "assistant"]
RunStatus = Literal["active", "suspended", "complete", "cancelled", "error"]


@dataclass(frozen=True)
class Message:
    """A chat message; its parts stand in the order in which they were opened.

    ``id`` names it on the channel and is the same in all attempts; a UI knows it by ``ui_id``.
    ``metadata`` is the last that was sent, ``None`` without any. ``client_id`` is who published it.
    """

    id: str
    serial: str
    ui_id: str
    parts: tuple[Part, ...] = ()
    metadata: Json = None
    role: Role = "assistant"
    client_id: str = field(default="", kw_only=True)

    @property
    def text(self) -> str:
        """The text of its text parts."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    def as_ui(self) -> dict[str, Json]:
        """Give the message as a UIMessage, as the AI SDK's ``useChat`` has it."""
        metadata: dict[str, Json] = {} if self.metadata is None else {"metadata": self.metadata}
        return {"id": self.ui_id, "role": self.role, **metadata, "parts": [part.as_ui() for part in self.parts]}


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
class Input:
    """What a client said: a message, the result of a tool, an approval, a wish to have an answer again.

    ``kind`` is ``message``, ``tool-result``, ``tool-result-error``, ``tool-approval-response``, ``regenerate`` or
    what a newer client says. ``id`` names the message that it makes or amends, ``event_id`` the input itself.
    ``message`` is what a user wrote, ``run`` the run that the input goes on with, empty for what begins one.
    ``parent`` is the message that it follows, ``fork_of`` the user's message that it replaces, ``regenerates`` the
    agent's, ``supersedes`` a run that it hides.
    """

    id: str
    event_id: str
    kind: str
    serial: str
    run: str = ""
    parent: str = ""
    fork_of: str = ""
    regenerates: str = ""
    supersedes: str = ""
    client_id: str = ""
    message: Message | None = None

    @property
    def messages(self) -> tuple[Message, ...]:
        """Its message, if it is one."""
        return () if self.message is None else (self.message,)


@dataclass(frozen=True)
class Run:
    """A run, with its steps in the order in which they first appeared.

    ``ended`` is empty while it is open; a ``suspended`` one waits for a client. ``messages`` are the canonical ones of
    all its steps, and what users said meanwhile, in the order in which they began; ``unanswered`` names those of the
    latter that no output heeds yet.

    ``input_id`` is the message that it answers and ``parent`` the one that it follows: the same, but where it is
    another answer to one message; ``fork_of`` is the user's message that an edit replaced, ``regenerates`` the
    agent's. ``client_id`` is who it runs for. ``invocations`` are the agent's wake-ups, the first one empty where it
    bears the run's own id. ``message_ids`` are all that are its own, dead attempts' too, ``input_ids`` all that it
    says to answer.
    """

    id: str
    ended: RunReason | Literal[""] = ""
    error: str | None = None
    steps: tuple[Step, ...] = ()
    messages: tuple[Message, ...] = field(default=(), repr=False)
    _: KW_ONLY
    serial: str = ""
    suspended: bool = False
    input_id: str = ""
    parent: str = ""
    client_id: str = ""
    fork_of: str = ""
    regenerates: str = ""
    invocations: tuple[str, ...] = ()
    unanswered: tuple[str, ...] = ()
    message_ids: frozenset[str] = field(default=frozenset(), repr=False)
    input_ids: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def status(self) -> RunStatus:
        """How it stands."""
        return self.ended or ("suspended" if self.suspended else "active")

    @property
    def text(self) -> str:
        """The text of what the agent wrote."""
        return "".join(message.text for message in self.messages if message.role == "assistant")

    @property
    def waits_for_client(self) -> bool:
        """Whether its last words are tool calls of which one has neither outcome nor approval yet."""
        parts = [part for message in self.messages for part in message.parts if not isinstance(part, StepStartPart)]
        calls = takewhile(lambda part: isinstance(part, ToolPart), reversed(parts))
        return any(isinstance(call, ToolPart) and _waits_for_client(call) for call in calls)


def _waits_for_client(call: ToolPart) -> bool:
    return call.state in ("input-available", "approval-requested") and not call.by_provider


@dataclass(frozen=True)
class Session:
    """What was said on a channel: all inputs of clients and all runs, in the order in which they first appeared.

    An edit and another answer are branches. What is shown is one path through them.
    """

    runs: tuple[Run, ...] = ()
    inputs: tuple[Input, ...] = ()

    @cached_property
    def _branches(self) -> Branches:
        return Branches(self.runs, self.inputs)

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages that are shown, of users and agent, with the newest of all alternatives."""
        return self.path()

    @property
    def text(self) -> str:
        """The text of what the agent wrote, as far as it is shown."""
        return "".join(message.text for message in self.messages if message.role == "assistant")

    @property
    def hidden(self) -> frozenset[str]:
        """What is not shown: runs by their ids, messages of users by theirs."""
        return self._branches.hidden

    def path(self, select: Iterable[str] = ()) -> tuple[Message, ...]:
        """Give the messages that are shown.

        Args:
            select: messages, by id, to be on the path; where it branches elsewhere, the newest way is taken. Later
                ones win.
        """
        return self._branches.path(select)

    def siblings(self, message_id: str) -> tuple[Message, ...]:
        """Give the alternatives at the place of a message, itself among them, the oldest first.

        They are edits of a user's message, or other answers; of an answer of several messages the first one stands
        for it. Nothing is known of an unknown message.
        """
        return self._branches.siblings(message_id)

    def conversation(self, *, input_id: str = "", run_id: str = "", without_step: str = "") -> Conversation:
        """Give what was said up to an input, and in the run that answers it: what the agent has to know.

        Other branches have no part in it, nor has what was not completed, together with the input that asked for it.

        Args:
            input_id: the input, by its event id or by its message's id.
            run_id: the run; with an input that goes on with a run, that one is taken.
            without_step: the step of the run that asks. What it wrote before is left out, as is that of steps that
                its workflows start later: all that is about to be made anew.
        """
        return recall(self._branches, input_id=input_id, run_id=run_id, without_step=without_step)
