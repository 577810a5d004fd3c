"""One realtime connection: frames in, frames out. Pure: time comes in as milliseconds.

Rules that clients depend on: ATTACHED comes before any message of its channel, and both always carry a channelSerial;
members follow ATTACHED at once, since clients wait for them; an append goes out as a delta only to an attachment that
was sent the message before (`channels.py`).

Source: ably/specification 6.1 (RTN, RTL, RTP18), ably-js 2.28, ably-python 3.1.4.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from itertools import groupby
from typing import TYPE_CHECKING

from .acks import merge
from .auth import Identity
from .channels import Attachment, attached_frame, granted_modes, known_params, parse_name, wanted_modes
from .intake import Intake
from .renewal import Renewal
from .store import Operation, Replay
from .wire import AblyError, Action, Flag, Wire, as_wire, number, size_of, text

if TYPE_CHECKING:
    from .hub import Hub
    from .sessions import Session

HEARTBEAT_MS = 10_000
MAX_IDLE_MS = 15_000
OUTBOX_BYTES = 8 * 1024 * 1024
_FRAME_BYTES = 256
"""Rough size of a frame without its messages."""


class Ending(Enum):
    """How the shell must end a connection's socket."""

    CLOSE = "close after the last frame"
    ABORT = "abort now"


class Connection:
    """State machine of one connected client."""

    def __init__(self, hub: "Hub", session: "Session", identity: Identity, params: Wire, now: int) -> None:
        """Start with nothing attached."""
        self.session = session
        self.identity: Identity = identity
        self.params = params
        self.ending: Ending | None = None
        self.attachments: dict[str, Attachment[Connection]] = {}
        self._hub = hub
        self._outbox: list[Wire] = []
        self._outbox_bytes = 0
        self._last_output = now
        self._renewal = Renewal(identity.expires, now)
        self._intake = Intake(hub, self)
        self._handlers: dict[int, Callable[[Wire, int], None]] = {
            Action.HEARTBEAT: self._heartbeat,
            Action.DISCONNECT: self._disconnect,
            Action.CLOSE: self._close,
            Action.ATTACH: self._attach,
            Action.DETACH: self._detach,
            Action.MESSAGE: self._intake.message,
            Action.PRESENCE: self._intake.presence,
            Action.SYNC: self._sync_again,
            Action.AUTH: self._auth,
            Action.OBJECT: self._intake.unsupported,
            Action.ANNOTATION: self._intake.unsupported,
        }

    @property
    def id(self) -> str:
        """Connection id."""
        return self.session.connection_id

    @property
    def has_output(self) -> bool:
        """Whether the shell has something to do for this connection."""
        return bool(self._outbox) or self.ending is not None

    def take_output(self, now: int) -> list[Wire]:
        """Give the frames to send, once."""
        frames, self._outbox, self._outbox_bytes = self._outbox, [], 0
        self._last_output = now
        return frames

    def send(self, frame: Wire, size: int = _FRAME_BYTES) -> None:
        """Queue a frame; a reader so slow that the queue passes its bound loses its socket."""
        if self.ending is not None or (self._outbox and merge(self._outbox[-1], frame)):
            return
        self._outbox.append(frame)
        self._outbox_bytes += size
        if self._outbox_bytes > OUTBOX_BYTES:
            self.abort()

    def abort(self) -> None:
        """End without a word, as a broken network does."""
        self.ending = Ending.ABORT
        self._outbox.clear()

    def close(self, action: Action, error: AblyError | None = None) -> None:
        """End after a last frame.

        ERROR is final to the client unless it is about its token. DISCONNECTED is for expired tokens and for faults
        only: ably-python loses unacknowledged publishes over it.
        """
        last: Wire = {"action": int(action)}
        self.send({**last, "error": error.to_wire()} if error else last)
        self.ending = self.ending or Ending.CLOSE

    def receive(self, frame: Wire, now: int) -> None:
        """Handle a frame from the client."""
        handler = self._handlers.get(number(frame, "action"))
        if self.ending is None and handler is not None:
            handler(frame, now)
            self._release_acks(now)

    def tick(self, now: int) -> None:
        """Do what is due: rolled up appends, delayed ACKs, heartbeat, renewal and expiry of the token."""
        self._intake.tick(now)
        self._release_acks(now)
        if self._renewal.expired(now):
            self.close(Action.DISCONNECTED, AblyError(40142, 401, "unable to go on; the token has expired; renew it"))
        elif self._renewal.asks(now):
            self.send({"action": int(Action.AUTH)})
        elif self._last_output + HEARTBEAT_MS <= now:
            self._last_output = now
            self.send({"action": int(Action.HEARTBEAT)})

    def next_due(self) -> int:
        """Give the time of the next tick."""
        renewal = self._renewal.next_due()
        due = [self._last_output + HEARTBEAT_MS, *self._intake.next_due()]
        return min(due if renewal is None else [*due, renewal])

    def ask_for_token(self, now: int) -> None:
        """Ask the client for another token now, as some time before its token expires; not where it has a key."""
        self._renewal.hurry(now)
        self.tick(now)

    def modes(self, bare: str) -> Flag:
        """Give the modes in which a channel is attached, under whatever names; none if it is not."""
        granted = Flag.NONE
        for attachment in self.attachments.values():
            granted |= attachment.modes if attachment.bare == bare else Flag.NONE
        return granted

    def lost(self, now: int) -> None:
        """Take note that the socket is gone: what rollup holds still counts as published."""
        self._intake.flush(now)
        for name in list(self.attachments):
            self._drop(name)

    def supersede(self, now: int) -> None:
        """Give way to the client's new socket; this one is closed without a word."""
        self.lost(now)
        self._outbox.clear()
        self.ending = self.ending or Ending.CLOSE

    def fail_channel(self, name: str, error: AblyError, now: int) -> None:
        """Fail one channel, after its held publishes are settled: ably-python would await them forever."""
        if name in self.attachments:
            self._intake.flush(now, self.attachments[name].bare)
            self._release_acks(now)
        self._leave(name, now)
        self.send({"action": int(Action.ERROR), "channel": name, "error": error.to_wire()})

    def deliver(self, attachment: "Attachment[Connection]", operations: Sequence[Operation]) -> None:
        """Send the operations of one publish to one attachment."""
        own = operations[0].origin == self.id and self.params.get("echo") == "false"
        if Flag.SUBSCRIBE in attachment.modes and not own:
            self._send_messages(attachment, operations, operations[0].position)

    def announce(self, attachment: "Attachment[Connection]", events: Sequence[Wire]) -> None:
        """Send presence events of one connection to one attachment; of its own members a client hears always."""
        if Flag.PRESENCE_SUBSCRIBE in attachment.modes or events[0]["connectionId"] == self.id:
            frame: Wire = {"action": int(Action.PRESENCE), "channel": attachment.name, "presence": list(events)}
            self.send(frame | {"timestamp": events[0]["timestamp"]}, _FRAME_BYTES + size_of(events))

    def _send_messages(
        self, attachment: "Attachment[Connection]", operations: Sequence[Operation], position: str
    ) -> None:
        messages = [attachment.render(operation) for operation in operations]
        frame: Wire = {"action": int(Action.MESSAGE), "channel": attachment.name, "channelSerial": position}
        frame |= {"timestamp": messages[0]["timestamp"], "messages": messages}
        if operations[0].origin:
            frame["connectionId"] = operations[0].origin
        self.send(frame, _FRAME_BYTES + size_of(messages))

    def _heartbeat(self, frame: Wire, _now: int) -> None:
        answer: Wire = {"action": int(Action.HEARTBEAT)}
        self.send(answer | ({"id": frame["id"]} if "id" in frame else {}))

    def _close(self, _frame: Wire, now: int) -> None:
        self._intake.flush(now)
        self._release_acks(now)
        self._hub.end(self.session, now)
        self.close(Action.CLOSED)

    def _disconnect(self, _frame: Wire, _now: int) -> None:
        self.ending = Ending.CLOSE

    def _auth(self, frame: Wire, now: int) -> None:
        token = text(as_wire(frame.get("auth") or {}), "accessToken")
        try:
            self.identity = self._hub.renewed(self.identity, token, now)
        except AblyError as error:
            self.close(Action.ERROR, error)
            return
        self._renewal = Renewal(self.identity.expires, now)
        self.send(self._hub.connected(self))
        for attachment in list(self.attachments.values()):
            self._grant_anew(attachment, now)

    def _grant_anew(self, attachment: "Attachment[Connection]", now: int) -> None:
        try:
            modes = granted_modes(self.identity, attachment.bare, attachment.wanted)
        except AblyError as error:
            self.fail_channel(attachment.name, error, now)
            return
        if modes != attachment.modes:
            attachment.modes = modes
            position = self._hub.channel(attachment.bare, now).position
            self._attached(attachment, Replay(position, resumed=True, operations=()), lost=False)

    def _attach(self, frame: Wire, now: int) -> None:
        name = text(frame, "channel") or ""
        try:
            self._attach_to(name, frame, now)
        except AblyError as error:
            self.fail_channel(name, error, now)

    def _attach_to(self, name: str, frame: Wire, now: int) -> None:
        bare, qualifiers = parse_name(name)
        params = qualifiers | as_wire(frame.get("params") or {})
        flags = Flag(number(frame, "flags"))
        wanted = wanted_modes(params, flags)
        modes = granted_modes(self.identity, bare, wanted)
        attachment = Attachment[Connection](self, name, bare, wanted, modes, known_params(params))
        channel = self._hub.channel(bare, now)
        serial = text(frame, "channelSerial")
        present = self.attachments.get(name)
        if present is not None:
            attachment.seen = present.seen
            replay = Replay(channel.position, resumed=True, operations=())
        elif serial:
            replay = channel.since(serial, now - self._hub.connection_state_ttl_ms)
        elif attachment.rewinds and Flag.ATTACH_RESUME not in flags:
            replay = attachment.rewind(channel, now)
        else:
            replay = Replay(channel.position, resumed=False, operations=())
        self._admit(attachment)
        self._attached(attachment, replay, lost=serial is not None and not replay.resumed)
        self._replay(attachment, replay, channel.position, rewound=serial is None)

    def _admit(self, attachment: "Attachment[Connection]") -> None:
        limit = self._hub.limits.channels_per_connection
        self._drop(attachment.name)
        if limit is not None and len(self.attachments) >= limit:
            raise AblyError(90010, 400, "unable to attach; the connection has as many channels as it may; detach some")
        self.attachments[attachment.name] = attachment
        self._hub.attach(attachment)

    def _attached(self, attachment: "Attachment[Connection]", replay: Replay, *, lost: bool) -> None:
        hears = Flag.PRESENCE_SUBSCRIBE in attachment.modes
        pages = self._hub.presence(attachment.bare).pages() if hears else ()
        self.send(attached_frame(attachment, replay, lost=lost, present=bool(pages)))
        self._sync(attachment, pages)

    def _sync_again(self, frame: Wire, _now: int) -> None:
        attachment = self.attachments.get(text(frame, "channel") or "")
        if attachment and Flag.PRESENCE_SUBSCRIBE in attachment.modes:
            self._sync(attachment, self._hub.presence(attachment.bare).pages() or [[]])

    def _sync(self, attachment: "Attachment[Connection]", pages: Sequence[Sequence[Wire]]) -> None:
        sync_id = self._hub.new_id()
        for count, page in enumerate(pages, 1):
            cursor = "" if count == len(pages) else count
            frame: Wire = {"action": int(Action.SYNC), "channel": attachment.name, "presence": page}
            self.send(frame | {"channelSerial": f"{sync_id}:{cursor}"}, _FRAME_BYTES + size_of(page))

    def _replay(self, attachment: "Attachment[Connection]", replay: Replay, position: str, *, rewound: bool) -> None:
        """Send a backlog. Its channelSerials rise, so that a client that is cut off within can resume within.

        A rewound message stands at the place of its creation; only after the last one is the client up to date.
        """
        if Flag.SUBSCRIBE not in attachment.modes:
            return
        if rewound:
            for operation in replay.operations:
                last = operation is replay.operations[-1]
                self._send_messages(attachment, [operation], position if last else operation.created_at)
            return
        for at, batch in groupby(replay.operations, lambda operation: operation.position):
            self._send_messages(attachment, list(batch), at)

    def _detach(self, frame: Wire, now: int) -> None:
        name = text(frame, "channel") or ""
        self._leave(name, now)
        self.send({"action": int(Action.DETACHED), "channel": name})

    def _leave(self, name: str, now: int) -> None:
        """Drop an attachment for good; with the last one of a channel its members go."""
        attachment = self._drop(name)
        if attachment and not self.modes(attachment.bare):
            self._hub.depart(self.session, now, attachment.bare)

    def _drop(self, name: str) -> "Attachment[Connection] | None":
        attachment = self.attachments.pop(name, None)
        if attachment:
            self._hub.detach(attachment)
        return attachment

    def _release_acks(self, now: int) -> None:
        for frame in self._intake.release(now):
            self.send(frame)
