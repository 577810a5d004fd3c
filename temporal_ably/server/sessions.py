"""Sessions: what of a connection outlives its socket, and for how long. Pure: time comes in as milliseconds.

A connection key proves itself, so that resume works after a restart of the server too; in one life of the server it is
lost with its session.

Source: ably/specification 6.1 (RTN15, RTN16), ably/docs "Connection state recovery", "Presence" (15 s after a lost
connection, transport parameter remainPresentFor).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .acks import Ledger
from .auth import Identity, Key, create_connection_key, read_connection_key
from .wire import AblyError, Wire

if TYPE_CHECKING:
    from .protocol import Connection

PRESENCE_GRACE_MS = 15_000
_REMAIN_MIN_MS = 1000


@dataclass(slots=True, eq=False)
class Session:
    """What outlives a socket."""

    connection_id: str
    ledger: Ledger = field(default_factory=Ledger)
    connection: "Connection | None" = None
    expires: int | None = None
    """Milliseconds; set while no socket is open."""
    leaves: int | None = None
    """Milliseconds: when its members leave their channels; set while no socket is open and they have not left."""


@dataclass
class Sessions:
    """All sessions of one life of the server.

    Args:
        key: signs connection keys.
        life: names this life of the server.
        new_id: gives connection ids.
        ttl_ms: how long a session is kept for a client that is away.
        grace_ms: how long members stay present whose client is away and named no `remainPresentFor`.
    """

    key: Key
    life: str
    new_id: Callable[[], str]
    ttl_ms: int
    grace_ms: int

    def __post_init__(self) -> None:
        """Start with none."""
        self._sessions: dict[str, Session] = {}

    def open(self, connection_key: str | None, identity: Identity, now: int) -> tuple[Session, AblyError | None]:
        """Give the session to resume, or a new one with the reason why it could not be resumed.

        Raises:
            AblyError: 40102 if the session is another client's.
        """
        connection_id, error = self.new_id(), None
        if connection_key:
            try:
                connection_id = self._resumable(connection_key, identity)
            except AblyError as refused:
                if refused.code != 80018:
                    raise
                error = refused
        session = self._sessions.setdefault(connection_id, Session(connection_id))
        if session.connection:
            session.connection.supersede(now)
        session.expires = session.leaves = None
        return session, error

    def connection_key(self, session: Session, identity: Identity) -> str:
        """Give what a resume must show."""
        return create_connection_key(self.key, session.connection_id, identity.client_id, self.life, self.new_id())

    def away(self, session: Session, params: Wire, now: int) -> None:
        """Take note that the session's socket is gone."""
        session.connection = None
        session.expires = now + self.ttl_ms
        asked = str(params.get("remainPresentFor", ""))
        session.leaves = now + (max(int(asked), _REMAIN_MIN_MS) if asked.isdecimal() else self.grace_ms)

    def end(self, session: Session) -> None:
        """Forget a session whose client said goodbye."""
        self._sessions.pop(session.connection_id, None)

    def leaving(self, now: int) -> Iterable[Session]:
        """Give those whose members leave now, each once, and forget those that are lost."""
        for session in list(self._sessions.values()):
            lost = session.expires is not None and session.expires <= now
            if lost:
                self.end(session)
            if session.leaves is not None and (lost or session.leaves <= now):
                session.leaves = None
                yield session

    @property
    def absent(self) -> list[Session]:
        """Those whose clients are away and whose members are still present."""
        return [session for session in self._sessions.values() if session.leaves is not None]

    def next_due(self) -> int | None:
        """Give the time at which members leave next."""
        return min((session.leaves for session in self.absent if session.leaves is not None), default=None)

    def _resumable(self, connection_key: str, identity: Identity) -> str:
        connection_id, client_id, life = read_connection_key(self.key, connection_key)
        if client_id != identity.client_id:
            raise AblyError(40102, 401, "unable to resume; the connection belongs to another clientId")
        if life == self.life and connection_id not in self._sessions:
            raise AblyError(80018, 400, "unable to resume; the connection's state has expired")
        return connection_id
