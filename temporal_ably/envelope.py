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
from typing import ClassVar, Literal, cast, get_args

from pydantic import BaseModel, ConfigDict, JsonValue

from temporal_ably._dialect import ait08
from temporal_ably._wire import tags
from temporal_ably._wire.events import Event, PartEmitted, PartText, RunClosed, RunOpened, StepClosed, StepOpened
from temporal_ably._wire.operations import Extras, Message
from temporal_ably._wire.parts import Json, Status
from temporal_ably.codec.fields import read_json
from temporal_ably.codec.vercel import CODEC
from temporal_ably.errors import DecodeError

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
}
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
    "traceparent": tags.TRACEPARENT,
    "reason": tags.REASON,
    "error": tags.ERROR,
}


class EnvelopePart(BaseModel):
    """What a message adds to a chat message: a part whose text grows, or a whole part."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, use_attribute_docstrings=True)

    kind: str
    """`text`, `reasoning`, `tool-input`, `start`, `tool-output-available`, `data-...` and so on."""

    id: str = ""
    """The part's own id, or that of its tool call; empty where it has neither."""

    fields: dict[str, JsonValue] = {}
    """Its fields as JSON values: `toolName`, `messageMetadata`, `mediaType` and so on."""

    text: str = ""
    """Of a streamed part: the text that this message brings, which is all of it unless `action` is `append`."""

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
    """Ably client id of the publisher."""

    timestamp: datetime | None = None
    """When Ably received it."""

    contract: str = ""
    """Version of the tags."""

    event: str = ""
    """`run-start`, `run-end`, `step-start`, `step-end` or `part`; empty or another for what a newer writer may say."""

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

    part: EnvelopePart | None = None
    """The part, where the message brings one that can be read."""

    superseded_by: datetime | None = None
    """Start of the attempt that replaced this one. A hint for people: no fold relies on it."""

    superseded: bool = False
    """Whether a later attempt took its place: by the canonical rule where its channel was read, else by its mark."""

    @property
    def text(self) -> str:
        """The text that the message brings to a streamed part, as `part.text`; empty where it brings none."""
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
        headers = _mapping(extras.get("headers"))
        told = {name: value for name, value in headers.items() if isinstance(value, str)}
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
                "timestamp": _time(wire.get("timestamp"), timedelta(milliseconds=1)),
                "contract": contract,
                "part": _part(read, event, told) if facts.get("event") == "part" else None,
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


def _has_tags(headers: Mapping[str, str]) -> bool:
    return any(name.startswith("temporal-") for name in headers)


def _event(message: Message, serial: str) -> Event | None:
    try:
        return ait08.decode(message, serial)
    except DecodeError:
        return None  # The tags may still say what it is.


def _from_dialect(event: Event | None) -> dict[str, object]:
    if event is None:
        return {}
    if isinstance(event, RunOpened):
        return {"event": "run-start", "session_run": event.run.id}
    if isinstance(event, RunClosed):
        facts = {"event": "run-end", "session_run": event.run.id, "reason": event.reason}
        return {**facts, "error": event.error or ""}
    facts = {"session_run": event.step.run.id, "step": event.step.id, "step_serial": event.step.serial}
    if isinstance(event, StepOpened):
        return {**facts, "event": "step-start"}
    if isinstance(event, StepClosed):
        return {**facts, "event": "step-end", "reason": event.reason}
    return {**facts, "event": "part", "message_id": event.message_id}


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
    named = (described.get("id"), described.get("toolCallId"))
    part_id = part_id or next((each for each in named if isinstance(each, str)), "")
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
