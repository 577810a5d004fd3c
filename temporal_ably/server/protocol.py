"""One realtime connection: frames in, frames out. Pure: time comes in as milliseconds.

Rules that clients depend on: one ACK or NACK for each received frame, in order (`acks.py`); ATTACHED comes before any
message of its channel, and both always carry a channelSerial; an append goes out as a delta only to an attachment that
was sent the message before (`channels.py`).

Source: ably/specification 6.1 (RTN, RTL), ably-js 2.28, ably-python 3.1.4.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby
from typing import TYPE_CHECKING

from .acks import AckQueue, Ledger, Outcome, merge
from .auth import Identity
from .channels import Attachment, granted_modes, known_params, parse_name
from .faults import FaultKind
from .limits import Meter
from .rollup import Held, Rollup
from .store import Operation, Replay
from .wire import AblyError, Action, Flag, MessageAction, Wire, as_wire, messages_in, number, size_of, text

if TYPE_CHECKING:
    from .hub import Hub

HEARTBEAT_MS = 10_000
MAX_IDLE_MS = 15_000
OUTBOX_BYTES = 8 * 1024 * 1024
_FRAME_BYTES = 256
"""Rough size of a frame without its messages."""
_FLOOD_FACTOR = 20


class Ending(Enum):
    """How the shell must end a connection's socket."""

    CLOSE = "close after the last frame"
    ABORT = "abort now"


@dataclass(slots=True)
class Session:
    """What outlives a socket."""

    connection_id: str
    ledger: Ledger = field(default_factory=Ledger)
    connection: "Connection | None" = None
    expires: int | None = None
    """Milliseconds; set while no socket is open."""


class Connection:
    """State machine of one connected client."""

    def __init__(self, hub: "Hub", session: Session, identity: Identity, params: Wire, now: int) -> None:
        """Start with nothing attached."""
        self.session = session
        self.identity = identity
        self.params = params
        self.ending: Ending | None = None
        self.attachments: dict[str, Attachment[Connection]] = {}
        self._hub = hub
        self._outbox: list[Wire] = []
        self._outbox_bytes = 0
        self._last_output = now
        self._acks = AckQueue()
        self._rollup = Rollup(hub.rollup_window(params), self._publish_held)
        rate = hub.limits.connection_messages_per_s
        self._meter = Meter(rate)
        self._flood = Meter(rate and rate * _FLOOD_FACTOR)
        self._handlers: dict[int, Callable[[Wire, int], None]] = {
            Action.HEARTBEAT: self._heartbeat,
            Action.DISCONNECT: self._disconnect,
            Action.CLOSE: self._close,
            Action.ATTACH: self._attach,
            Action.DETACH: self._detach,
            Action.MESSAGE: self._message,
            Action.PRESENCE: self._unsupported,
            Action.OBJECT: self._unsupported,
            Action.ANNOTATION: self._unsupported,
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
        """Do what is due: rolled up appends, delayed ACKs, heartbeat, token expiry."""
        self._rollup.tick(now)
        self._release_acks(now)
        if self.identity.expires is not None and self.identity.expires <= now:
            self.close(Action.DISCONNECTED, AblyError(40142, 401, "unable to go on; the token has expired; renew it"))
        elif self._last_output + HEARTBEAT_MS <= now:
            self._last_output = now
            self.send({"action": int(Action.HEARTBEAT)})

    def next_due(self) -> int:
        """Give the time of the next tick."""
        due = (self.identity.expires, self._rollup.next_due(), self._acks.next_due())
        return min([self._last_output + HEARTBEAT_MS, *(at for at in due if at is not None)])

    def lost(self, now: int) -> None:
        """Take note that the socket is gone: what rollup holds still counts as published."""
        self._rollup.flush(now)
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
            self._rollup.flush(now, self.attachments[name].bare)
            self._release_acks(now)
        self._drop(name)
        self.send({"action": int(Action.ERROR), "channel": name, "error": error.to_wire()})

    def deliver(self, attachment: "Attachment[Connection]", operations: Sequence[Operation]) -> None:
        """Send the operations of one publish to one attachment."""
        own = operations[0].origin == self.id and self.params.get("echo") == "false"
        if Flag.SUBSCRIBE in attachment.modes and not own:
            self._send_messages(attachment, operations, operations[0].position)

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
        self._rollup.flush(now)
        self._release_acks(now)
        self._hub.end(self.session)
        self.close(Action.CLOSED)

    def _disconnect(self, _frame: Wire, _now: int) -> None:
        self.ending = Ending.CLOSE

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
        modes = granted_modes(self.identity, bare, params, flags)
        attachment = Attachment[Connection](self, name, bare, modes, known_params(params))
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
        flags = attachment.modes | (Flag.RESUMED if replay.resumed else Flag.NONE)
        flags |= Flag.HAS_BACKLOG if replay.operations else Flag.NONE
        frame: Wire = {"action": int(Action.ATTACHED), "channel": attachment.name, "flags": int(flags)}
        frame["channelSerial"] = replay.start
        if attachment.params:
            frame["params"] = attachment.params
        if lost:
            error = AblyError(90003, 404, "unable to recover the channel; its messages are no longer retained")
            frame["error"] = error.to_wire()
        self.send(frame)

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

    def _detach(self, frame: Wire, _now: int) -> None:
        name = text(frame, "channel") or ""
        self._drop(name)
        self.send({"action": int(Action.DETACHED), "channel": name})

    def _drop(self, name: str) -> None:
        attachment = self.attachments.pop(name, None)
        if attachment:
            self._hub.detach(attachment)

    def _unsupported(self, frame: Wire, _now: int) -> None:
        error = AblyError(40000, 400, "unable to act; this local server has no presence, objects or annotations")
        self._acks.add(Outcome(number(frame, "msgSerial"), 0, error=error))

    def _message(self, frame: Wire, now: int) -> None:
        outcome = Outcome(number(frame, "msgSerial"), hash(repr((frame.get("channel"), frame.get("messages")))))
        known = self.session.ledger.earlier(outcome)
        if known:
            self._acks.add(known)
            return
        try:
            acknowledged = self._publish_or_suffer(frame, outcome, now)
        except AblyError as error:
            outcome.error = error
            acknowledged = True
        if acknowledged:
            self._acks.add(outcome)

    def _publish_or_suffer(self, frame: Wire, outcome: Outcome, now: int) -> bool:
        """Publish a frame, or do what a fault wants instead; tell whether it is to be acknowledged."""
        bare, _ = parse_name(text(frame, "channel") or "")
        messages = messages_in(frame.get("messages") or [])
        self._check_flood(len(messages), now)
        fault = self._hub.faults.take(bare, messages)
        kind = fault.kind if fault else None
        if fault and fault.kind is FaultKind.REFUSE and fault.error:
            raise fault.error
        if fault and fault.kind is FaultKind.DELAY:
            outcome.not_before = now + fault.delay_ms
        if fault is None or fault.kind is FaultKind.DELAY or fault.apply:
            self._publish(bare, messages, outcome, now)
            self.session.ledger.remember(outcome)
        if kind is FaultKind.CUT:
            self.abort()
        return kind not in (FaultKind.CUT, FaultKind.IGNORE)

    def _check_flood(self, count: int, now: int) -> None:
        if not self._flood.take(count, now):
            error = AblyError(42921, 429, "unable to go on; the connection's rate limit was exceeded by far")
            self.close(Action.ERROR, error)
            raise error

    def _publish(self, bare: str, messages: list[Wire], outcome: Outcome, now: int) -> None:
        modes = [attachment.modes for attachment in self.attachments.values() if attachment.bare == bare]
        if modes and not any(Flag.PUBLISH in granted for granted in modes):
            raise AblyError(40165, 401, "unable to publish; the channel was attached without the publish mode")
        if len(messages) == 1 and messages[0].get("action") == MessageAction.APPEND:
            self._hub.check(self.identity, bare, messages)
            self._rollup.append(bare, messages[0], outcome, now)
            if outcome.error:
                raise outcome.error
            return
        if not self._hub.rollup_overtakes:
            self._rollup.flush(now, bare)
        self._take(len(messages), now)
        outcome.serials = self._hub.publish(bare, messages, self.identity, self.id, now)

    def _publish_held(self, held: Held[Outcome], now: int) -> None:
        """Publish what rollup lets go; of joined appends only the last has a version serial of its own."""
        serials: Sequence[str | None] = ()
        error: AblyError | None = None
        try:
            self._take(1, now)
            serials = self._hub.publish(held.channel, [held.message], self.identity, self.id, now)
        except AblyError as refused:
            error = refused
        for outcome in held.tickets:
            outcome.error = error
            outcome.serials = None if error else serials if outcome is held.tickets[-1] else (None,)

    def _take(self, count: int, now: int) -> None:
        if not self._meter.take(count, now):
            raise AblyError(42911, 429, "unable to publish; the connection's message rate was exceeded; slow down")

    def _release_acks(self, now: int) -> None:
        for frame in self._acks.release(now):
            self.send(frame)
