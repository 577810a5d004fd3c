"""A channel on paper: applies operations as Ably does, and complains where a live reader would be misled."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, cast

from temporal_ably._dialect import ait08
from temporal_ably._publisher.plan import Plan
from temporal_ably._session.fold import Fold
from temporal_ably._transport.base import Stored
from temporal_ably._wire.events import Event, PartEmitted, PartText, Run
from temporal_ably._wire.operations import Append, Message, Operation, Publish, Update, messages_of
from temporal_ably._wire.parts import Streamed
from temporal_ably._wire.tags import SUPERSEDED_BY, Origin
from temporal_ably.envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from temporal_ably._session.model import Message as UiMessage
    from temporal_ably._session.model import Session
    from temporal_ably._wire.operations import Extras
    from temporal_ably._wire.parts import Json

RUN = Run("run", "run/in")
ORIGIN = Origin(
    workflow_id="wf",
    workflow_run_id="wf-run",
    workflow_type="Chat",
    activity_id="1",
    activity_type="answer",
    attempt=1,
    started_us=1000,
    agent="answer",
    namespace="default",
    task_queue="tasks",
)
PLAN = Plan("ai:wf", RUN, ":0:1", ORIGIN, "wf", "wf-run")
# What a user's side opens: an attempt numbers text and reasoning itself.
TEXT = Streamed("text", "", {"id": ""})
REASONING = Streamed("reasoning", "", {"id": ""})


class Fate(Enum):
    """What becomes of an operation. Lost ones are never acknowledged; of those, some are applied."""

    ACKED = "acked"
    REFUSED = "refused"
    LOST = "lost"
    LOST_BUT_APPLIED = "lost but applied"


def headers_of(message: Message) -> Mapping[str, str]:
    found = message.extras.get("headers")
    return {name: value for name, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else {}


@dataclass
class Channel:
    """Messages in the order of their serials; ``live`` is what a reader is sent who is there all along."""

    messages: dict[str, Message] = field(default_factory=dict[str, Message])
    applied: list[Operation] = field(default_factory=list[Operation])
    live: list[Envelope] = field(default_factory=list[Envelope])
    _ids: dict[str, str] = field(default_factory=dict[str, str])
    _clock: int = 0

    def apply(self, operation: Operation) -> tuple[str, ...]:
        if isinstance(operation, Publish):
            fresh = [message for message in operation.messages if message.id not in self._ids]
            assert not fresh or len(fresh) == len(operation.messages), "a batch is applied whole or not at all"
            if fresh:
                self.applied.append(operation)
            return tuple(self._create(message) for message in operation.messages)
        self.applied.append(operation)
        before, message = self.messages[operation.serial], operation.message
        text = self._text_after(operation, before, message)
        whole = replace(message, id=before.id, data=text)
        self.messages[operation.serial] = whole
        version = self._tick()
        is_append = isinstance(operation, Append)
        # Ably leaves the name out of an append.
        sent = replace(message, name="") if is_append else whole
        self.live.append(_envelope(operation.serial, version, "append" if is_append else "update", sent))
        return (version,)

    def _text_after(self, operation: Operation, before: Message, message: Message) -> Json:
        if isinstance(operation, Append):
            assert self._status(before) == "streaming", "an append to a closed stream is not shown live"
            assert isinstance(before.data, str)
            assert isinstance(message.data, str)
            return before.data + message.data
        if message.data is None:
            return before.data
        assert isinstance(before.data, str)
        assert isinstance(message.data, str)
        assert message.data.startswith(before.data), "an update that is no extension is not shown live"
        return message.data

    def _create(self, message: Message) -> str:
        assert message.id is not None, "a create without an id cannot be sent again"
        serial = self._ids.get(message.id)
        if serial is None:
            serial = self._ids[message.id] = self._tick()
            self.messages[serial] = message
            self.live.append(_envelope(serial, serial, "create", message))
        return serial

    def _tick(self) -> str:
        self._clock += 1
        return f"{self._clock:06}"

    @staticmethod
    def _status(message: Message) -> str:
        return ait08.transport_headers(message.extras)["status"]

    def events(self) -> list[Event]:
        found = [ait08.decode(message, serial) for serial, message in self.messages.items()]
        return [event for event in found if event is not None]

    def streams(self) -> list[PartText]:
        return [event for event in self.events() if isinstance(event, PartText)]

    def texts(self) -> list[str]:
        return [stream.text for stream in self.streams()]

    def names(self) -> list[str]:
        return [message.name for message in self.messages.values()]

    def stored(self) -> list[Stored]:
        """The history, newest first; Ably keeps nothing ephemeral."""
        return [
            Stored(serial, each.name, each.data, each.extras)
            for serial, each in self.messages.items()
            if each.extras.get("ephemeral") is not True
        ][::-1]

    @property
    def session(self) -> Session:
        """What a reader who was there all along makes of it; one who comes late must make the same."""
        session = _fold(self.live)
        assert session == self.session_from_history, "a live reader and a late one disagree"
        return session

    @property
    def session_from_history(self) -> Session:
        return _fold([_envelope(each.serial, each.serial, "create", _message(each)) for each in self.stored()])

    def ui(self) -> list[list[dict[str, Json]]]:
        """The parts of each message of the session, as ``useChat`` has them."""
        return [ui_parts(message) for message in self.session.messages]


def ui_parts(message: UiMessage) -> list[dict[str, Json]]:
    return [part.as_ui() for part in message.parts]


def _fold(envelopes: list[Envelope]) -> Session:
    fold = Fold()
    for envelope in envelopes:
        fold.apply(envelope)
    return fold.session


def _message(stored: Stored) -> Message:
    return Message(stored.name, cast("Json", stored.data), cast("Extras", stored.extras))


def _envelope(serial: str, version: str, action: str, message: Message) -> Envelope:
    wire = {"serial": serial, "version": {"serial": version}, "action": action}
    return Envelope.of(wire | {"name": message.name, "data": message.data, "extras": message.extras}, channel="ai:wf")


def picture(operation: Operation) -> str:
    """One operation as a line: what a person would look for in it."""
    return " + ".join(_picture(operation, message) for message in messages_of(operation))


def _picture(operation: Operation, message: Message) -> str:
    event = ait08.decode(message, "")
    if isinstance(operation, Update) and message.data is None:
        return f"mark {headers_of(message)[SUPERSEDED_BY]}"
    if isinstance(event, PartEmitted):
        return event.part.kind
    if not isinstance(event, PartText):
        return message.name.removeprefix("ai-")
    verb = "create" if isinstance(operation, Publish) else type(operation).__name__.lower()
    if event.part.kind != "text":
        verb += f" {event.part.kind}"
    return f"{verb} {event.message_id.rpartition('/')[2]}.{event.part.id} {event.text!r} {event.status}"
