"""Channels and their messages: serials, versions, history. Pure: time comes in as milliseconds.

A message *is* its latest operation. Each operation keeps the fields the message had after it, and points into the list
of chunks that its data is made of: an append adds one chunk, so a thousand appends cost no copies, and the whole text
as of any operation can still be given.

Source: ably/specification 6.1 (TM2, RSL15, RTL32), ably/docs "Updates, deletes and appends".
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .wire import AblyError, MessageAction, Wire, as_wire, text

IDEMPOTENT_FOR_MS = 120_000
_OPERATION_FIELDS = ("clientId", "description", "metadata")
_CREATE_FIELDS = ("id", "clientId", "name", "extras", "encoding")


@dataclass(frozen=True, slots=True)
class Author:
    """Who acts: the connection (None for REST) and the client id stamped on what it publishes."""

    connection_id: str | None = None
    client_id: str | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One applied operation, and the message as it was right after it."""

    position: str
    """Timeserial: the place of this operation in the channel, shared by the messages of one publish."""
    serial: str
    """Serial of the message: its identity and its place in history."""
    action: MessageAction
    sent: Wire
    """The message as its publisher sent it."""
    fields: Wire
    """All but data and action, after this operation."""
    chunks: list[str | bytes]
    """Pieces of the data; appended to by later operations."""
    upto: int
    """How many of the chunks this operation knows."""
    size: int
    """Bytes of the data, text as UTF-8."""
    origin: str | None
    """Connection that sent it."""

    @property
    def data(self) -> str | bytes | None:
        """The whole data as of this operation."""
        known = self.chunks[: self.upto]
        if known and isinstance(known[0], bytes):
            return b"".join(chunk for chunk in known if isinstance(chunk, bytes))
        return "".join(chunk for chunk in known if isinstance(chunk, str)) if known else None

    def full(self) -> Wire:
        """Give the whole message: an append shows as the update it amounts to."""
        action = MessageAction.UPDATE if self.action is MessageAction.APPEND else self.action
        return self._with(action, self.data)

    def delta(self) -> Wire:
        """Give an append with only its own data, any other operation in full."""
        return self._with(self.action, self.chunks[self.upto - 1]) if self.is_append else self.full()

    @property
    def is_append(self) -> bool:
        """Whether this operation appended data."""
        return self.action is MessageAction.APPEND

    @property
    def created_at(self) -> str:
        """Position at which the message was created."""
        return self.serial.rpartition(":")[0]

    def _with(self, action: MessageAction, data: str | bytes | None) -> Wire:
        message: Wire = {**self.fields, "action": int(action)}
        return message if data is None else {**message, "data": data}


@dataclass(frozen=True, slots=True)
class Replay:
    """What a channel has after a position."""

    start: str
    """The position that the operations follow."""
    resumed: bool
    """False if operations between the asked position and `start` are lost."""
    operations: Sequence[Operation]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryQuery:
    """A history request; times in milliseconds, both bounds inclusive."""

    start: int = 0
    end: int | None = None
    forwards: bool = False
    limit: int = 100
    upto: str | None = None
    """Position (attach point): only messages created there or before."""
    after: str | None = None
    """Serial of the last message of the page before."""


@dataclass
class Channel:
    """One channel: its messages in the order of their serials, and the log of operations."""

    name: str
    series: str
    """Names this life of the channel; a serial of another life is unknown here."""
    now: int
    messages: dict[str, Operation] = field(default_factory=dict[str, Operation])
    """Latest operation by message serial; insertion order is serial order."""
    log: list[Operation] = field(default_factory=list[Operation])

    def __post_init__(self) -> None:
        """Take the first position."""
        self._last = (0, 0)
        self._ids: dict[str, tuple[str, int]] = {}
        self.earliest = self.position = self._advance(self.now)

    def _advance(self, now: int) -> str:
        """Give the next timeserial: strictly increasing even if the clock stands still or goes back."""
        at, count = self._last
        self._last = (now, 0) if now > at else (at, count + 1) if count < 999 else (at + 1, 0)
        self.position: str = f"{self._last[0]:014d}-{self._last[1]:03d}@{self.series}"
        return self.position

    def create(self, messages: Sequence[Wire], author: Author, now: int, batch_id: str) -> list[Operation | str]:
        """Publish messages together.

        Args:
            messages: new messages in their inner form.
            author: who publishes.
            now: milliseconds since the epoch.
            batch_id: base of the ids of messages that bring none.

        Returns:
            For each message its operation, or the serial of the earlier message with the same id.

        Raises:
            AblyError: 40031 if several messages bring ids that do not share one base.
        """
        _check_ids(messages)
        self._forget_ids(now)
        position = ""
        results: list[Operation | str] = []
        for index, message in enumerate(messages):
            known = self._ids.get(text(message, "id") or "")
            if known:
                results.append(known[0])
                continue
            position = position or self._advance(now)
            serial = f"{position}:{index:03d}"
            fields = _created(message, author, now, serial) | {"id": text(message, "id") or f"{batch_id}:{index}"}
            if "id" in message:
                self._ids[str(message["id"])] = (serial, now)
            chunks = _chunks(message)
            size = sum(map(_size, chunks))
            operation = Operation(
                position, serial, MessageAction.CREATE, message, fields, chunks, len(chunks), size, author.connection_id
            )
            results.append(self._record(operation))
        return results

    def _forget_ids(self, now: int) -> None:
        while self._ids:
            oldest = next(iter(self._ids))
            if self._ids[oldest][1] + IDEMPOTENT_FOR_MS > now:
                return
            del self._ids[oldest]

    def change(self, message: Wire, author: Author, now: int) -> Operation:
        """Update, delete or append to an earlier message.

        Args:
            message: `action` and `serial`, and the fields that replace the old ones.
            author: who changes it.
            now: milliseconds since the epoch.

        Returns:
            The applied operation.

        Raises:
            AblyError: 40003 without serial or with a wrong action, 40400 for an unknown message, 40013 if the data
                cannot be appended.
        """
        before = self.find(text(message, "serial"))
        action = MessageAction(message["action"])
        position = self._advance(now)
        fields = {**before.fields, "version": _version(message, author, now, f"{position}:000")}
        fields |= {key: message[key] for key in ("name", "extras") if key in message}
        chunks, size = before.chunks, before.size
        if action is MessageAction.APPEND:
            _check_append(before, message)
            chunks.extend(_chunks(message) or [chunks[0][:0] if chunks else ""])
            size += _size(chunks[-1])
        elif "data" in message:
            chunks = _chunks(message)
            size = sum(map(_size, chunks))
            fields.pop("encoding", None)
            fields |= {"encoding": message["encoding"]} if "encoding" in message else {}
        return self._record(
            Operation(position, before.serial, action, message, fields, chunks, len(chunks), size, author.connection_id)
        )

    def find(self, serial: str | None) -> Operation:
        """Give the latest operation of a message.

        Raises:
            AblyError: 40003 without a serial, 40400 if no such message is known.
        """
        if not serial:
            raise AblyError(40003, 400, "unable to find the message; no serial was given; give the message's serial")
        if serial not in self.messages:
            raise AblyError(40400, 404, "unable to find the message; its serial is unknown on this channel")
        return self.messages[serial]

    def versions(self, serial: str) -> list[Operation]:
        """Give the versions of a message, oldest first; a run of appends counts only as the last state.

        Raises:
            AblyError: 40400 if no such message is known.
        """
        latest = self.find(serial)
        kept = [op for op in self.log if op.serial == serial and not op.is_append]
        return [*kept, latest] if latest.is_append else kept

    def since(self, position: str, horizon: int) -> Replay:
        """Give what happened after a position.

        Args:
            position: channelSerial of the last thing the client saw.
            horizon: milliseconds; operations before it no longer count as retained.
        """
        known = position.endswith(f"@{self.series}") and self.earliest <= position <= self.position
        missed = self.log[bisect_right(self.log, position, key=_position) :] if known else self.log
        floor = max(self.earliest, f"{max(horizon, 0):014d}")
        retained = [op for op in missed if op.position >= floor]
        if known and len(retained) == len(missed):
            return Replay(position, resumed=True, operations=_lasting(missed))
        before = self.log[: bisect_right(self.log, floor, key=_position)]
        start = before[-1].position if before else self.earliest
        return Replay(start, resumed=False, operations=_lasting(retained))

    def rewind(self, *, count: int | None, since: int | None) -> Replay:
        """Give the newest messages, each once and as it is now, for an attach with `rewind`.

        Args:
            count: how many messages at most.
            since: milliseconds; only messages created at or after it.
        """
        newest = [op for op in self.messages.values() if _timestamp(op) >= (since or 0)][-(count or 100) :]
        older = [op for op in self.messages.values() if newest and op.serial < newest[0].serial]
        start = self.position if not newest else older[-1].created_at if older else self.earliest
        return Replay(start, resumed=False, operations=newest)

    def history(self, query: HistoryQuery) -> tuple[list[Operation], bool]:
        """Give one page of messages, each with its latest version, and whether more follow."""
        serials: Iterable[str] = self.messages if query.forwards else reversed(self.messages)
        found = [op for op in map(self.messages.__getitem__, serials) if _selects(query, op)]
        return found[: query.limit], len(found) > query.limit

    def forget(self, now: int) -> None:
        """Lose continuity: no earlier position can be resumed from."""
        self.earliest: str = self._advance(now)

    def _record(self, operation: Operation) -> Operation:
        self.log.append(operation)
        if not _is_ephemeral(operation):
            self.messages[operation.serial] = operation
        return operation


def _created(message: Wire, author: Author, now: int, serial: str) -> Wire:
    fields: Wire = {key: message[key] for key in _CREATE_FIELDS if key in message}
    if author.client_id:
        fields.setdefault("clientId", author.client_id)
    if author.connection_id:
        fields["connectionId"] = author.connection_id
    return fields | {"timestamp": now, "serial": serial, "version": {"serial": serial, "timestamp": now}}


def _version(message: Wire, author: Author, now: int, serial: str) -> Wire:
    given = as_wire(message.get("version", {}))
    version: Wire = {"serial": serial, "timestamp": now}
    if author.client_id:
        version["clientId"] = author.client_id
    return version | {key: given[key] for key in _OPERATION_FIELDS if key in given}


def _chunks(message: Wire) -> list[str | bytes]:
    data = message.get("data")
    return [data] if isinstance(data, (str, bytes)) else []


def _size(chunk: str | bytes) -> int:
    return len(chunk.encode()) if isinstance(chunk, str) else len(chunk)


def _check_append(before: Operation, message: Wire) -> None:
    if before.action is MessageAction.DELETE:
        raise AblyError(40000, 400, "unable to append; the message was deleted; publish a new one")
    for chunk in _chunks(message):
        mixed = before.chunks and type(before.chunks[0]) is not type(chunk)
        if mixed or (before.chunks and message.get("encoding") != before.fields.get("encoding")):
            raise AblyError(40013, 400, "unable to append; data and encoding must be of the message's own kind")


def _check_ids(messages: Sequence[Wire]) -> None:
    ids = [text(message, "id") for message in messages]
    if len(messages) < 2 or not any(ids):
        return
    base = (ids[0] or "").rpartition(":")[0]
    if not base or ids != [f"{base}:{index}" for index in range(len(ids))]:
        raise AblyError(40031, 400, "unable to publish; ids of one publish must be <base>:<index> from 0")


def _position(operation: Operation) -> str:
    return operation.position


def _timestamp(operation: Operation) -> int:
    return int(str(operation.fields["timestamp"]))


def _is_ephemeral(operation: Operation) -> bool:
    extras = operation.fields.get("extras")
    return isinstance(extras, dict) and extras.get("ephemeral") is True  # pyright: ignore[reportUnknownMemberType]


def _lasting(operations: Iterable[Operation]) -> list[Operation]:
    return [operation for operation in operations if not _is_ephemeral(operation)]


def _selects(query: HistoryQuery, operation: Operation) -> bool:
    if query.after and (operation.serial <= query.after if query.forwards else operation.serial >= query.after):
        return False
    if query.upto and operation.created_at > query.upto:
        return False
    at = _timestamp(operation)
    return at >= query.start and (query.end is None or at <= query.end)
