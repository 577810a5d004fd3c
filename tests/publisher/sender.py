"""An attempt that sends what it offers to a channel on paper."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from temporal_ably._publisher.attempt import Attempt
from tests.publisher.model import PLAN, TEXT, Channel, picture

if TYPE_CHECKING:
    from temporal_ably._publisher.outbox import Ticket
    from temporal_ably._publisher.plan import Plan
    from temporal_ably._wire.operations import Operation


@dataclass
class Sender:
    """Sends what an attempt offers to a channel on paper, in the order of offer."""

    attempt: Attempt
    channel: Channel = field(default_factory=Channel)
    sent: list[str] = field(default_factory=list[str])

    def take(self) -> list[tuple[Ticket, Operation]]:
        taken = [(ticket, self.attempt.take(ticket, 0.0)) for ticket in list(self.attempt.ready())]
        self.sent += [picture(operation) for _, operation in taken]
        return taken

    def ack(self, ticket: Ticket, operation: Operation) -> None:
        self.attempt.acked(ticket, self.channel.apply(operation), 0.0)

    def round(self) -> list[str]:
        """Send everything that is offered now; tell what it was."""
        before = len(self.sent)
        for ticket, operation in self.take():
            self.ack(ticket, operation)
        return self.sent[before:]

    def flush(self) -> list[str]:
        before = len(self.sent)
        while self.round():
            pass
        return self.sent[before:]


def sender(plan: Plan = PLAN) -> Sender:
    return Sender(Attempt(plan))


def opened() -> Sender:
    """An attempt whose opening, and the first part with its first text, are on the channel."""
    it = sender()
    it.attempt.open_part(1, 0, TEXT, 0.0)
    it.attempt.text(1, "hello", 0.0)
    it.flush()
    it.sent.clear()
    return it
