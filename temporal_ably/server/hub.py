"""What all connections share: sessions, channels, fan-out. Pure: time comes in as milliseconds, ids from outside.

Source: ably/specification 6.1 (RTN15, RTN16, RTL), ably/docs "Connection state recovery".
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from .auth import WILDCARD, Identity, Key, identify
from .channels import Attachment
from .faults import FaultRules, Match
from .limits import Limits, Meter
from .presence import Actor, Presence
from .protocol import MAX_IDLE_MS, Connection
from .sessions import PRESENCE_GRACE_MS, Session, Sessions
from .store import Author, Channel, Operation
from .tokens import TokenIssuer
from .wire import AblyError, Action, Flag, MessageAction, Wire, size_of, text

MIN_VERSION = 2
ROLLUP_MS = 40
_ROLLUP_MAX_MS = 500
MAX_FRAME_BYTES = 524_288
_SECRETS = frozenset({"key", "access_token", "accessToken", "resume", "recover"})
_RIGHTS = {MessageAction.UPDATE: "update", MessageAction.APPEND: "update", MessageAction.DELETE: "delete"}


@dataclass
class _Live:
    """A channel in use: who is present, who is attached, and how much it takes in."""

    channel: Channel
    presence: Presence
    messages: Meter
    data: Meter
    attachments: list[Attachment[Connection]] = field(default_factory=list[Attachment[Connection]])


@dataclass
class Hub:
    """The server without its sockets.

    Args:
        key: the only API key.
        new_id: gives ids that nobody can guess.
        limits: what is accepted.
        mutable_messages: False answers appends, updates and deletes with 93002, as a namespace without the rule does.
        rollup_ms: rollup window of connections that name none.
        rollup_overtakes: True lets other publishes overtake held appends, as on Ably; False keeps their order.
        connection_state_ttl_ms: how long sessions and missed messages are kept for a client that is away.
        presence_grace_ms: how long members stay present whose client is away.
    """

    key: Key
    new_id: Callable[[], str]
    limits: Limits = field(default_factory=Limits)
    mutable_messages: bool = True
    rollup_ms: int = ROLLUP_MS
    rollup_overtakes: bool = True
    connection_state_ttl_ms: int = 120_000
    presence_grace_ms: int = PRESENCE_GRACE_MS
    faults: FaultRules = field(default_factory=FaultRules)
    connections: set[Connection] = field(default_factory=set[Connection])
    connections_total: int = 0

    def __post_init__(self) -> None:
        """Start with no channels and no sessions."""
        self._series = f"loc{self.new_id()}"
        self._live: dict[str, _Live] = {}
        self.tokens: TokenIssuer = TokenIssuer(self.key)
        ttl_ms, grace_ms = self.connection_state_ttl_ms, self.presence_grace_ms
        self._sessions = Sessions(self.key, self._series, self.new_id, ttl_ms, grace_ms)

    # Connections

    def connect(self, query: Mapping[str, str], now: int) -> Connection:
        """Open a connection; one that is refused comes back already ending, with the error as its only frame.

        Args:
            query: parameters of the WebSocket's URL.
            now: milliseconds since the epoch.
        """
        self.connections_total += 1
        params = public(query)
        self._part(now)
        try:
            identity = self._identify(query, now)
            session, resume_error = self._resume(query, identity, now)
        except AblyError as error:
            refused = Connection(self, Session(""), Identity(None, ()), params, now)
            refused.close(Action.ERROR, error)
            return refused
        connection = Connection(self, session, identity, params, now)
        session.connection = connection
        self.connections.add(connection)
        connected = self.connected(connection)
        connection.send(connected | ({"error": resume_error.to_wire()} if resume_error else {}))
        return connection

    def disconnected(self, connection: Connection, now: int) -> None:
        """Take note that a connection's socket is gone."""
        connection.lost(now)
        self.connections.discard(connection)
        if connection.session.connection is connection:
            self._sessions.away(connection.session, connection.params, now)

    def end(self, session: Session, now: int) -> None:
        """Forget a session whose client said goodbye; its members leave."""
        self._sessions.end(session)
        self.depart(session, now)

    def renewed(self, before: Identity, token: str | None, now: int) -> Identity:
        """Give the identity of a connection that shows another token.

        Raises:
            AblyError: as `identify`, and 40102 if the token is for another client id.
        """
        identity = identify(self.key, given_key=None, token=token, now=now)
        if identity.client_id == WILDCARD and before.client_id is not None:
            identity = identity.claiming(before.client_id)
        if identity.client_id != before.client_id:
            raise AblyError(40102, 401, "unable to accept the token; it is for another clientId than the connection's")
        return identity

    def tick(self, now: int) -> None:
        """Do what is due on every connection, and let those leave whose clients are away for too long."""
        self._part(now)
        for connection in self.connections:
            if connection.ending is None and connection.next_due() <= now:
                connection.tick(now)

    def next_due(self) -> int | None:
        """Give the time of the next tick."""
        due = [connection.next_due() for connection in self.connections if connection.ending is None]
        leaving = self._sessions.next_due()
        return min(due if leaving is None else [*due, leaving], default=None)

    def rollup_window(self, params: Wire) -> int:
        """Give the rollup window that a connection gets, in milliseconds."""
        asked = str(params.get("appendRollupWindow", ""))
        return min(int(asked), _ROLLUP_MAX_MS) if asked.isdecimal() else self.rollup_ms

    def _identify(self, query: Mapping[str, str], now: int) -> Identity:
        version = query.get("v", "")
        if not version.partition(".")[0].isdecimal() or int(version.partition(".")[0]) < MIN_VERSION:
            raise AblyError(40017, 400, "unable to connect; the protocol version is not supported; use a current SDK")
        token = query.get("access_token") or query.get("accessToken")
        identity = identify(self.key, given_key=query.get("key"), token=token, now=now)
        return identity.claiming(query.get("clientId"))

    def _resume(self, query: Mapping[str, str], identity: Identity, now: int) -> tuple[Session, AblyError | None]:
        wanted = query.get("resume") or query.get("recover")
        if wanted and self.faults.take_refused_resume():
            session, _ = self._sessions.open(None, identity, now)
            return session, AblyError(80018, 400, "unable to resume; a fault was asked for")
        return self._sessions.open(wanted, identity, now)

    def connected(self, connection: Connection) -> Wire:
        """Write CONNECTED: the first frame of a connection, and the answer to a renewed token."""
        identity = connection.identity
        connection_key = self._sessions.connection_key(connection.session, identity)
        details: Wire = {
            "connectionKey": connection_key,
            "maxMessageSize": self.limits.message_bytes,
            "maxFrameSize": MAX_FRAME_BYTES,
            "maxInboundRate": self.limits.connection_messages_per_s or 1000,
            "connectionStateTtl": self.connection_state_ttl_ms,
            "maxIdleInterval": MAX_IDLE_MS,
            "serverId": "temporal-ably-local",
            "siteCode": "loc",
        }
        if identity.client_id is not None and (identity.expires is not None or identity.client_id != "*"):
            details["clientId"] = identity.client_id
        frame: Wire = {"action": int(Action.CONNECTED), "connectionId": connection.id, "connectionKey": connection_key}
        frame["connectionDetails"] = details
        return frame

    # Channels

    def channel(self, name: str, now: int) -> Channel:
        """Give a channel, made on first use."""
        return self._use(name, now).channel

    def find_channel(self, name: str) -> Channel | None:
        """Give a channel if it was ever used."""
        return self._live[name].channel if name in self._live else None

    @property
    def published_channels(self) -> list[str]:
        """The channels that something was published to, in the order of their first use."""
        return [name for name, live in self._live.items() if live.channel.log]

    def attachments_of(self, name: str) -> Sequence[Attachment[Connection]]:
        """Give the attachments to a channel."""
        return self._live[name].attachments if name in self._live else ()

    def attach(self, attachment: Attachment[Connection]) -> None:
        """Deliver a channel's operations to an attachment from now on."""
        self._live[attachment.bare].attachments.append(attachment)

    def detach(self, attachment: Attachment[Connection]) -> None:
        """Deliver no more to an attachment."""
        self._live[attachment.bare].attachments.remove(attachment)

    # Presence

    def presence(self, name: str) -> Presence:
        """Give who is present on a channel."""
        return self._live[name].presence if name in self._live else Presence(None)

    def act(self, name: str, items: Sequence[Wire], clients: Sequence[str], actor: Actor, now: int) -> None:
        """Let members of a connection enter, update or leave, and tell the others.

        Raises:
            AblyError: as `Presence.apply`, and 40009 for too much data.
        """
        if size_of(items) > self.limits.message_bytes:
            raise AblyError(40009, 413, "unable to act on presence; its data is larger than the limit; send less")
        live = self._use(name, now)
        self._announce(live, live.presence.apply(items, clients, actor, now))

    def depart(self, session: Session, now: int, name: str | None = None) -> None:
        """Let the members of a session leave one channel, or all, and tell the others."""
        for live in self._live.values() if name is None else [self._live[name]]:
            members = live.presence.members(connection_id=session.connection_id)
            self._announce(live, live.presence.remove(members, self.new_id, now))

    def lapse(self, match: Match | None, now: int) -> None:
        """Let members leave now whose clients are away."""
        away = {session.connection_id for session in self._sessions.absent}
        for name, live in self._live.items():
            members = [member for member in live.presence.members() if member["connectionId"] in away]
            gone = [member for member in members if match is None or match({**member, "channel": name})]
            self._announce(live, live.presence.remove(gone, self.new_id, now))

    def occupancy(self, name: str) -> Wire:
        """Count who uses a channel, and how."""
        attachments = self.attachments_of(name)
        by = {mode: {a.owner.id for a in attachments if mode in a.modes} for mode in Flag}
        return {
            "connections": len({attachment.owner.id for attachment in attachments}),
            "publishers": len(by[Flag.PUBLISH]),
            "subscribers": len(by[Flag.SUBSCRIBE]),
            "presenceConnections": len(by[Flag.PRESENCE]),
            "presenceSubscribers": len(by[Flag.PRESENCE_SUBSCRIBE]),
            "presenceMembers": len(self.presence(name).members()),
        }

    def _part(self, now: int) -> None:
        for session in self._sessions.leaving(now):
            self.depart(session, now)

    def _announce(self, live: _Live, events: Sequence[Wire]) -> None:
        for attachment in live.attachments if events else ():
            attachment.owner.announce(attachment, events)

    # Messages

    def check(self, identity: Identity, name: str, messages: Sequence[Wire]) -> None:
        """Check what can be checked before the rate limits.

        Raises:
            AblyError: 40009 for too much data, 40034 for too many messages, 40012, 40160 or 40166 for what the
                identity may not do, 93002 where messages cannot be changed, 40003 for an unknown action, 40400 for an
                unknown message.
        """
        if len(messages) > self.limits.messages_per_publish:
            raise AblyError(40034, 400, "unable to publish; there are more messages than the limit; send fewer at once")
        if size_of(messages) > self.limits.message_bytes:
            raise AblyError(40009, 413, "unable to publish; the message is larger than the limit; send less at once")
        for message in messages:
            identity.author_of(message)
            action = _action(message)
            if action is MessageAction.CREATE:
                identity.require(name, "publish")
            elif not self.mutable_messages:
                raise AblyError(
                    93002,
                    400,
                    "unable to change the message; the channel's namespace lacks the rule 'message annotations, "
                    "updates, appends, and deletes'; switch the rule on for the namespace",
                )
            else:
                self._check_change(identity, name, message, action)

    def publish(
        self, name: str, messages: Sequence[Wire], identity: Identity, connection_id: str | None, now: int
    ) -> list[str]:
        """Apply operations and deliver them.

        Returns:
            For each its serial: the message's for a create, the version's for a change.

        Raises:
            AblyError: as `check`, and 42913 or 42914 when the channel's rate is exceeded.
        """
        live = self._use(name, now)
        self.check(identity, name, messages)
        if not live.messages.take(len(messages), now):
            raise AblyError(42913, 429, "unable to publish; the channel's message rate was exceeded; slow down")
        if not live.data.take(size_of(messages), now):
            raise AblyError(42914, 429, "unable to publish; the channel's bandwidth was exceeded; slow down")
        author = Author(connection_id, None if identity.client_id == "*" else identity.client_id)
        if all(_action(message) is MessageAction.CREATE for message in messages):
            return self._create(live, messages, author, now)
        return [self._change(live, message, author, now) for message in messages]

    def _create(self, live: _Live, messages: Sequence[Wire], author: Author, now: int) -> list[str]:
        results = live.channel.create(messages, author, now, self.new_id())
        self._deliver(live, [result for result in results if isinstance(result, Operation)])
        return [result.serial if isinstance(result, Operation) else result for result in results]

    def _change(self, live: _Live, message: Wire, author: Author, now: int) -> str:
        operation = live.channel.change(message, author, now)
        self._deliver(live, [operation])
        return f"{operation.position}:000"

    def _deliver(self, live: _Live, operations: Sequence[Operation]) -> None:
        for attachment in live.attachments if operations else ():
            attachment.owner.deliver(attachment, operations)

    def _check_change(self, identity: Identity, name: str, message: Wire, action: MessageAction) -> None:
        right = f"message-{_RIGHTS[action]}"
        identity.require(name, f"{right}-any", f"{right}-own")
        live = self._live.get(name)
        target = live.channel.find(text(message, "serial")) if live else None
        if target is None:
            raise AblyError(40400, 404, "unable to find the message; its serial is unknown on this channel")
        if action is MessageAction.APPEND and target.size + size_of([message]) > self.limits.aggregate_bytes:
            raise AblyError(40009, 413, "unable to append; the message has grown to its limit; start another one")
        if identity.allows(name, f"{right}-any"):
            return
        if identity.client_id is None:
            raise AblyError(40166, 401, "unable to change the message; only identified clients may; set a clientId")
        if target.fields.get("clientId") != identity.client_id:
            raise AblyError(
                40160, 401, "unable to change the message; it is another client's, and only own are allowed"
            )

    def _use(self, name: str, now: int) -> _Live:
        if name not in self._live:
            limits = self.limits
            channel, presence = Channel(name, self._series, now), Presence(limits.presence_members)
            messages, data = Meter(limits.channel_messages_per_s), Meter(limits.channel_bytes_per_s)
            self._live[name] = _Live(channel, presence, messages, data)
        return self._live[name]


def public(query: Mapping[str, str]) -> Wire:
    """Give the parameters of a URL without its secrets."""
    return {key: value for key, value in query.items() if key not in _SECRETS}


def _action(message: Wire) -> MessageAction:
    try:
        return MessageAction(message.get("action", 0))
    except ValueError as error:
        raise AblyError(40003, 400, "unable to publish; the message has an unknown action") from error
