"""Operations on a channel, as frozen values.

Source: Ably message operations (create, append, update), Ably protocol version 5.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from temporal_ably._wire.parts import Json

# `ai` and `headers`, both flat maps of strings in the end, and `ephemeral`.
Extras = Mapping[str, Mapping[str, Mapping[str, str]] | Mapping[str, str] | bool]


@dataclass(frozen=True)
class Message:
    """One message. ``id`` makes a create idempotent; ``data`` of ``None`` means no data field."""

    name: str
    data: Json
    extras: Extras
    id: str | None = None


@dataclass(frozen=True)
class Publish:
    """Create one or more messages at once, all or none."""

    messages: tuple[Message, ...]


@dataclass(frozen=True)
class Append:
    """Append ``message.data`` to the message ``serial``; name and extras replace the earlier ones."""

    serial: str
    message: Message


@dataclass(frozen=True)
class Update:
    """Replace the message ``serial``."""

    serial: str
    message: Message


Operation = Publish | Append | Update


def messages_of(operation: Operation) -> tuple[Message, ...]:
    """Give the messages that an operation carries."""
    return operation.messages if isinstance(operation, Publish) else (operation.message,)


def size_bytes(operation: Operation) -> int:
    """Give the size that counts against Ably's message limit: name, data and JSON of extras.

    Source: Ably limits, "message size": the sum over one publish call.
    """
    return sum(_message_bytes(message) for message in messages_of(operation))


def _message_bytes(message: Message) -> int:
    data = message.data if isinstance(message.data, str) else json.dumps(message.data)
    return len(message.name) + len(data.encode()) + len(json.dumps(message.extras).encode())
