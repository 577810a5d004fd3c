"""Who is present on a channel. Pure: time comes in as milliseconds.

A member is one client id on one connection. Clients compare the ids of events to tell which is newer: they hold
connection id, msgSerial and index. What the server says in a member's place (a leave after a lost connection) must
therefore have an id of another form; then they compare timestamps.

Source: ably/specification 6.1 (RTP2, RTP17, RTP18, TP3), ably/docs "Presence".
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .wire import AblyError, PresenceAction, Wire, number, size_of, text

_CARRIED = ("data", "encoding", "extras")
_PAGE_BYTES = 262_144


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts on presence: a connection, and the number of its frame."""

    connection_id: str
    msg_serial: int

    def item_id(self, given: str | None, index: int) -> str:
        """Give the id of an item; a client that enters again after a broken socket brings the id of before."""
        return (
            given if given and _order(given, self.connection_id) else f"{self.connection_id}:{self.msg_serial}:{index}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceQuery:
    """A request for past presence events; times in milliseconds, both bounds inclusive."""

    start: int = 0
    end: int | None = None
    forwards: bool = False
    limit: int = 100
    after: int | None = None
    """Number of the last event of the page before."""


@dataclass
class Presence:
    """The members of one channel, and all that ever happened to them."""

    limit: int | None
    """Members at the most."""
    _members: dict[tuple[str, str], Wire] = field(default_factory=dict[tuple[str, str], Wire])
    _events: list[Wire] = field(default_factory=list[Wire])

    def members(self, client_id: str | None = None, connection_id: str | None = None) -> list[Wire]:
        """Give the members, or those of one client or one connection, in the order in which they entered."""
        return [
            member
            for (connection, client), member in self._members.items()
            if client_id in (None, client) and connection_id in (None, connection)
        ]

    def apply(self, items: Sequence[Wire], clients: Sequence[str], actor: Actor, now: int) -> list[Wire]:
        """Let members enter, update their data or leave, all or none.

        Args:
            items: what they do.
            clients: for each item its client id.
            actor: the connection that they are on.
            now: milliseconds since the epoch.

        Returns:
            The events to deliver: none for a member that enters again as it was.

        Raises:
            AblyError: 40003 for an unknown action, 91002 for a leave of who is not there, 91003 for too many members.
        """
        actions = [_action(item) for item in items]
        keys = [(actor.connection_id, client) for client in clients]
        self._check(actions, keys)
        events: list[Wire] = []
        for index, (item, action, key) in enumerate(zip(items, actions, keys, strict=True)):
            event: Wire = {"id": actor.item_id(text(item, "id"), index), "clientId": key[1], "connectionId": key[0]}
            event |= {"timestamp": now, **{name: item[name] for name in _CARRIED if name in item}}
            before = self._members.get(key)
            if before is not None and not _is_newer(event, before):
                continue
            if action is PresenceAction.LEAVE:
                events.append(self._leave(key, event))
                continue
            self._members[key] = {**event, "action": int(PresenceAction.PRESENT)}
            # Entering when already entered is an update, and the other way round.
            entered = PresenceAction.ENTER if before is None else PresenceAction.UPDATE
            events.append(self._record({**event, "action": int(entered)}))
        return events

    def remove(self, members: Sequence[Wire], new_id: Callable[[], str], now: int) -> list[Wire]:
        """Let members leave who did not say so themselves; give the events to deliver."""
        events: list[Wire] = []
        for member in members:
            key = str(member["connectionId"]), str(member["clientId"])
            event: Wire = {"id": f"{new_id()}:0:0", "clientId": key[1], "connectionId": key[0], "timestamp": now}
            events.append(self._leave(key, event))
        return events

    def pages(self) -> list[list[Wire]]:
        """Give all members in pieces that each fit into a frame; none if there is nobody."""
        pages: list[list[Wire]] = []
        size = 0
        for member in self._members.values():
            size += size_of([member])
            if not pages or size > _PAGE_BYTES:
                pages.append([])
                size = size_of([member])
            pages[-1].append(member)
        return pages

    def history(self, query: PresenceQuery) -> tuple[list[tuple[int, Wire]], bool]:
        """Give one page of events with their numbers, and whether more follow."""
        numbers = range(len(self._events)) if query.forwards else range(len(self._events) - 1, -1, -1)
        found = [(at, self._events[at]) for at in numbers if _selects(query, at, self._events[at])]
        return found[: query.limit], len(found) > query.limit

    def _check(self, actions: Sequence[PresenceAction], keys: Sequence[tuple[str, str]]) -> None:
        there = set(self._members)
        for action, key in zip(actions, keys, strict=True):
            if action is not PresenceAction.LEAVE:
                there.add(key)
            elif key in there:
                there.discard(key)
            else:
                raise AblyError(91002, 400, "unable to leave; the client is not present on this channel")
            if self.limit is not None and len(there) > max(self.limit, len(self._members)):
                raise AblyError(91003, 400, "unable to enter; the channel has as many members as it may")

    def _leave(self, key: tuple[str, str], event: Wire) -> Wire:
        # Who leaves without data leaves with the data of before.
        member = self._members.pop(key)
        data = {name: member[name] for name in ("data", "encoding") if name in member and "data" not in event}
        return self._record({**event, **data, "action": int(PresenceAction.LEAVE)})

    def _record(self, event: Wire) -> Wire:
        self._events.append(event)
        return event


def _action(item: Wire) -> PresenceAction:
    action = number(item, "action")
    if action not in (PresenceAction.PRESENT, PresenceAction.ENTER, PresenceAction.LEAVE, PresenceAction.UPDATE):
        raise AblyError(40003, 400, "unable to act on presence; the item has an unknown action")
    return PresenceAction(action)


def _order(item_id: str, connection_id: str) -> tuple[int, int] | None:
    """Read what orders the events of one member, None for an id of another form."""
    found = re.fullmatch(r"(\d+):(\d+)", item_id.removeprefix(f"{connection_id}:"))
    return (int(found[1]), int(found[2])) if found and item_id.startswith(f"{connection_id}:") else None


def _is_newer(event: Wire, before: Wire) -> bool:
    connection_id = str(event["connectionId"])
    new, old = _order(str(event["id"]), connection_id), _order(str(before["id"]), connection_id)
    return new is None or old is None or new > old


def _selects(query: PresenceQuery, at: int, event: Wire) -> bool:
    if query.after is not None and (at <= query.after if query.forwards else at >= query.after):
        return False
    timestamp = number(event, "timestamp")
    return timestamp >= query.start and (query.end is None or timestamp <= query.end)
