"""The accounts of a publisher's attempts: which there are, and whose span still waits for links.

Lives on the engine's loop. Where nothing listens there are none, and each call costs a look into an empty dict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporal_ably._publisher.attempt import Attempt
from temporal_ably._publisher.telemetry import telemetry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from temporal_ably._publisher.outbox import Ticket
    from temporal_ably._publisher.telemetry import Account
    from temporal_ably._wire.operations import Operation


class Accounts:
    """What telemetry is told of attempts."""

    def __init__(self) -> None:
        self._accounts: dict[Attempt, Account] = {}
        self._seeking: dict[Attempt, Account] = {}

    def add(self, attempt: Attempt, account: Account | None) -> None:
        """Take an account in, ``None`` where nothing listens."""
        if account is not None:
            self._accounts[attempt] = account
            if account.seeks_links:
                self._seeking[attempt] = account

    @property
    def held_bytes(self) -> int:
        """Bytes that are not acknowledged; asked from any thread."""
        # Ints of the engine's thread, found by way of a copy.
        return sum(attempt.held_bytes for attempt in tuple(self._accounts))

    def took(self, attempt: Attempt, characters: int) -> None:
        """Note that a chunk was taken in; a whole part has no characters."""
        account = self._accounts.get(attempt)
        if account is not None:
            account.took(characters)

    def superseded(self, attempt: Attempt) -> None:
        """Note that a later attempt of the step is known."""
        account = self._accounts.get(attempt)
        if account is not None:
            account.superseded()

    def acked(self, ticket: Ticket, operation: Operation, now: float) -> None:
        """Note that an operation is on the channel."""
        account = self._of(ticket)
        if account is None:
            telemetry.acked(operation)
        else:
            frames = isinstance(ticket.what, str)
            account.acked(ticket.what, operation, None if frames else now - ticket.since)

    def failed(self, ticket: Ticket, operation: Operation, err: Exception, *, doubted: bool) -> None:
        """Note that an operation failed; in doubt, it may be on the channel all the same."""
        account = self._of(ticket)
        if account is None:
            telemetry.failed(err, operation)
        else:
            account.failed(ticket.what, operation, err, doubted=doubted)

    def _of(self, ticket: Ticket) -> Account | None:
        return self._accounts.get(ticket.outbox) if isinstance(ticket.outbox, Attempt) else None

    def flush(self) -> None:
        """Report what was counted, and forget who is done."""
        for attempt, account in tuple(self._accounts.items()):
            account.flush(attempt.lost)
            if attempt.done:
                del self._accounts[attempt]

    def seeks_links(self, attempt: Attempt) -> bool:
        """Whether the span of an attempt waits for links."""
        return attempt in self._seeking

    def link(self, attempt: Attempt, traceparents: Iterable[str]) -> None:
        """Link the span of an attempt to those that it replaced; its end waits no more."""
        account = self._seeking.pop(attempt, None)
        if account is not None:
            account.link(traceparents)

    @property
    def ended_and_seeking(self) -> list[Attempt]:
        """Attempts whose span could end but for its links."""
        return [attempt for attempt, account in self._seeking.items() if account.ended]
