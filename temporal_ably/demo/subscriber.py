"""A viewer: its own connection to Ably, its own fold of the channel, and a network cable to pull.

It shares nothing with the publisher but the channel's name.
"""

from __future__ import annotations

import asyncio
import importlib
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, cast

from temporal_ably._session.fold import Fold
from temporal_ably.envelope import Envelope
from temporal_ably.errors import ConnectionLostError, DecodeError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from temporal_ably._session.model import Session
    from temporal_ably._transport.base import Credentials

# Nobody listens on port 1; a connection to it is refused at once.
_NOWHERE = "127.0.0.1:1"
_RETRY = timedelta(milliseconds=300)
_REQUEST_TIMEOUT = timedelta(seconds=2)
_ATTACH_TIMEOUT = timedelta(seconds=20)
# What was published up to two minutes before the attachment is delivered first, also when a
# connection was away for too long to be resumed.
_CHANNEL_PARAMS = {"rewind": "2m"}


# What the viewer needs of ably-python 3.1.4, which carries no types.
class _Aborting(Protocol):
    def abort(self) -> None: ...


class _WebSocket(Protocol):
    transport: _Aborting


class _Transport(Protocol):
    host: str
    websocket: _WebSocket | None


class _ConnectionManager(Protocol):
    transport: _Transport | None

    def on(self, event: str, listener: Callable[[_Transport], None]) -> None: ...


class _State(Protocol):
    value: str


class _Connection(Protocol):
    state: _State
    connection_manager: _ConnectionManager

    def on(self, listener: Callable[[object], None]) -> None: ...


class _Channel(Protocol):
    def subscribe(self, listener: Callable[[object], None]) -> Awaitable[None]: ...


class _Channels(Protocol):
    def get(self, name: str, *, params: dict[str, str]) -> _Channel: ...


class _Client(Protocol):
    connection: _Connection
    channels: _Channels

    async def close(self) -> None: ...


class _Ably(Protocol):
    def AblyRealtime(self, **options: object) -> _Client: ...  # noqa: N802 - its name there


class Subscriber:
    """What one viewer sees of a channel.

    Args:
        client: an ``AblyRealtime`` of its own.
        channel: name of the channel.
    """

    def __init__(self, client: _Client, channel: str) -> None:
        """Begin with an empty session."""
        self._client = client
        self._channel = channel
        self._fold = Fold()
        self._changed = asyncio.Event()
        self._plugged = True
        client.connection.on(lambda _: self._note_change())
        client.connection.connection_manager.on("transport.pending", self._route)

    @property
    def session(self) -> Session:
        """The session as this viewer sees it."""
        return self._fold.session

    @property
    def online(self) -> bool:
        """Whether the viewer is connected."""
        return self._client.connection.state.value == "connected"

    def receive(self, message: object) -> None:
        """Fold a message that the channel delivered; one that is none of a session is passed over."""
        with suppress(DecodeError):
            if self._fold.apply(Envelope.of(message, channel=self._channel)):
                self._note_change()

    async def changed(self) -> None:
        """Wait for the next change of the session or of the connection."""
        await self._changed.wait()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until a condition on this viewer holds; it is looked at after each change."""
        while not holds():
            await self.changed()

    def pull_cable(self) -> None:
        """Cut the network: abort the socket and let no new one through."""
        self._plugged = False
        transport = self._client.connection.connection_manager.transport
        if transport is not None and transport.websocket is not None:
            transport.websocket.transport.abort()

    async def plug_in(self) -> None:
        """Restore the network and wait until the viewer is connected again."""
        self._plugged = True
        await self.until(lambda: self.online)

    def _route(self, transport: _Transport) -> None:
        if not self._plugged:
            transport.host = _NOWHERE

    def _note_change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


@asynccontextmanager
async def subscribe(channel: str, credentials: Credentials) -> AsyncGenerator[Subscriber]:
    """Watch a channel until the context is left.

    Raises:
        ConnectionLostError: if the channel cannot be attached in time.
    """
    ably = cast("_Ably", importlib.import_module("ably"))
    client = ably.AblyRealtime(
        key=credentials.key,
        endpoint=credentials.endpoint,
        tls=credentials.tls,
        client_id=credentials.client_id,
        disconnected_retry_timeout=_RETRY / timedelta(milliseconds=1),
        realtime_request_timeout=_REQUEST_TIMEOUT / timedelta(milliseconds=1),
    )
    try:
        viewer = Subscriber(client, channel)
        attached = client.channels.get(channel, params=_CHANNEL_PARAMS).subscribe(viewer.receive)
        try:
            await asyncio.wait_for(attached, _ATTACH_TIMEOUT.total_seconds())
        except asyncio.TimeoutError as err:
            raise ConnectionLostError(
                f"unable to watch the channel {channel}; Ably does not answer; check ABLY_ENDPOINT and the network",
                channel=channel,
            ) from err
        yield viewer
    finally:
        await client.close()
