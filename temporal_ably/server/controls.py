"""The handle by which tests and `POST /_faults` order faults."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Protocol

from .faults import Fault, FaultKind, FaultRules, Match
from .hub import Hub
from .protocol import Connection
from .wire import AblyError, Action, Wire, as_wire, number, text


class Shell(Protocol):
    """What faults need from the server's sockets."""

    def pump(self) -> None:
        """Carry out what the core wants done."""
        ...

    def now(self) -> int:
        """Give the time in milliseconds since the epoch."""
        ...

    async def listen(self) -> None:
        """Accept connections."""
        ...

    async def stop_listening(self) -> None:
        """Refuse new connections and cut all open ones."""
        ...

    def flow(self, *, on: bool) -> None:
        """Let bytes pass, or hold them in both directions."""
        ...


class Faults:
    """What the server does wrong on purpose.

    Faults on operations (`refuse`, `ignore`, `cut`, `delay`) wait for realtime publishes, `n` of them, in the order in
    which they were asked for; `match` chooses by the inner wire message (name, action, data, extras, serial, ...) with
    its `channel`. A frame that is sent again and was applied before meets no fault: it only gets its ACK.
    """

    def __init__(self, hub: Hub, shell: Shell) -> None:
        """Control one server."""
        self._hub = hub
        self._rules: FaultRules = hub.faults
        self._shell = shell

    def drop_connections(self, match: Match | None = None) -> None:
        """Abort TCP connections now.

        Args:
            match: chooses by the parameters of the connection's URL with `connectionId` and `clientId`; None is all.
        """
        self._each(Connection.abort, match)

    def refuse_resume(self, n: int = 1) -> None:
        """Give the next resumes a new connection, with error 80018."""
        self._rules.resumes_to_refuse += n

    def refuse(self, n: int = 1, code: int = 42911, status: int = 429, match: Match | None = None) -> None:
        """Answer the next operations with a NACK and do not apply them."""
        error = AblyError(code, status, "unable to publish; a fault was asked for; publish again")
        self._rules.add(Fault(FaultKind.REFUSE, n, match, error=error))

    def ignore(self, n: int = 1, match: Match | None = None, *, apply: bool = False) -> None:
        """Never acknowledge the next operations."""
        self._rules.add(Fault(FaultKind.IGNORE, n, match, apply))

    def cut(self, n: int = 1, match: Match | None = None, *, apply: bool = False) -> None:
        """Abort the sender's socket at the next operations, without an ACK."""
        self._rules.add(Fault(FaultKind.CUT, n, match, apply))

    def delay(self, n: int = 1, seconds: float = 0.5, match: Match | None = None) -> None:
        """Apply the next operations but hold back their ACKs, and so all later ones of the connection."""
        self._rules.add(Fault(FaultKind.DELAY, n, match, delay_ms=int(seconds * 1000)))

    def disconnected(self, code: int | None = 80003, status: int = 400, match: Match | None = None) -> None:
        """Send DISCONNECTED to clients, then close. ably-python loses unacknowledged publishes over it.

        Args:
            code: Ably's error code; None sends no error, which leaves ably-python in the state CONNECTED.
            status: HTTP status of the error.
            match: chooses as in `drop_connections`.
        """
        error = None if code is None else AblyError(code, status, "unable to go on; a fault was asked for")
        self._each(lambda connection: connection.close(Action.DISCONNECTED, error), match)

    def connection_error(self, code: int = 80000, status: int = 400, match: Match | None = None) -> None:
        """Send a connection ERROR to clients, then close; they take it as final. `match`: as in `drop_connections`."""
        error = AblyError(code, status, "unable to go on; a fault was asked for")
        self._each(lambda connection: connection.close(Action.ERROR, error), match)

    def channel_error(self, channel: str, code: int = 90000, status: int = 400) -> None:
        """Fail a channel on every connection that is attached to it."""
        error = AblyError(code, status, "unable to keep the channel; a fault was asked for")
        for attachment in list(self._hub.attachments_of(channel)):
            attachment.owner.fail_channel(attachment.name, error, self._shell.now())
        self._shell.pump()

    def lose_continuity(self, channel: str) -> None:
        """Forget a channel's recent past: the next attach from an earlier position is told 90003."""
        self._hub.channel(channel, self._shell.now()).forget(self._shell.now())

    def ask_for_token(self, match: Match | None = None) -> None:
        """Ask clients for another token now, as some time before one expires. `match`: as in `drop_connections`."""
        self._each(lambda connection: connection.ask_for_token(self._shell.now()), match)

    def lapse_presence(self, match: Match | None = None) -> None:
        """Let those leave now whose clients are away, as if their time were over.

        Args:
            match: chooses by the member (clientId, connectionId, data, ...) with its `channel`; None is all.
        """
        self._hub.lapse(match, self._shell.now())
        self._shell.pump()

    @contextlib.asynccontextmanager
    async def unreachable(self, match: Match | None = None) -> AsyncGenerator[None]:
        """Cut sockets and refuse new ones until the block ends.

        Args:
            match: chooses clients by their URL's parameters with `clientId`, for HTTP requests too; None cuts off all,
                even those who show no credentials.
        """
        cutting = self._without_network() if match is None else self._cut_off(match)
        async with cutting:
            yield

    @contextlib.asynccontextmanager
    async def _without_network(self) -> AsyncGenerator[None]:
        await self._shell.stop_listening()
        try:
            yield
        finally:
            await self._shell.listen()

    @contextlib.asynccontextmanager
    async def _cut_off(self, match: Match) -> AsyncGenerator[None]:
        self._rules.cut_off.append(match)
        self.drop_connections(match)
        try:
            yield
        finally:
            self._rules.cut_off.remove(match)

    @contextlib.asynccontextmanager
    async def silent(self) -> AsyncGenerator[None]:
        """Keep sockets open but let nothing through, in either direction, until the block ends; then all arrives."""
        self._shell.flow(on=False)
        try:
            yield
        finally:
            self._shell.flow(on=True)

    def _each(self, act: Callable[[Connection], None], match: Match | None = None) -> None:
        for connection in list(self._hub.connections):
            about: Wire = {**connection.params, "connectionId": connection.id}
            if match is None or match({**about, "clientId": connection.identity.client_id}):
                act(connection)
        self._shell.pump()


async def order(faults: Faults, body: Wire) -> None:
    """Order a fault by a JSON object: `fault` names the method, other keys are its arguments.

    `match` is an object whose values the message, client or member must have. `unreachable` and `silent` last for
    `seconds`; this returns when they are over.

    Raises:
        AblyError: 40000 for an unknown fault.
    """
    wanted = as_wire(body.get("match") or {})
    match: Match = lambda message: wanted.items() <= message.items()  # noqa: E731
    n, apply, given = number(body, "n") or 1, body.get("apply") is True, body.get("seconds")
    seconds = given if isinstance(given, (int, float)) else 1
    code, status = number(body, "code"), number(body, "status")
    errors = {key: value for key, value in (("code", code), ("status", status)) if value}
    channel = text(body, "channel") or ""
    simple: dict[str, Callable[[], None]] = {
        "drop_connections": lambda: faults.drop_connections(match),
        "refuse_resume": lambda: faults.refuse_resume(n),
        "refuse": lambda: faults.refuse(n, match=match, **errors),
        "ignore": lambda: faults.ignore(n, match, apply=apply),
        "cut": lambda: faults.cut(n, match, apply=apply),
        "delay": lambda: faults.delay(n, seconds, match),
        "disconnected": lambda: faults.disconnected(match=match, **errors),
        "connection_error": lambda: faults.connection_error(match=match, **errors),
        "channel_error": lambda: faults.channel_error(channel, **errors),
        "lose_continuity": lambda: faults.lose_continuity(channel),
        "ask_for_token": lambda: faults.ask_for_token(match),
        "lapse_presence": lambda: faults.lapse_presence(match),
    }
    lasting = {"unreachable": lambda: faults.unreachable(match if wanted else None), "silent": faults.silent}
    name = text(body, "fault") or ""
    if name in simple:
        simple[name]()
    elif name in lasting:
        async with lasting[name]():
            await asyncio.sleep(seconds)
    else:
        raise AblyError(40000, 400, "unable to order the fault; there is none of that name")
