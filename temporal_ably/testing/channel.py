"""A channel in memory: a create with a known id changes nothing, appends extend, updates replace what they bring.

Messages are kept in the JSON form that Ably's history has, so that the recorder reads them as any client would.

Source: ably/specification 6.1 (TM2, RSL1k5, RSL15, RTL32).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from temporal_ably._transport.base import Stored
from temporal_ably._wire.operations import Append, Publish
from temporal_ably.errors import PublishError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from temporal_ably._wire.operations import Message, Operation, Update
    from temporal_ably.envelope import Action

Wire = dict[str, object]
"""A message with the keys and the action numbers of Ably's JSON."""

CREATE, UPDATE, APPEND = 0, 1, 5
_ACTIONS: dict[object, Action] = {CREATE: "create", UPDATE: "update", APPEND: "append"}


class Channel:
    """The messages of a channel, and every operation that was applied to it.

    Args:
        name: its name.
        next_serial: gives serials that only grow, as strings.
    """

    def __init__(self, name: str, next_serial: Callable[[], str]) -> None:
        self.name = name
        self.log: list[Wire] = []
        """Every operation in order; an append with its own text only."""
        self._messages: dict[str, Wire] = {}
        self._serials: dict[str, str] = {}
        self._next_serial = next_serial

    @property
    def messages(self) -> list[Wire]:
        """All messages as they are now, oldest first."""
        return list(self._messages.values())

    def history(self) -> list[Stored]:
        """Give all messages as they are now, newest first."""
        return [_stored(each) for each in reversed(self._messages.values())]

    def delivered(self, start: int, seen: set[str]) -> list[Stored]:
        """Give what the operations from the ``start``-th on deliver to a subscriber, right after the last of them.

        Args:
            start: a place in ``log``.
            seen: serials of the messages of which the subscriber has all so far; it grows. An append to another
                one is delivered as an update with the whole text.
        """
        found: list[Stored] = []
        for wire in self.log[start:]:
            serial = str(wire["serial"])
            whole = wire["action"] == APPEND and serial not in seen
            found.append(_stored(self._messages[serial] if whole else wire))
            seen.add(serial)
        return found

    def apply(self, operation: Operation, at_ms: int) -> tuple[str, ...]:
        """Apply an operation and give a serial for each of its messages: for a change, that of the new version.

        An update without data keeps the data.

        Raises:
            PublishError: if it changes a message that is not there, or appends to one without text.
        """
        if isinstance(operation, Publish):
            return tuple(self._create(message, at_ms) for message in operation.messages)
        return (self._change(operation, at_ms),)

    def _create(self, message: Message, at_ms: int) -> str:
        if message.id in self._serials:
            return self._serials[message.id]
        serial = self._next_serial()
        made: Wire = {"id": message.id or f"{serial}:0", "action": CREATE, "serial": serial, "timestamp": at_ms}
        made |= _content(message) | {"version": _version(serial, at_ms)}
        self.log.append(made)
        # An ephemeral message is delivered and forgotten.
        if cast("Mapping[str, object]", message.extras).get("ephemeral") is not True:
            self._messages[serial] = made
            self._serials[str(made["id"])] = serial
        return serial

    def _change(self, operation: Append | Update, at_ms: int) -> str:
        before = self._messages.get(operation.serial)
        if before is None:
            raise PublishError(
                f"unable to change a message of channel {self.name}; serial {operation.serial} is unknown; "
                "publish a new message",
                code=40400,
                channel=self.name,
            )
        version = self._next_serial()
        content = _content(operation.message) | {"version": _version(version, at_ms)}
        change = before | content | {"action": UPDATE}
        whole = change
        if isinstance(operation, Append):
            change = change | {"action": APPEND, "data": content.get("data", "")}
            whole = whole | {"data": self._joined(before, change)}
        self.log.append(change)
        self._messages[operation.serial] = whole
        return version

    def _joined(self, before: Wire, change: Wire) -> str:
        text, more = before.get("data", ""), change["data"]
        if not isinstance(text, str) or not isinstance(more, str):
            raise PublishError(
                f"unable to append to a message of channel {self.name}; its data is no text; update it instead",
                code=40013,
                channel=self.name,
            )
        return text + more


def _stored(message: Wire) -> Stored:
    return Stored(
        serial=str(message["serial"]),
        name=str(message["name"]),
        data=message.get("data"),
        extras=cast("Mapping[str, object]", message["extras"]),
        version=str(cast("Wire", message["version"])["serial"]),
        id=str(message["id"]),
        timestamp=cast("int", message["timestamp"]),
        action=_ACTIONS[message["action"]],
    )


def _content(message: Message) -> Wire:
    # Through JSON, as on the way to Ably: a later change of the caller's objects does not reach what is kept.
    content: Wire = {"name": message.name, "extras": _through_json(message.extras)}
    return content if message.data is None else content | {"data": _through_json(message.data)}


def _through_json(value: object) -> Any:
    return json.loads(json.dumps(value))


def _version(serial: str, at_ms: int) -> Wire:
    return {"serial": serial, "timestamp": at_ms}
