"""Outboxes: what the schedule draws from. Pure.

An outbox yields tickets, cheap descriptions of what it could send now. The schedule picks some,
and only then are their operations built. Each picked ticket is settled exactly once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from temporal_ably._publisher.bundle import Bundle
    from temporal_ably._publisher.stream import Stream
    from temporal_ably._wire.operations import Operation


class Rank(IntEnum):
    """Which tickets go first."""

    TOMBSTONE = 0
    FRAMING = 1
    TEXT = 2
    MARK = 3


@dataclass(frozen=True)
class Ticket:
    """Something that could be sent now.

    ``what`` is a bundle to create, a stream to change, or the name of a frame. ``since`` is when it
    began to wait, in seconds of the engine's clock. ``cost`` is its number of messages.
    """

    outbox: Outbox
    what: Bundle | Stream | str
    rank: Rank
    since: float
    cost: int = 1


class Outbox(Protocol):
    """A source of operations on one channel, in their order."""

    @property
    def channel(self) -> str:
        """The channel."""
        ...

    @property
    def run_id(self) -> str:
        """The run that it writes to."""
        ...

    @property
    def done(self) -> bool:
        """Whether nothing is left, now or later."""
        ...

    @property
    def open_streams(self) -> int:
        """How many streams are open."""
        ...

    def ready(self) -> Iterator[Ticket]:
        """Yield what could be sent now, in order."""
        ...

    def take(self, ticket: Ticket, now: float) -> Operation:
        """Build a ticket's operation and note that it is in flight."""
        ...

    def acked(self, ticket: Ticket, serials: tuple[str, ...], now: float) -> None:
        """Note success. ``serials``: one a message."""
        ...

    def unsent(self, ticket: Ticket) -> None:
        """Note that the operation is certainly not on the channel and may be sent again."""
        ...

    def doubted(self, ticket: Ticket) -> None:
        """Note that the outcome is unknown."""
        ...

    def abandon(self, ticket: Ticket) -> None:
        """Note that the operation can never succeed."""
        ...
