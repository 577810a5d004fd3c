"""The ``ably`` SDK: the one file that imports it, and what we use of it. It comes without type information.

Source: ably-python 3.1.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from temporal_ably._transport.base import Stored

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from temporal_ably._wire.operations import Message
    from temporal_ably.envelope import Action

# ``MessageAction``; META and MESSAGE_SUMMARY are no messages of anybody.
_ACTIONS: dict[int | None, Action] = {None: "create", 0: "create", 1: "update", 2: "delete", 5: "append"}
_DELETE = 2


class AblyError(Protocol):
    """``AblyException``."""

    code: int
    status_code: int
    message: str


class _Version(Protocol):
    serial: str | None
    client_id: str | None


class AblyMessage(Protocol):
    """``Message``."""

    name: str | None
    data: object
    extras: Mapping[str, object] | None
    serial: str | None
    version: _Version | None
    client_id: str | None
    id: str | None
    timestamp: int | None
    action: int | None


class _State(Protocol):
    value: str


class StateChange(Protocol):
    """``ConnectionStateChange``."""

    current: _State
    reason: Exception | None


class ChannelStateChange(StateChange, Protocol):
    """``ChannelStateChange``."""

    resumed: bool


class _States(Protocol):
    def on(self, event: str, listener: Callable[[StateChange], None]) -> None: ...


class _Connection(Protocol):
    connection_manager: _States


class _Published(Protocol):
    serials: list[str | None]


class _Changed(Protocol):
    version_serial: str | None


class Channel(Protocol):
    """``RealtimeChannel``."""

    @property
    def modes(self) -> Sequence[int]: ...

    def on(self, listener: Callable[[ChannelStateChange], None]) -> None: ...

    def off(self, listener: Callable[[ChannelStateChange], None]) -> None: ...

    async def detach(self) -> None: ...

    def subscribe(
        self, event_or_listener: str | Callable[[AblyMessage], None], listener: Callable[[AblyMessage], None] = ...
    ) -> Awaitable[None]: ...

    def unsubscribe(self) -> None: ...

    async def publish(self, messages: list[AblyMessage]) -> _Published: ...

    async def append_message(self, message: AblyMessage) -> _Changed: ...

    async def update_message(self, message: AblyMessage) -> _Changed: ...


class Channels(Protocol):
    """``Channels`` of a realtime client."""

    def get(self, name: str, *, modes: Sequence[int] = ...) -> Channel: ...

    def release(self, name: str) -> None: ...


class Realtime(Protocol):
    """``AblyRealtime``."""

    connection: _Connection
    channels: Channels

    async def close(self) -> None: ...


class _Page(Protocol):
    items: list[AblyMessage]

    def has_next(self) -> bool: ...

    async def next(self) -> _Page: ...


class _RestChannel(Protocol):
    async def history(self, *, limit: int, start: int) -> _Page: ...


class _RestChannels(Protocol):
    def get(self, name: str) -> _RestChannel: ...


class Rest(Protocol):
    """``AblyRest``."""

    channels: _RestChannels

    async def close(self) -> None: ...


class Ably(Protocol):
    AblyRealtime: Callable[..., Realtime]
    AblyRest: Callable[..., Rest]
    AblyException: type[Exception]


def sdk() -> Ably:
    """Give the module ``ably``."""
    import ably  # pyright: ignore[reportMissingTypeStubs] - it has none

    return cast("Ably", ably)


def ably_error(error: BaseException | None) -> AblyError | None:
    """Give an exception of Ably's own, with a code; ``None`` for one of the socket or of Python."""
    return cast("AblyError", error) if isinstance(error, sdk().AblyException) else None


def modes() -> tuple[int, int]:
    """Give the channel modes by which a connection may publish and subscribe."""
    from ably.types.channelmode import ChannelMode  # pyright: ignore[reportMissingTypeStubs] - it has none

    return ChannelMode.PUBLISH, ChannelMode.SUBSCRIBE


def ably_message(message: Message, serial: str | None = None) -> AblyMessage:
    """Give a message as the SDK publishes it."""
    from ably.types.message import Message as SdkMessage  # pyright: ignore[reportMissingTypeStubs] - it has none

    made = SdkMessage(name=message.name, data=message.data, extras=dict(message.extras), id=message.id, serial=serial)
    return cast("AblyMessage", made)


def stored(message: AblyMessage) -> Stored:
    """Give a message of history."""
    version = message.version.serial if message.version else None
    changed = version not in (None, message.serial)
    return _stored(message, "delete" if message.action == _DELETE else "update" if changed else "create")


def delivered(message: AblyMessage) -> Stored | None:
    """Give a message that was delivered live, ``None`` for what nobody published."""
    action = _ACTIONS.get(message.action)
    return _stored(message, action) if action is not None else None


def _stored(message: AblyMessage, action: Action) -> Stored:
    version, changed_by = (message.version.serial, message.version.client_id) if message.version else (None, None)
    return Stored(
        serial=message.serial or "",
        name=message.name or "",
        data=message.data,
        extras=message.extras or {},
        version=version or "",
        client_id=message.client_id or "",
        id=message.id or "",
        timestamp=message.timestamp,
        action=action,
        version_client_id=changed_by or "",
    )
