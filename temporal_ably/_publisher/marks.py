"""Marks on output that another attempt replaced: for people, and for clients that do not fold. Pure.

A mark is an update of the message's extras; its content stays as it is, so the 0.8 client is not
disturbed. No fold relies on marks: they are sent when nothing else waits, and given up on any refusal.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, cast

from temporal_ably._publisher.outbox import Rank, Ticket
from temporal_ably._wire import tags
from temporal_ably._wire.operations import Message, Operation, Update

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from temporal_ably._publisher.plan import Plan
    from temporal_ably._transport.base import Stored
    from temporal_ably._wire.operations import Extras


def marks(plan: Plan, stored: Iterable[Stored]) -> list[Update]:
    """Give the updates that mark what an attempt replaced, in the order of ``stored``."""
    return [_mark(message, headers, plan) for message, headers in _of_step(plan, stored) if _is_replaced(headers, plan)]


def replaced_attempts(updates: Iterable[Update]) -> int:
    """Tell how many attempts the output comes from that updates mark."""
    found = (cast("Mapping[str, str]", update.message.extras["headers"]) for update in updates)
    return len({headers[tags.STARTED] for headers in found})


def replaced_traces(plan: Plan, stored: Iterable[Stored]) -> list[str]:
    """Give the trace contexts (``traceparent``) of the attempts that an attempt replaced."""
    return [
        headers[tags.TRACEPARENT]
        for _, headers in _of_step(plan, stored)
        if tags.TRACEPARENT in headers and headers.get(tags.EVENT) == "step-start" and _is_earlier(headers, plan)
    ]


def _of_step(plan: Plan, stored: Iterable[Stored]) -> Iterator[tuple[Stored, Mapping[str, str]]]:
    for message in stored:
        # Anybody may publish to the channel, headers of any shape.
        found = message.extras.get("headers")
        if not isinstance(found, dict):
            continue
        headers = cast("dict[str, object]", found)
        if headers.get(tags.STEP) == plan.step and headers.get(tags.SESSION_RUN) == plan.run.id:
            yield message, {name: value for name, value in headers.items() if isinstance(value, str)}


def _is_replaced(headers: Mapping[str, str], plan: Plan) -> bool:
    return headers.get(tags.EVENT) == "part" and tags.SUPERSEDED_BY not in headers and _is_earlier(headers, plan)


def _is_earlier(headers: Mapping[str, str], plan: Plan) -> bool:
    started_us = tags.started_us(headers)
    return started_us is not None and started_us < plan.origin.started_us


def _mark(message: Stored, headers: Mapping[str, str], plan: Plan) -> Update:
    marked = {**headers, tags.SUPERSEDED_BY: str(plan.origin.started_us)}
    extras = cast("Extras", {**message.extras, "headers": marked})
    # Without data: what the channel has of it stays, and a zombie may be appending still.
    return Update(message.serial, Message(message.name, None, extras))


class Marks:
    """An outbox of marks.

    Args:
        channel: the channel.
        updates: the marks.
    """

    run_id = ""  # No run-end waits for marks.
    open_streams = 0

    def __init__(self, channel: str, updates: Iterable[Update]) -> None:
        self.channel = channel
        self._updates = deque(updates)
        self._sending = False

    @property
    def done(self) -> bool:
        """Whether all are sent, or given up."""
        return not self._updates

    def ready(self) -> Iterator[Ticket]:
        """Yield the next mark while none is in flight."""
        if self._updates and not self._sending:
            yield Ticket(self, "mark", Rank.MARK, 0.0)

    def take(self, ticket: Ticket, now: float) -> Operation:
        """Give the next mark."""
        del ticket, now
        self._sending = True
        return self._updates[0]

    def acked(self, ticket: Ticket, serials: tuple[str, ...], now: float) -> None:
        """Note success."""
        del ticket, serials, now
        self._sending = False
        self._updates.popleft()

    def unsent(self, ticket: Ticket) -> None:
        """Send it again later."""
        del ticket
        self._sending = False

    def doubted(self, ticket: Ticket) -> None:
        """Send it again: a mark twice is a mark."""
        self.unsent(ticket)

    def abandon(self, ticket: Ticket) -> None:
        """Give all of them up."""
        del ticket
        self._updates.clear()
