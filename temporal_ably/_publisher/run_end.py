"""The outbox that ends a run. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from temporal_ably._dialect import ait08
from temporal_ably._publisher.outbox import Rank, Ticket
from temporal_ably._wire import tags
from temporal_ably._wire.operations import Operation, Publish

if TYPE_CHECKING:
    from collections.abc import Iterator

    from temporal_ably._wire.events import RunClosed


class RunEnd:
    """Publish one run-end, under an id that is the same in every process.

    The schedule lets it wait until no other outbox of its run is left.

    Args:
        channel: the session's channel.
        event: the run and how it ended.
        owner_id: workflow id of the run's owner.
        owner_run_id: Temporal run id of the workflow run that ended.
    """

    def __init__(self, channel: str, event: RunClosed, owner_id: str, owner_run_id: str) -> None:
        self.channel = channel
        self.done = False
        self.open_streams = 0
        self._event = event
        own = tags.run_tags(event.run, "run-end", owner_id, owner_run_id)
        self._tags = own | tags.end_tags(event.reason, event.error)
        self._sending = False

    @property
    def run_id(self) -> str:
        """The run that it ends."""
        return self._event.run.id

    def ready(self) -> Iterator[Ticket]:
        """Yield the end while it is not in flight."""
        if not self._sending and not self.done:
            yield Ticket(self, "run-end", Rank.FRAMING, 0.0)

    def take(self, ticket: Ticket, now: float) -> Operation:
        """Build the run-end."""
        del ticket, now
        self._sending = True
        message = ait08.encode(self._event)
        extras = {**message.extras, "headers": self._tags}
        return Publish((replace(message, extras=extras, id=ait08.run_end_id(self._event.run)),))

    def acked(self, ticket: Ticket, serials: tuple[str, ...], now: float) -> None:
        """Note success."""
        del ticket, serials, now
        self.done = True

    def unsent(self, ticket: Ticket) -> None:
        """Send it again later."""
        del ticket
        self._sending = False

    def doubted(self, ticket: Ticket) -> None:
        """Send it again under its id."""
        self.unsent(ticket)

    def abandon(self, ticket: Ticket) -> None:
        """Give up."""
        del ticket
        self.done = True
