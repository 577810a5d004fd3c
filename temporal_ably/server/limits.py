"""Limits of Ably and the meters that hold them. Pure: time comes in as milliseconds.

Source: ably/docs "Limits", ably/ably-common errors/codes.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the server accepts; None switches a limit off.

    The defaults bound only sizes. `Limits.real()` has what Ably enforces on what clients send, so that an application
    meets 42911 and 42913 in development and not in production. What Ably drops on the way out is not dropped here.
    """

    message_bytes: int = 65_536
    """Size of one publish."""
    messages_per_publish: int = 1000
    """Messages of one publish."""
    aggregate_bytes: int = 524_288
    """Size of a message after appends; keeps frames below the 1 MiB that ably-python accepts."""
    connection_messages_per_s: int | None = None
    """Messages into a connection; beyond 20 times this the connection is closed."""
    channel_messages_per_s: int | None = None
    """Messages into a channel, all publishers together."""
    channel_bytes_per_s: int | None = None
    """Bytes into a channel."""
    channels_per_connection: int | None = None
    """Attached channels of a connection."""
    presence_members: int | None = 200
    """Members present on a channel."""

    @classmethod
    def real(cls) -> "Limits":
        """Give the limits of a real account."""
        return cls(
            connection_messages_per_s=50,
            channel_messages_per_s=50,
            channel_bytes_per_s=1_048_576,
            channels_per_connection=200,
        )


class Meter:
    """A bucket that holds one second's worth."""

    def __init__(self, per_s: int | None) -> None:
        """Start full."""
        self._per_s = per_s
        self._level = float(per_s or 0)
        self._at = 0

    def take(self, amount: int, now: int) -> bool:
        """Take an amount if it is there."""
        if self._per_s is None:
            return True
        self._level = min(float(self._per_s), self._level + (now - self._at) * self._per_s / 1000)
        self._at = now
        if self._level < amount:
            return False
        self._level -= amount
        return True
