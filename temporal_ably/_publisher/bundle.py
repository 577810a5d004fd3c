"""Parts that go out together: whole ones in their order, then perhaps the opening of a streamed one. Pure.

One publish is atomic and keeps its order, so parts that follow each other cost one round trip.
Once a bundle was on its way it is sealed: it may be on the channel, and is sent again as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporal_ably._wire.parts import size_bytes

if TYPE_CHECKING:
    from temporal_ably._publisher.stream import Stream
    from temporal_ably._wire.parts import Whole

# With its headers a message is some 1 KiB larger than its part, and all of a publish count as one.
# And all are refused together: what a limited account never takes at once would never get through.
_PARTS = 4
_BYTES = 32 * 1024


class Bundle:
    """What one publish creates.

    Args:
        number: its place within its attempt.
        since: when it began to wait, in seconds of the engine's clock.
    """

    def __init__(self, number: int, since: float) -> None:
        self.number = number
        self.since = since
        self.wholes: list[tuple[int, Whole]] = []
        self.stream: Stream | None = None
        self.created = False
        self.sending = False
        self._sealed = False
        self._whole_bytes = 0

    def takes(self, size: int) -> bool:
        """Whether a part of ``size`` bytes may still join."""
        fits = self.cost < _PARTS and self._whole_bytes + size <= _BYTES
        return fits and self.stream is None and not self._sealed

    def add(self, message: int, part: Whole) -> None:
        """Let a whole part join, as part of the ``message``-th message."""
        self.wholes.append((message, part))
        self._whole_bytes += size_bytes(part)

    def renew(self, message: int, part: Whole) -> bool:
        """Put a part in place of the last one, if that is of the same kind and message and still here."""
        if self._sealed or self.stream is not None or not self.wholes:
            return False
        before = self.wholes[-1]
        grows = size_bytes(part) - size_bytes(before[1])
        same = before[0] == message and before[1].kind == part.kind
        if not same or (len(self.wholes) > 1 and self._whole_bytes + grows > _BYTES):
            return False
        self._whole_bytes += grows
        self.wholes[-1] = message, part
        return True

    @property
    def cost(self) -> int:
        """How many messages it creates."""
        return len(self.wholes) + (self.stream is not None)

    @property
    def held_bytes(self) -> int:
        """Bytes that are not acknowledged."""
        return (0 if self.created else self._whole_bytes) + (self.stream.held_bytes if self.stream else 0)

    @property
    def done(self) -> bool:
        """Whether nothing is left to do for it."""
        return self.created and (self.stream is None or self.stream.closed)

    def sent(self) -> None:
        """Note that it is in flight."""
        self.sending = self._sealed = True

    def acked(self, serial: str) -> None:
        """Note that it is on the channel; ``serial`` is that of its last message."""
        self.sending, self.created = False, True
        if self.stream is not None:
            self.stream.acked(serial)

    def unsettled(self) -> None:
        """Note that it must be sent again."""
        self.sending = False
        if self.stream is not None:
            self.stream.unsent()

    def abandon(self) -> int:
        """Give up, and tell how many parts and characters are lost."""
        self.sending, self.created = False, True
        if self.stream is None:
            return len(self.wholes)
        lost = self.stream.held_chars
        self.stream.abandon()
        return len(self.wholes) + max(1, lost)
