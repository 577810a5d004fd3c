"""Acknowledgements: exactly one for each received frame, in the order of arrival.

Both SDKs complete everything up to an ACK with its outcome, and take the serials by position, so an ACK that is missing
or out of order would give publishes wrong results. Pure: time comes in as milliseconds.

Source: ably-js 2.28 messagequeue.ts, ably-python 3.1.4 connectionmanager.py.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from .wire import AblyError, Action, Wire

_LEDGER_SIZE = 10_000


@dataclass(slots=True)
class Outcome:
    """What became of one received frame; settled once `serials` or `error` is known."""

    msg_serial: int
    digest: int
    """Hash of the frame's content."""
    serials: Sequence[str | None] | None = None
    error: AblyError | None = None
    not_before: int = 0
    """Milliseconds; a fault may hold the acknowledgement back until then."""

    @property
    def settled(self) -> bool:
        """Whether it can be acknowledged."""
        return self.serials is not None or self.error is not None


@dataclass(slots=True)
class Ledger:
    """Outcomes of a connection's frames, for those that a client sends again after a broken socket."""

    _outcomes: dict[int, Outcome] = field(default_factory=dict[int, Outcome])

    def earlier(self, outcome: Outcome) -> Outcome | None:
        """Give the outcome of the same frame sent before.

        The digest guards against ably-python, which after a failed resume uses an msgSerial again for other content.
        """
        known = self._outcomes.get(outcome.msg_serial)
        return known if known and known.digest == outcome.digest and known.error is None else None

    def remember(self, outcome: Outcome) -> None:
        """Keep an outcome, and forget the oldest beyond a bound."""
        self._outcomes.pop(outcome.msg_serial, None)
        self._outcomes[outcome.msg_serial] = outcome
        if len(self._outcomes) > _LEDGER_SIZE:
            del self._outcomes[next(iter(self._outcomes))]


class AckQueue:
    """Frames that wait for their acknowledgement."""

    def __init__(self) -> None:
        """Start empty."""
        self._waiting: deque[Outcome] = deque()

    def add(self, outcome: Outcome) -> None:
        """Queue a received frame."""
        self._waiting.append(outcome)

    def next_due(self) -> int | None:
        """Give the time at which the head can leave, None if there is none or its outcome is open."""
        return self._waiting[0].not_before if self._waiting and self._waiting[0].settled else None

    def release(self, now: int) -> Iterator[Wire]:
        """Give the frames for all that can leave."""
        while self._waiting and self._waiting[0].settled and self._waiting[0].not_before <= now:
            outcome = self._waiting.popleft()
            frame: Wire = {"msgSerial": outcome.msg_serial, "count": 1}
            if outcome.error:
                yield {**frame, "action": int(Action.NACK), "error": outcome.error.to_wire()}
            else:
                yield {**frame, "action": int(Action.ACK), "res": [{"serials": list(outcome.serials or ())}]}


def merge(last: Wire, frame: Wire) -> bool:
    """Merge an ACK into the ACK before it, if their msgSerials follow each other; tell whether it could.

    One frame for many publishes saves ably-python a third of its time.
    """
    results, more = last.get("res"), frame.get("res")
    count, first = last.get("count"), last.get("msgSerial")
    if not isinstance(results, list) or not isinstance(more, list):
        return False
    if not isinstance(count, int) or not isinstance(first, int) or frame.get("msgSerial") != first + count:
        return False
    results.extend(more)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    last["count"] = count + 1
    return True
