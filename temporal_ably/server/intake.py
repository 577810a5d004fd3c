"""What one connection sends to be acknowledged: messages and presence. Pure: time comes in as milliseconds.

The rule of the file: one ACK or NACK for each received frame, in the order of arrival (`acks.py`), whatever happens.

Source: ably/specification 6.1 (RTN7, RTL6, RTP8), ably-js 2.28, ably-python 3.1.4.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from .acks import AckQueue, Outcome
from .auth import WILDCARD
from .channels import parse_name
from .faults import FaultKind
from .limits import Meter
from .presence import Actor
from .rollup import Held, Rollup
from .wire import AblyError, Action, Flag, MessageAction, Wire, messages_in, number, text

if TYPE_CHECKING:
    from .hub import Hub
    from .protocol import Connection

_FLOOD_FACTOR = 20


class Intake:
    """The acknowledged frames of one connection: rates, rollup, faults, acknowledgements."""

    def __init__(self, hub: "Hub", connection: "Connection") -> None:
        """Start with nothing received."""
        self._hub = hub
        self._connection = connection
        self._acks = AckQueue()
        self._rollup = Rollup(hub.rollup_window(connection.params), self._publish_held)
        rate = hub.limits.connection_messages_per_s
        self._meter = Meter(rate)
        self._flood = Meter(rate and rate * _FLOOD_FACTOR)

    def message(self, frame: Wire, now: int) -> None:
        """Take a MESSAGE frame."""
        self._take_in(frame, now, self._publish_or_suffer)

    def presence(self, frame: Wire, now: int) -> None:
        """Take a PRESENCE frame."""
        self._take_in(frame, now, self._act)

    def unsupported(self, frame: Wire, _now: int) -> None:
        """Refuse a frame for what this server does not have."""
        error = AblyError(40000, 400, "unable to act; this local server has no objects or annotations")
        self._acks.add(Outcome(number(frame, "msgSerial"), 0, error=error))

    def flush(self, now: int, channel: str | None = None) -> None:
        """Publish what rollup holds, on one channel or on all."""
        self._rollup.flush(now, channel)

    def tick(self, now: int) -> None:
        """Publish what rollup lets go now."""
        self._rollup.tick(now)

    def release(self, now: int) -> Iterator[Wire]:
        """Give the acknowledgements that can leave."""
        return self._acks.release(now)

    def next_due(self) -> Iterator[int]:
        """Give the times at which something is to be done."""
        return (at for at in (self._rollup.next_due(), self._acks.next_due()) if at is not None)

    def _take_in(self, frame: Wire, now: int, apply: Callable[[Wire, Outcome, int], bool]) -> None:
        content = (frame.get("channel"), frame.get("messages"), frame.get("presence"))
        outcome = Outcome(number(frame, "msgSerial"), hash(repr(content)))
        known = self._connection.session.ledger.earlier(outcome)
        if known:
            self._acks.add(known)
            return
        try:
            acknowledged = apply(frame, outcome, now)
        except AblyError as error:
            outcome.error = error
            acknowledged = True
        if acknowledged:
            self._acks.add(outcome)

    def _act(self, frame: Wire, outcome: Outcome, now: int) -> bool:
        """Let members enter, update or leave."""
        bare, _ = parse_name(text(frame, "channel") or "")
        items = messages_in(frame.get("presence") or [])
        connection = self._connection
        self._check_flood(len(items), now)
        connection.identity.require(bare, "presence")
        modes = connection.modes(bare)
        if not modes:
            raise AblyError(91001, 400, "unable to act on presence; the connection is not attached to the channel")
        if Flag.PRESENCE not in modes:
            raise AblyError(40165, 401, "unable to act on presence; the channel was attached without the presence mode")
        clients = [self._member(item) for item in items]
        self._take(len(items), now)
        self._hub.act(bare, items, clients, Actor(connection.id, outcome.msg_serial), now)
        outcome.serials = ()
        connection.session.ledger.remember(outcome)
        return True

    def _member(self, item: Wire) -> str:
        client_id = self._connection.identity.author_of(item)
        if not client_id:
            raise AblyError(91000, 400, "unable to act on presence; a member needs a clientId; set one")
        if client_id == WILDCARD:
            raise AblyError(40012, 400, "unable to act on presence; '*' is no clientId of a member")
        return client_id

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
            self._connection.session.ledger.remember(outcome)
        if kind is FaultKind.CUT:
            self._connection.abort()
        return kind not in (FaultKind.CUT, FaultKind.IGNORE)

    def _publish(self, bare: str, messages: list[Wire], outcome: Outcome, now: int) -> None:
        connection = self._connection
        modes = connection.modes(bare)
        if modes and Flag.PUBLISH not in modes:
            connection.identity.require(bare, "publish")
            raise AblyError(40165, 401, "unable to publish; the channel was attached without the publish mode")
        if len(messages) == 1 and messages[0].get("action") == MessageAction.APPEND:
            self._hub.check(connection.identity, bare, messages)
            self._rollup.append(bare, messages[0], outcome, now)
            if outcome.error:
                raise outcome.error
            return
        if not self._hub.rollup_overtakes:
            self._rollup.flush(now, bare)
        self._take(len(messages), now)
        outcome.serials = self._hub.publish(bare, messages, connection.identity, connection.id, now)

    def _publish_held(self, held: Held[Outcome], now: int) -> None:
        """Publish what rollup lets go; of joined appends only the last has a version serial of its own."""
        connection = self._connection
        serials: Sequence[str | None] = ()
        error: AblyError | None = None
        try:
            self._take(1, now)
            serials = self._hub.publish(held.channel, [held.message], connection.identity, connection.id, now)
        except AblyError as refused:
            error = refused
        for outcome in held.tickets:
            outcome.error = error
            outcome.serials = None if error else serials if outcome is held.tickets[-1] else (None,)

    def _take(self, count: int, now: int) -> None:
        if not self._meter.take(count, now):
            raise AblyError(42911, 429, "unable to publish; the connection's message rate was exceeded; slow down")

    def _check_flood(self, count: int, now: int) -> None:
        if not self._flood.take(count, now):
            error = AblyError(42921, 429, "unable to go on; the connection's rate limit was exceeded by far")
            self._connection.close(Action.ERROR, error)
            raise error
