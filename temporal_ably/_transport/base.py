"""The seam to Ably: what the publisher needs of a connection, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
    from typing import TypeAlias

    from temporal_ably._wire.operations import Operation
    from temporal_ably.envelope import Action
    from temporal_ably.errors import PublishError

    # Ably's own callback: token parameters in; a token, token details or a token request out.
    # Source: ably-python 3.1.4, ``AuthOptions.auth_callback``.
    AuthCallback: TypeAlias = Callable[[dict[str, object]], Awaitable[object]]

    # Called on the connection's loop; they never raise.
    OnMessage: TypeAlias = Callable[["Stored"], None]
    OnGap: TypeAlias = Callable[[], None]


@dataclass(frozen=True)
class Timeouts:
    """How long things may take, in seconds.

    ``idle_s``: a connection without work is kept so long. ``refused_pause_s``: what Ably refuses
    (credentials, a channel) is tried again so often.
    """

    probe_s: float = 3.0
    connect_s: float = 10.0
    operation_s: float = 10.0
    idle_s: float = 30.0
    refused_pause_s: float = 60.0


@dataclass(frozen=True)
class Credentials:
    """How to reach and to enter Ably. ``endpoint`` is a name or ``host:port``; ``None`` is Ably's default.

    Where ``auth_callback`` is set it gives tokens, and the key is not used. The key is kept out of ``repr``.
    """

    key: str
    endpoint: str | None
    tls: bool
    client_id: str
    # A callable object need not be hashable.
    auth_callback: AuthCallback | None = field(default=None, hash=False)

    def __repr__(self) -> str:
        """Show everything but the secret."""
        name = self.key.partition(":")[0]
        return f"Credentials(key={name}:***, endpoint={self.endpoint!r}, tls={self.tls}, client_id={self.client_id!r})"


@dataclass(frozen=True)
class Stored:
    """One message as a channel gives it: of its history at the latest version, or live, one operation on it.

    ``client_id`` is who published it, ``version_client_id`` who did the last operation on it, where Ably tells it.
    ``timestamp`` is in milliseconds. A message whose last ``action`` is ``delete`` is still there, whatever it holds.
    Live, ``data`` of an ``append`` is the new text alone; whoever has not seen the message yet gets an ``update`` with
    all of it instead.
    """

    serial: str
    name: str
    data: object
    extras: Mapping[str, object]
    version: str = ""
    client_id: str = ""
    id: str = ""
    timestamp: int | None = None
    action: Action = "create"
    version_client_id: str = ""


class Connector(Protocol):
    """What makes connections."""

    def connect(self) -> Connection:
        """Give an unopened connection; called on the engine's loop."""
        ...

    def on_close(self, close: Callable[[], None]) -> None:
        """Call ``close`` once nobody publishes any more, from any thread but the engine's; it blocks for a moment."""
        ...


class Connection(Protocol):
    """One connection. It is used once: after ``lost`` is done it is closed and replaced."""

    @property
    def lost(self) -> asyncio.Future[PublishError]:
        """Done, with the reason, once the connection is not to be trusted any more."""
        ...

    async def open(self) -> None:
        """Connect.

        Raises:
            ConnectionLostError: if Ably cannot be reached in time.
            PublishError: if Ably refuses the credentials.
        """
        ...

    async def send(self, channel: str, operation: Operation) -> tuple[str, ...]:
        """Run an operation and give a serial for each of its messages.

        Raises:
            PublishError: if Ably refused it; it was not applied.
            ConnectionLostError: if the outcome is unknown.
        """
        ...

    async def subscribe(self, channel: str, on_message: OnMessage, on_gap: OnGap) -> None:
        """Have the messages of a channel delivered from now on, those that this connection sends excepted.

        A channel has one subscription at a time. What was published before is in ``history``, which is to be read once
        this has returned, and again whenever ``on_gap`` is called. A subscription that cannot go on is a connection
        ``lost``.

        Args:
            channel: the channel.
            on_message: called with each message, in order; also before this returns.
            on_gap: called when messages may have been missed.

        Raises:
            PublishError: if Ably refuses; the channel can still be published to.
            ConnectionLostError: if the connection is lost.
        """
        ...

    def unsubscribe(self, channel: str) -> None:
        """Have them delivered no more; a channel that has no subscription is left as it is."""
        ...

    def history(self, channel: str, since_ms: int = 0) -> AsyncGenerator[Stored, None]:
        """Read a channel's messages, newest first; works on a connection that is not open, too.

        Args:
            channel: the channel.
            since_ms: only those that were created at this time or later, in milliseconds since the epoch.

        Raises:
            HistoryError: if they cannot be read.
        """
        ...

    def release(self, channel: str) -> None:
        """Forget a channel that is not used any more, its subscription too."""
        ...

    async def close(self) -> None:
        """Let go of the connection; never raises."""
        ...
