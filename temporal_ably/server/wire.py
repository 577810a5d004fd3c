"""Frames and messages of the Ably protocol: names, errors, JSON and msgpack.

Rule of the file: inside the server binary data is `bytes` and never carries a `base64` encoding step; JSON peers get
one on the way out. Messages and frames are plain dictionaries with the keys of the wire.

Source: ably/specification 6.1 (protocol.md, features.md TR, TM, RSL4).
"""

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum, IntFlag
from typing import Literal, cast

import msgpack  # pyright: ignore[reportMissingTypeStubs]  it has none

Wire = dict[str, object]
"""A frame or a message with the keys of the wire."""
Format = Literal["json", "msgpack"]


_TEXTS = ("id", "clientId", "name", "serial", "encoding")


class Action(IntEnum):
    """Actions of protocol frames that this server knows."""

    HEARTBEAT = 0
    ACK = 1
    NACK = 2
    CONNECTED = 4
    DISCONNECT = 5
    DISCONNECTED = 6
    CLOSE = 7
    CLOSED = 8
    ERROR = 9
    ATTACH = 10
    ATTACHED = 11
    DETACH = 12
    DETACHED = 13
    PRESENCE = 14
    MESSAGE = 15
    SYNC = 16
    AUTH = 17
    OBJECT = 19
    ANNOTATION = 21


class MessageAction(IntEnum):
    """Actions of the messages inside a MESSAGE frame."""

    CREATE = 0
    UPDATE = 1
    DELETE = 2
    APPEND = 5


class PresenceAction(IntEnum):
    """Actions of the items inside a PRESENCE or SYNC frame."""

    ABSENT = 0
    PRESENT = 1
    ENTER = 2
    LEAVE = 3
    UPDATE = 4


class Flag(IntFlag):
    """Flags of ATTACH and ATTACHED; from PRESENCE on they are channel modes."""

    NONE = 0
    HAS_PRESENCE = 1 << 0
    HAS_BACKLOG = 1 << 1
    RESUMED = 1 << 2
    ATTACH_RESUME = 1 << 5
    PRESENCE = 1 << 16
    PUBLISH = 1 << 17
    SUBSCRIBE = 1 << 18
    PRESENCE_SUBSCRIBE = 1 << 19
    ANNOTATION_PUBLISH = 1 << 21
    ANNOTATION_SUBSCRIBE = 1 << 22


class AblyError(Exception):
    """An error that the peer gets to see: Ably's code, an HTTP status and a text without secrets."""

    def __init__(self, code: int, status: int, message: str) -> None:
        """Take Ably's code, the HTTP status and a text of the form "unable to X; reason; fix"."""
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message

    def to_wire(self) -> Wire:
        """Give the ErrorInfo; ably-python needs all three of the first fields."""
        href = f"https://help.ably.io/error/{self.code}"
        return {"code": self.code, "statusCode": self.status, "message": self.message, "href": href}


def encode(value: object, wire_format: Format) -> bytes:
    """Encode a value that holds no bytes unless the format is msgpack."""
    if wire_format == "msgpack":
        return cast("bytes", msgpack.packb(value))  # pyright: ignore[reportUnknownMemberType]
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def decode(payload: bytes | str, wire_format: Format) -> object:
    """Decode a frame or a body.

    Raises:
        AblyError: 40000 if the payload is not of that format.
    """
    try:
        if wire_format == "json":
            return _decode_json(payload.decode() if isinstance(payload, bytes) else payload)
        raw = payload.encode() if isinstance(payload, str) else payload
        unpack = cast("Callable[..., object]", msgpack.unpackb)  # pyright: ignore[reportUnknownMemberType]
        return unpack(raw, strict_map_key=False, ext_hook=_extension)
    except (ValueError, RecursionError, msgpack.UnpackException) as error:
        raise AblyError(40000, 400, f"unable to read the {wire_format} body; it is not valid {wire_format}") from error


def _decode_json(payload: str) -> object:
    """Decode JSON; refuse with ValueError what could not be sent on: NaN, infinity and lone surrogates."""
    value = cast("object", json.loads(payload, parse_constant=_refuse_constant))
    if "\\u" in payload:
        encode(value, "json")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _extension(code: int, data: bytes) -> None:
    """Read any extension type as null: ably-js sends `undefined` as one."""


def as_wire(value: object) -> Wire:
    """Take a decoded value as a dictionary without nulls (ably-python sends explicit ones).

    Raises:
        AblyError: 40000 if it is no dictionary with string keys.
    """
    if not isinstance(value, dict):
        raise AblyError(40000, 400, "unable to read the request; an object was expected")
    return {str(key): item for key, item in cast("dict[object, object]", value).items() if item is not None}


def text(source: Mapping[str, object], key: str) -> str | None:
    """Read a string field, None where it is absent or of another type."""
    value = source.get(key)
    return value if isinstance(value, str) else None


def number(source: Mapping[str, object], key: str) -> int:
    """Read a whole number, 0 where it is absent or of another type."""
    value = source.get(key)
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return int(value) if whole and isinstance(value, (int, float)) else 0


def messages_in(body: object) -> list[Wire]:
    """Read one message or presence item, or an array of them, data in its inner form.

    Raises:
        AblyError: 40000 for a wrong shape, 40013 for data of an unsupported type.
    """
    items = cast("list[object]", body) if isinstance(body, list) else [body]
    return [_read_message(as_wire(item)) for item in items]


def _read_message(message: Wire) -> Wire:
    if any(key in message and not isinstance(message[key], str) for key in _TEXTS):
        raise AblyError(40000, 400, f"unable to read the message; {', '.join(_TEXTS)} must be strings")
    data = message.get("data")
    steps = (text(message, "encoding") or "").split("/")
    if isinstance(data, (dict, list)):
        message |= {"data": json.dumps(data, ensure_ascii=False, separators=(",", ":")), "encoding": "json"}
    elif isinstance(data, str) and steps[-1] == "base64":
        try:
            message["data"] = base64.b64decode(data, validate=True)
        except ValueError as error:
            raise AblyError(40013, 400, "unable to read the message; its data is not valid base64") from error
        message["encoding"] = "/".join(steps[:-1])
    elif data is not None and not isinstance(data, (str, bytes)):
        raise AblyError(40013, 400, "unable to read the message; data must be a string, bytes, an object or an array")
    if not message.get("encoding"):
        message.pop("encoding", None)
    return message


def message_out(message: Wire, wire_format: Format) -> Wire:
    """Give a message in the form for one peer: bytes stay bytes for msgpack and become base64 for JSON."""
    data = message.get("data")
    if wire_format == "msgpack" or not isinstance(data, bytes):
        return message
    encoding = text(message, "encoding")
    steps = f"{encoding}/base64" if encoding else "base64"
    return {**message, "data": base64.b64encode(data).decode(), "encoding": steps}


def frame_out(frame: Wire, wire_format: Format) -> bytes:
    """Encode a protocol frame for one peer."""
    for key in ("messages", "presence"):
        if key in frame:
            rows = cast("Sequence[Wire]", frame[key])
            frame = {**frame, key: [message_out(row, wire_format) for row in rows]}
    return encode(frame, wire_format)


def size_of(messages: Iterable[Mapping[str, object]]) -> int:
    """Count the bytes that Ably's size limit counts: name, clientId, data and extras as JSON (TO3l8).

    Raises:
        AblyError: 40000 if extras are not possible in JSON.
    """
    total = 0
    for message in messages:
        for key in ("name", "clientId", "data"):
            value = message.get(key)
            total += len(value.encode()) if isinstance(value, str) else len(value) if isinstance(value, bytes) else 0
        try:
            total += len(encode(message["extras"], "json")) if "extras" in message else 0
        except (TypeError, ValueError) as error:
            raise AblyError(40000, 400, "unable to read the message; its extras are not possible in JSON") from error
    return total
