"""A channel on paper: applies operations as Ably does, and complains where a live reader would be misled."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING

from temporal_ably._dialect import ait08
from temporal_ably._publisher.attempt import Plan
from temporal_ably._transport.base import Stored
from temporal_ably._wire.events import Event, PartEmitted, PartText, Run
from temporal_ably._wire.operations import Append, Message, Operation, Publish, messages_of
from temporal_ably._wire.tags import Origin

if TYPE_CHECKING:
    from collections.abc import Mapping

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


class Fate(Enum):
    """What becomes of an operation. Lost ones are never acknowledged; of those, some are applied."""

    ACKED = "acked"
    REFUSED = "refused"
    LOST = "lost"
    LOST_BUT_APPLIED = "lost but applied"


def headers_of(message: Message) -> Mapping[str, str]:
    found = message.extras.get("headers", {})
    return {name: value for name, value in found.items() if isinstance(value, str)}


@dataclass
class Channel:
    """Messages in the order of their serials; ``live`` is the text that a reader has who was there all along."""

    messages: dict[str, Message] = field(default_factory=dict[str, Message])
    applied: list[Operation] = field(default_factory=list[Operation])
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
        assert isinstance(before.data, str)
        assert isinstance(message.data, str)
        if isinstance(operation, Append):
            assert self._status(before) == "streaming", "an append to a closed stream is not shown live"
            message = replace(message, data=before.data + message.data)
        else:
            assert message.data.startswith(before.data), "an update that is no extension is not shown live"
        self.messages[operation.serial] = replace(message, id=before.id)
        return (self._tick(),)

    def _create(self, message: Message) -> str:
        assert message.id is not None, "a create without an id cannot be sent again"
        serial = self._ids.get(message.id)
        if serial is None:
            serial = self._ids[message.id] = self._tick()
            self.messages[serial] = message
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
        """The history, newest first."""
        return [Stored(serial, each.name, each.data, each.extras) for serial, each in self.messages.items()][::-1]


def picture(operation: Operation) -> str:
    """One operation as a line: what a person would look for in it."""
    return " + ".join(_picture(operation, message) for message in messages_of(operation))


def _picture(operation: Operation, message: Message) -> str:
    event = ait08.decode(message, "")
    if isinstance(event, PartEmitted):
        return event.part.kind
    if not isinstance(event, PartText):
        return message.name.removeprefix("ai-")
    verb = "create" if isinstance(operation, Publish) else type(operation).__name__.lower()
    return f"{verb} {event.message_id.rpartition('/')[2]}.{event.part.id} {event.text!r} {event.status}"
