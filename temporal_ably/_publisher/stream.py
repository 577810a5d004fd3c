"""One streamed part on the channel: create, append, close, repair. Pure.

At most one operation is unacknowledged, and text coalesces meanwhile. So whatever is lost is the
tail, and one update with the whole text repairs it: a live reader appends what it lacks.
Source: @ably/ai-transport 0.8.0, ``src/core/codec/decoder.ts`` (an update that extends the text
a reader has is an append; any other is not shown live).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from temporal_ably._wire.parts import Status, Streamed


@dataclass(frozen=True)
class Move:
    """What a stream wants to send next."""

    verb: Literal["create", "append", "update"]
    text: str
    status: Status


# A reader that sees the opening live would lose text in it.
# Source: @ably/ai-transport 0.8.0, ``src/core/codec/decoder.ts``.
CREATE = Move("create", "", "streaming")


class Stream:
    """The state of one streamed part.

    Args:
        message: number of the message that the part belongs to, within its attempt.
        part: the part.
    """

    def __init__(self, message: int, part: Streamed) -> None:
        self.message = message
        self.part = part
        self.closing = part
        self.serial = ""
        self.status: Status = "streaming"
        self.closed = False
        self.since = 0.0
        self.last_sent = float("-inf")
        self.size_bytes = 0
        self._text: str = ""
        self._length = 0
        self._acked = 0
        self._acked_bytes = 0
        self._exposed = 0
        self._sending: tuple[Move, int] | None = None
        self._doubt = False
        self._repaired = False

    @property
    def created(self) -> bool:
        """Whether the create is acknowledged."""
        return bool(self.serial)

    @property
    def length(self) -> int:
        """Characters so far, lost ones included."""
        return self._length

    @property
    def held_bytes(self) -> int:
        """Bytes (as UTF-8) that are not acknowledged."""
        return self.size_bytes - self._acked_bytes

    @property
    def held_chars(self) -> int:
        """Characters that are not acknowledged."""
        return len(self._text) - self._acked

    def push(self, text: str, now: float) -> None:
        """Accept text."""
        if self._acked == len(self._text):
            self.since = now
        self._text += text
        self._length += len(text)
        self.size_bytes += len(text.encode())

    def lose(self, chars: int) -> None:
        """Count characters that will never be sent, so that readers see the gap."""
        self._length += chars

    def drop_held(self) -> int:
        """Forget the text that no reader can have seen: the close must not take back what one may have.

        Returns:
            The number of characters forgotten; they still count as length, so that readers see the gap.
        """
        kept = max(self._acked, self._exposed, self._sending[1] if self._sending else 0)
        dropped = len(self._text) - kept
        if dropped:
            self.size_bytes -= len(self._text[kept:].encode())
            self._text = self._text[:kept]
        return dropped

    def close(self, status: Status, now: float, fields: Mapping[str, str] | None = None) -> None:
        """End the part; the closing operation carries the last text, and ``fields`` laid over the part's own."""
        if self.status == "streaming":
            self.status = status
            self.closing = replace(self.part, fields={**self.part.fields, **(fields or {})})
            if self._acked == len(self._text):
                self.since = now

    @property
    def ready(self) -> bool:
        """Whether nothing is in flight and something is left to send."""
        if self._sending is not None or self.closed:
            return False
        return not self.created or self._doubt or self.status != "streaming" or self._acked < len(self._text)

    def move(self) -> Move:
        """Give the next operation."""
        if not self.created:
            return CREATE
        closing = self.status != "streaming"
        if self._doubt or (closing and self._repaired):
            # A close in full after a repair: should a lost append have landed late after all, history ends right.
            return Move("update", self._text, self.status)
        return Move("append", self._text[self._acked :], self.status)

    def sent(self, move: Move, now: float) -> None:
        """Note that a move is in flight."""
        covered = 0 if move.verb == "create" else len(self._text)
        self._sending = (move, covered)
        self.last_sent = now

    def acked(self, serial: str) -> None:
        """Note that the move in flight is on the channel."""
        if self._sending is None:
            return
        move, covered = self._sending
        self._sending = None
        if move.verb == "create":
            self.serial = serial
            return
        self._acked_bytes += len(self._text[self._acked : covered].encode())
        self._acked = covered
        self._repaired = self._repaired or move.verb == "update"
        self._doubt = False
        self.closed = move.status != "streaming"

    def unsent(self) -> None:
        """Note that the move in flight is certainly not on the channel."""
        self._sending = None

    def refused(self) -> int:
        """Note that the move in flight can never succeed: its text is given up, the part goes on.

        Returns:
            How many characters are lost; they still count as length, so that readers see the gap.
        """
        if self._sending is None:
            return 0
        move, covered = self._sending
        self._sending = None
        lost = covered - self._acked
        if move.verb != "append" or lost == 0:
            # It was not the text that Ably minds.
            lost = self.held_chars
            self.closed = True
            return max(1, lost)
        dropped = self._text[self._acked : covered]
        self._text = self._text[: self._acked] + self._text[covered:]
        self.size_bytes -= len(dropped.encode())
        return lost

    def doubted(self) -> None:
        """Note that nobody knows whether the move in flight is on the channel.

        A create is sent again under its id. Anything else is repaired by the whole text.
        """
        if self._sending is None:
            return
        move, covered = self._sending
        self._sending = None
        self._exposed = max(self._exposed, covered)
        self._doubt = self._doubt or move.verb != "create"

    def abandon(self) -> None:
        """Give up: nothing more is sent."""
        self._sending = None
        self.closed = True
