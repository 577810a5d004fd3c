"""Faults that a test orders: operations that are refused or whose outcome is lost, and times out of reach. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from temporal_ably.errors import ChannelRuleError, ConnectionLostError, MessageTooLargeError, PublishError

_KINDS: dict[int, type[PublishError]] = {40009: MessageTooLargeError, 93002: ChannelRuleError}
# A malformed or unknown key, a missing capability, a disabled account: nothing that time mends.
_FOR_GOOD = {40005, 40009, 93002, *range(40100, 40200), *range(40300, 40400), *range(40401, 40500)}


class Fate(Enum):
    """What becomes of an operation that is not acknowledged; ``APPLIED`` ones are on the channel all the same."""

    REFUSED = "refused"
    LOST = "lost"
    APPLIED = "applied"


@dataclass
class Fault:
    """A fault for the ``n``-th operation from now on, of ``channel`` or of any."""

    fate: Fate
    n: int
    code: int = 0
    channel: str | None = None

    def __post_init__(self) -> None:
        """Check the number.

        Raises:
            ValueError: if it names no operation to come.
        """
        if self.n < 1:
            raise ValueError(f"unable to order a fault; n={self.n} names no operation to come; count from 1")


class Faults:
    """The faults that wait for their operations, in the order in which they were ordered."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Wait for a fault's operation."""
        self._waiting.append(fault)

    def take(self, channel: str) -> Fault | None:
        """Count an operation and give its fault, if any. Of several that are due the later ones wait for the next."""
        counting = [fault for fault in self._waiting if fault.channel in (None, channel)]
        for fault in counting:
            fault.n -= 1
        due = next((fault for fault in counting if fault.n <= 0), None)
        if due is not None:
            self._waiting.remove(due)
        return due

    def clear(self) -> None:
        """Forget all."""
        self._waiting.clear()


def refusal(code: int, channel: str) -> PublishError:
    """Give the error that a connection to Ably makes of a refusal with this code."""
    return _KINDS.get(code, PublishError)(
        f"unable to publish to channel {channel}; the test had the recorder refuse it ({code}); "
        "order no such fault if it was not meant",
        code=code,
        retryable=code not in _FOR_GOOD,
        channel=channel,
    )


def lost(channel: str) -> ConnectionLostError:
    """Give the error of an operation whose outcome is unknown."""
    return ConnectionLostError(
        "unable to publish; the test had the recorder lose the connection; trying again", channel=channel
    )


def out_of_reach() -> ConnectionLostError:
    """Give the error of whoever tries to connect, or is connected, while the recorder is away."""
    return ConnectionLostError("unable to connect to Ably; the test has the recorder out of reach; trying again")
