"""The outbox of what any process may say of a run, and says in the same words. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporal_ably._publisher.outbox import Rank, Ticket
from temporal_ably._wire.operations import Message, Operation, Publish

if TYPE_CHECKING:
    from collections.abc import Iterator


class Notice:
    """Publish messages as one, once, under ids that are the same in every process.

    Args:
        channel: the session's channel.
        run_id: the run that it tells of.
        messages: what to publish.
    """

    def __init__(self, channel: str, run_id: str, messages: tuple[Message, ...]) -> None:
        self.channel = channel
        self.run_id = run_id
        self.done = False
        self.open_streams = 0
        self._messages = messages
        self._sending = False

    def ready(self) -> Iterator[Ticket]:
        """Yield the messages while they are not in flight."""
        if not self._sending and not self.done:
            yield Ticket(self, "notice", Rank.FRAMING, 0.0, len(self._messages))

    def take(self, ticket: Ticket, now: float) -> Operation:
        """Give the publish."""
        del ticket, now
        self._sending = True
        return Publish(self._messages)

    def acked(self, ticket: Ticket, serials: tuple[str, ...], now: float) -> None:
        """Note success."""
        del ticket, serials, now
        self.done = True

    def unsent(self, ticket: Ticket) -> None:
        """Send it again later."""
        del ticket
        self._sending = False

    def doubted(self, ticket: Ticket) -> None:
        """Send it again under its ids."""
        self.unsent(ticket)

    def abandon(self, ticket: Ticket) -> None:
        """Give up."""
        del ticket
        self.done = True
