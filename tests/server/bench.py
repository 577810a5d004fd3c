"""A hub without sockets, with a clock that the test turns and peers that send and read frames."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, cast

from temporal_ably.server.auth import EVERYTHING, Key
from temporal_ably.server.hub import Hub
from temporal_ably.server.limits import Limits
from temporal_ably.server.wire import Action, PresenceAction, Wire, as_wire

if TYPE_CHECKING:
    from temporal_ably.server.auth import Capability
    from temporal_ably.server.protocol import Connection

KEY = Key.parse("app.key:secret")
_LIVES = itertools.count()
START = 1_700_000_000_000


class Bench:
    """One hub; `now` is its clock in milliseconds."""

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        mutable_messages: bool = True,
        rollup_ms: int = 0,
        rollup_overtakes: bool = True,
        capability: Capability = EVERYTHING,
    ) -> None:
        self.now = START
        life = next(_LIVES)
        ids = (f"id{life}x{n}" for n in itertools.count())
        self.hub = Hub(
            key=Key.parse(str(KEY), capability),
            new_id=lambda: next(ids),
            limits=limits or Limits(),
            mutable_messages=mutable_messages,
            rollup_ms=rollup_ms,
            rollup_overtakes=rollup_overtakes,
        )

    def connect(self, **params: str) -> Peer:
        """Connect with the key, unless the parameters name other credentials."""
        credentials = {} if {"key", "access_token", "accessToken"} & params.keys() else {"key": str(KEY)}
        return Peer(self, self.hub.connect({"v": "6", **credentials, **params}, self.now))

    def advance(self, milliseconds: int) -> None:
        """Let time pass, and what is due happen."""
        self.now += milliseconds
        self.hub.tick(self.now)


class Peer:
    """A client's end of one connection."""

    def __init__(self, bench: Bench, connection: Connection) -> None:
        self.connection = connection
        self.hello = connection.take_output(bench.now)[0]
        self._bench = bench
        self._serials = itertools.count()

    @property
    def key(self) -> str:
        """What a resume shows."""
        return str(as_wire(self.hello["connectionDetails"])["connectionKey"])

    def send(self, action: Action, **fields: object) -> list[Wire]:
        """Send a frame; give all that comes back."""
        self.connection.receive({"action": int(action), **fields}, self._bench.now)
        return self.read()

    def show(self, token: str | None) -> list[Wire]:
        """Show another token; give all that comes back."""
        return self.send(Action.AUTH, auth={"accessToken": token})

    def read(self) -> list[Wire]:
        """Give the frames that wait for this client."""
        return self.connection.take_output(self._bench.now)

    def drop(self) -> None:
        """Break the socket."""
        self._bench.hub.disconnected(self.connection, self._bench.now)

    def attach(self, channel: str = "ai:wf", **fields: object) -> list[Wire]:
        """Attach; give ATTACHED and what follows it."""
        return self.send(Action.ATTACH, channel=channel, **fields)

    def publish(self, *messages: Wire, channel: str = "ai:wf", serial: int | None = None) -> list[Wire]:
        """Publish; give all that comes back, own echo included."""
        number = next(self._serials) if serial is None else serial
        return self.send(Action.MESSAGE, channel=channel, msgSerial=number, messages=list(messages))

    def act(self, action: PresenceAction, channel: str = "ai:wf", **item: object) -> list[Wire]:
        """Enter, update or leave a channel that is attached; give all that comes back, own event included."""
        items = [{"action": int(action), **item}]
        return self.send(Action.PRESENCE, channel=channel, msgSerial=next(self._serials), presence=items)

    def enter(self, channel: str = "ai:wf", **item: object) -> list[Wire]:
        """Attach and enter."""
        self.attach(channel)
        return self.act(PresenceAction.ENTER, channel, **item)

    def append(self, serial: str, data: str, **fields: object) -> list[Wire]:
        """Append to a message."""
        return self.publish({"action": 5, "serial": serial, "data": data, **fields})


def only(frames: list[Wire], action: Action) -> list[Wire]:
    """Give the frames of one action."""
    return [frame for frame in frames if frame["action"] == action]


def messages_of(frames: list[Wire]) -> list[Wire]:
    """Give the messages of all MESSAGE frames."""
    rows = [cast("list[Wire]", frame["messages"]) for frame in only(frames, Action.MESSAGE)]
    return [message for row in rows for message in row]


def shown(frames: list[Wire]) -> list[tuple[object, object]]:
    """Give action and data of all messages."""
    return [(message["action"], message.get("data")) for message in messages_of(frames)]


def presence_of(frames: list[Wire], action: Action = Action.PRESENCE) -> list[Wire]:
    """Give the items of all PRESENCE frames, or of all SYNC frames."""
    rows = [cast("list[Wire]", frame["presence"]) for frame in only(frames, action)]
    return [item for row in rows for item in row]


def seen(frames: list[Wire], action: Action = Action.PRESENCE) -> list[tuple[object, object, object]]:
    """Give action, client id and data of all presence items."""
    return [(item["action"], item["clientId"], item.get("data")) for item in presence_of(frames, action)]


def error_of(frame: Wire) -> tuple[object, object]:
    """Give code and status of a frame's error."""
    error = as_wire(frame["error"])
    return error["code"], error["statusCode"]


def serials_of(frames: list[Wire]) -> list[list[str | None]]:
    """Give the serials of all ACKs, one list for each acknowledged frame."""
    results = [cast("list[dict[str, list[str | None]]]", frame["res"]) for frame in only(frames, Action.ACK)]
    return [result["serials"] for row in results for result in row]


def serial_of(frames: list[Wire]) -> str:
    """Give the serial of the one message that was published."""
    return str(serials_of(frames)[0][0])
