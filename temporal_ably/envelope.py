"""Envelope: one message of a session's channel as a value, whoever wrote it and however it came.

The rule of the file: what is there is read, what is missing, malformed or newer is absent. Our tags
go first; the dialect fills in for agents that do not write them.

Source: ably 3.1.4, ``ably/types/message.py``; Ably's JSON form of a message (features.md TM).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, ClassVar, Literal, cast, get_args

from pydantic import BaseModel, ConfigDict, JsonValue

from temporal_ably._dialect import ait08
from temporal_ably._wire import tags
from temporal_ably._wire.events import (
    CancelRequested,
    Event,
    Input,
    PartEmitted,
    PartText,
    Run,
    RunClosed,
    RunOpened,
    RunResumed,
    RunSuspended,
    StepClosed,
    StepOpened,
)
from temporal_ably._wire.operations import Extras, Message
from temporal_ably._wire.parts import Json, Status
from temporal_ably.codec.fields import read_json
from temporal_ably.codec.inputs import describe_input
from temporal_ably.codec.vercel import CODEC
from temporal_ably.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterable

Action = Literal["create", "append", "update", "delete"]

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_NUMBERED_ACTIONS: dict[int, Action] = {0: "create", 1: "update", 2: "delete", 5: "append"}
_MAJOR = re.compile(rf"{tags.CONTRACT_VERSION}(\.|\Z)")
# More digits than 64 bits hold are no number of ours, and Python refuses to read thousands of them.
_NUMBER = re.compile(r"[0-9]{1,19}")
_ATTRIBUTES = {
    "serial": "serial",
    "version": "version",
    "action": "action",
    "name": "name",
    "data": "data",
    "encoding": "encoding",
    "id": "id",
    "clientId": "client_id",
    "timestamp": "timestamp",
    "extras": "extras",
    # What reads for us gives the version as its serial alone, and this beside it.
    "versionClientId": "version_client_id",
}
_RUN_EVENTS = {RunOpened: "run-start", RunSuspended: "run-suspend", RunResumed: "run-resume"}
_TEXT_TAGS = {
    "event": tags.EVENT,
    "session_run": tags.SESSION_RUN,
    "workflow_id": tags.WORKFLOW_ID,
    "run_id": tags.RUN_ID,
    "activity_id": tags.ACTIVITY_ID,
    "step": tags.STEP,
    "activity_type": tags.ACTIVITY_TYPE,
    "workflow_type": tags.WORKFLOW_TYPE,
    "agent": tags.AGENT,
    "namespace": tags.NAMESPACE,
    "task_queue": tags.TASK_QUEUE,
    "input_id": tags.INPUT,
    "traceparent": tags.TRACEPARENT,
    "reason": tags.REASON,
    "error": tags.ERROR,
}


class EnvelopePart(BaseModel):
    """What a message adds to a chat message: a part whose text grows, or a whole part."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, use_attribute_docstrings=True)

    kind: str
    """What it is.

    Of an agent `text`, `reasoning`, `tool-input`, `start`, `tool-output-available`, `data-...` and so on. Of a client
    `text`, `file` or `data-...` of a message, `tool-result`, `tool-result-error`, `tool-approval-response` or
    `regenerate`.
    """

    id: str = ""
    """The part's own id, or that of its tool call; empty where it has neither."""

    fields: dict[str, JsonValue] = {}
    """Its fields as JSON values: `toolName`, `messageMetadata`, `mediaType` and so on."""

    text: str = ""
    """Of a streamed part the text that this message brings, which is all of it unless `action` is `append`.

    Of a user's message its text.
    """

    data: JsonValue = None
    """Of a whole part: its payload."""

    status: Status | None = None
    """Of a streamed part: whether it still grows; unset for a whole part."""

    ephemeral: bool = False
    """Whether it is for those connected now only: it is not in history and in no chat message."""


class Envelope(BaseModel):
    """One message of a channel: where it stands, what it tells and which attempt it comes from.

    Text that the message does not carry is empty; numbers and times are `None`.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, use_attribute_docstrings=True)

    channel: str
    """The channel, which is the session."""

    serial: str
    """Identity and order of the message within its channel; serials compare as strings."""

    version: str
    """Order of the operations on one serial; versions compare as strings."""

    action: Action
    """`create`, `append` (brings more text), `update` (brings the whole content) or `delete`."""

    name: str = ""
    """Ably's message name; Ably leaves it out of appends."""

    id: str = ""
    """Ably's message id, under which a create is idempotent."""

    client_id: str = ""
    """Ably client id of the publisher; it stays when another changes the message."""

    version_client_id: str = ""
    """Ably client id of who did this operation on the message, where Ably tells it."""

    timestamp: datetime | None = None
    """When Ably received it."""

    contract: str = ""
    """Version of the tags."""

    event: str = ""
    """What it tells; empty or another word for what a newer writer may say.

    Of an agent `run-start`, `run-suspend`, `run-resume`, `run-end`, `step-start`, `step-end` or `part`, of a client
    `input` or `cancel`.
    """

    session_run: str = ""
    """The run within the session: unchanged by workflow retry, continue-as-new and reset."""

    workflow_id: str = ""
    """Workflow id of the activity, or of the run's owner."""

    run_id: str = ""
    """Temporal's run id of that workflow."""

    activity_id: str = ""
    """Temporal's activity id."""

    attempt: int | None = None
    """Temporal's attempt number. It is for display: it repeats after a reset of the activity."""

    started: datetime | None = None
    """When the attempt started, exact to the microsecond. Of a step's attempts the latest is canonical."""

    step: str = ""
    """The step: a unit of work within the run that is tried until it succeeds."""

    step_serial: str = ""
    """Serial of the message that opened the attempt."""

    length: int | None = None
    """Characters of a streamed part so far, lost ones included: a shorter text has a gap."""

    activity_type: str = ""
    """Activity type; on a step's first message only, as all that follows up to `traceparent`."""

    workflow_type: str = ""
    """Workflow type."""

    agent: str = ""
    """Who writes: a name for end users."""

    namespace: str = ""
    """Temporal namespace; only with `ABLY_TAGS=full`."""

    task_queue: str = ""
    """Task queue of the activity; only with `ABLY_TAGS=full`."""

    traceparent: str = ""
    """W3C trace context of the attempt's span."""

    reason: str = ""
    """How a run ended (complete, cancelled, error) or a step (complete, failed, cancelled)."""

    error: str = ""
    """Why a run ended in error, for end users."""

    message_id: str = ""
    """The chat message that the part belongs to."""

    event_id: str = ""
    """Of a client's input or cancel: identifies it; the parts of one user message share it."""

    role: str = ""
    """Of a client's input: `user`, or `assistant` where the result of a tool makes a run of its own."""

    run_client_id: str = ""
    """Who the run is for, or who gives an input, in the words of the client."""

    input_id: str = ""
    """The input, by its chat message, that the run answers or that a cancel means."""

    invocation: str = ""
    """The wake-up of the agent within the run; empty for the first."""

    parent: str = ""
    """The chat message that the run or input follows."""

    fork_of: str = ""
    """The user message that an edit replaces."""

    regenerates: str = ""
    """The agent's message that is made again."""

    supersedes: str = ""
    """The run that an input hides."""

    steers: tuple[str, ...] = ()
    """Inputs that the agent heeds from this part on."""

    part: EnvelopePart | None = None
    """The part, where the message brings one that can be read."""

    superseded_by: datetime | None = None
    """Start of the attempt that replaced this one. A hint for people: no fold relies on it."""

    superseded: bool = False
    """Whether a later attempt took its place: by the canonical rule where its channel was read, else by its mark."""

    @property
    def text(self) -> str:
        """The text that the message brings, as `part.text`; empty where it brings none."""
        return self.part.text if self.part is not None else ""

    @classmethod
    def of(cls, message: object, *, channel: str) -> Envelope:
        """Read a message.

        Args:
            message: a ``Message`` of ably-python, or the JSON form of one.
            channel: name of the channel it came from.

        Raises:
            DecodeError: if it is no message of a session.
        """
        wire = _wire(message)
        action = _action(wire.get("action"))
        serial = _string(wire.get("serial"))
        extras = _mapping(wire.get("extras"))
        read = Message(_string(wire.get("name")), _payload(wire), cast("Extras", extras))
        told = _texts(_mapping(extras.get("headers")))
        event = _event(read, serial)
        ours = event is not None or _has_tags(told) or bool(ait08.transport_headers(extras))
        # A delete may come from anyone and without any headers.
        if action is None or not (ours or action == "delete"):
            raise DecodeError("unable to read a message; it is none of a session; skip it")
        contract = told.get(tags.VERSION, "")
        if not _MAJOR.match(contract):
            told = {}  # What another contract calls by these names may be anything.
        facts = _from_dialect(event) | _from_tags(told)
        if facts.get("event") == "step-start":
            facts["step_serial"] = serial
        return cls.model_validate(
            {
                "channel": channel,
                "serial": serial,
                "version": _version(wire.get("version")) or serial,
                "action": action,
                "name": read.name,
                "id": _string(wire.get("id")),
                "client_id": _string(wire.get("clientId")),
                "version_client_id": _operator(wire),
                "timestamp": _time(wire.get("timestamp"), timedelta(milliseconds=1)),
                "contract": contract,
                "part": _part_of(facts.get("event"), read, event, told),
                **facts,
            }
        )


def _wire(message: object) -> Mapping[str, object]:
    """Give a message in its JSON form."""
    if isinstance(message, Mapping):
        return _mapping(cast("object", message))
    return {key: getattr(message, attribute, None) for key, attribute in _ATTRIBUTES.items()}


def _action(value: object) -> Action | None:
    if value is None:
        return "create"
    if isinstance(value, int):
        return _NUMBERED_ACTIONS.get(value)
    named = _string(value).removeprefix("message.")
    return named if named in get_args(Action) else None  # pyright: ignore[reportReturnType] # one of its values


def _version(value: object) -> str:
    return _string(value) or _string(_wire(value).get("serial"))


def _operator(wire: Mapping[str, object]) -> str:
    return _string(wire.get("versionClientId")) or _string(_wire(wire.get("version")).get("clientId"))


def _payload(wire: Mapping[str, object]) -> Json:
    """Give the data as JSON; what JSON cannot hold, as bytes or a cipher, is ``None``."""
    data, encoding = wire.get("data"), wire.get("encoding")
    if isinstance(data, str):
        # Only the JSON form still has it to be undone: ably-python keeps no encoding that it knows.
        return read_json(data, data) if encoding in ("json", "json/utf-8") else data
    try:
        return read_json(json.dumps(data), None)
    except (TypeError, ValueError, RecursionError):
        return None


def _texts(headers: Mapping[str, object]) -> dict[str, str]:
    # What came in Ably's binary form may have names that are no text either.
    items = cast("Iterable[tuple[object, object]]", headers.items())
    return {name: value for name, value in items if isinstance(name, str) and isinstance(value, str)}


def _has_tags(headers: Mapping[str, str]) -> bool:
    return any(name.startswith("temporal-") for name in headers)


def _event(message: Message, serial: str) -> Event | None:
    try:
        return ait08.decode(message, serial)
    except DecodeError:
        return None  # The tags may still say what it is.


def _from_dialect(event: Event | None) -> dict[str, object]:
    match event:
        case None:
            return {}
        case RunOpened(run) | RunSuspended(run) | RunResumed(run):
            return {"event": _RUN_EVENTS[type(event)], **_of_run(run)}
        case RunClosed(run, reason, error):
            return {"event": "run-end", **_of_run(run), "reason": reason, "error": error or ""}
        case Input():
            return {"event": "input", **_of_input(event)}
        case CancelRequested(event_id, run, input_id):
            return {"event": "cancel", "session_run": run, "event_id": event_id, "input_id": input_id}
        case _:
            return _of_step_event(event)


def _of_step_event(event: StepOpened | StepClosed | PartEmitted | PartText) -> dict[str, object]:
    step = event.step
    facts = {**_of_run(step.run), "step": step.id, "step_serial": step.serial}
    match event:
        case StepOpened():
            return {"event": "step-start", **facts}
        case StepClosed(_, reason):
            return {"event": "step-end", **facts, "reason": reason}
        case PartEmitted(_, message_id) | PartText(_, message_id):
            return {"event": "part", **facts, "message_id": message_id, "steers": event.steers}


def _of_run(run: Run) -> dict[str, object]:
    return {
        "session_run": run.id,
        "parent": run.parent,
        "input_id": run.input_id,
        "fork_of": run.fork_of,
        "regenerates": run.regenerates,
        "invocation": run.invocation,
        "run_client_id": run.client_id,
    }


def _of_input(event: Input) -> dict[str, object]:
    return {
        "message_id": event.id,
        "event_id": event.event_id,
        "role": event.role,
        "run_client_id": event.client_id,
        "session_run": event.run,
        "parent": event.parent,
        "fork_of": event.fork_of,
        "regenerates": event.regenerates,
        "supersedes": event.supersedes,
    }


def _from_tags(told: Mapping[str, str]) -> dict[str, object]:
    facts: dict[str, object] = {field: told[tag] for field, tag in _TEXT_TAGS.items() if tag in told}
    facts |= {
        "attempt": _number(told.get(tags.ATTEMPT)),
        "length": _number(told.get(tags.LENGTH)),
        "started": _time(_number(told.get(tags.STARTED)), timedelta(microseconds=1)),
        "superseded_by": _time(_number(told.get(tags.SUPERSEDED_BY)), timedelta(microseconds=1)),
        "superseded": tags.SUPERSEDED_BY in told,
    }
    if tags.MESSAGE in told:
        facts["message_id"] = "/".join(told.get(name, "") for name in (tags.SESSION_RUN, tags.STEP, tags.MESSAGE))
    return facts


def _part_of(told_event: object, message: Message, event: Event | None, told: Mapping[str, str]) -> EnvelopePart | None:
    if told_event == "input" and isinstance(event, Input):
        return _input_part(message, event)
    return _part(message, event, told) if told_event == "part" else None


def _input_part(message: Message, event: Input) -> EnvelopePart | None:
    if event.part is None:
        return None
    described = describe_input(event.part.kind, event.part.fields)
    kind = _string(described.pop("type"))
    whole = kind != "text"
    # As below, nothing is left to validate.
    return EnvelopePart.model_construct(
        kind=kind,
        id=_named(described),
        fields=described,
        text="" if whole else _string(message.data),
        data=message.data if whole else None,
    )


def _part(message: Message, event: Event | None, told: Mapping[str, str]) -> EnvelopePart | None:
    status = _known(told.get(tags.STATUS))
    described = _described(told.get(tags.PART))
    part_id = ""
    if isinstance(event, PartText):
        status, part_id = status or event.status, event.part.id
    if described is None and isinstance(event, PartText | PartEmitted):
        described = CODEC.describe(event.part.kind, event.part.fields)
    if described is None:
        return None
    kind = _string(described.pop("type"))
    part_id = part_id or _named(described)
    ephemeral = _mapping(message.extras).get("ephemeral") is True
    streamed = status is not None
    # All of it is of the right type; to validate it would limit how deep values nest.
    return EnvelopePart.model_construct(
        kind=kind,
        id=part_id,
        fields=described,
        text=_string(message.data) if streamed else "",
        data=None if streamed else message.data,
        status=status,
        ephemeral=ephemeral,
    )


def _named(described: Mapping[str, Json]) -> str:
    named = (described.get("id"), described.get("toolCallId"))
    return next((each for each in named if isinstance(each, str)), "")


def _described(tag: str | None) -> dict[str, Json] | None:
    value = read_json(tag, None) if tag is not None else None
    return value if isinstance(value, dict) and isinstance(value.get("type"), str) else None


def _known(status: str | None) -> Status | None:
    if status is None:
        return None
    return cast("Status", status) if status in get_args(Status) else "streaming"


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and _NUMBER.fullmatch(text) else None


def _time(count: object, unit: timedelta) -> datetime | None:
    if not isinstance(count, int | float):
        return None
    try:
        return EPOCH + count * unit
    except (OverflowError, ValueError):
        return None


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}
