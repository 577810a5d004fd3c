"""How attempts end: what became of their output, and who waits to hear it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable

    from temporal_ably._publisher.attempt import Attempt
    from temporal_ably.errors import PublishError


class Delivery(Enum):
    """How an attempt's output stands when its end has been waited for."""

    DELIVERED = "delivered"
    HELD = "held"


@dataclass(frozen=True)
class Outcome:
    """The end of an attempt: what became of its output, and the last error, if any.

    ``lost`` counts the characters and whole parts that no viewer will see.
    """

    delivery: Delivery
    lost: int = 0
    error: PublishError | None = None

    @property
    def whole(self) -> bool:
        """Whether all of the output is on the channel."""
        return self.delivery is Delivery.DELIVERED and self.lost == 0 and self.error is None


@dataclass(frozen=True)
class Ending:
    """Somebody waits for an attempt's outcome; ``patient`` also while Ably is out of reach."""

    attempt: Attempt
    future: concurrent.futures.Future[Outcome]
    patient: bool


class Endings:
    """The endings that are waited for. Lives on the engine's loop."""

    def __init__(self) -> None:
        self._waiting: list[Ending] = []

    def add(self, ending: Ending) -> None:
        """Take an ending in."""
        self._waiting.append(ending)

    def settle(self, outcome_of: Callable[[Ending], Outcome | None]) -> None:
        """Tell the outcomes that are known; ``None`` is one that is worth waiting for."""
        waiting: list[Ending] = []
        for ending in self._waiting:
            outcome = outcome_of(ending)
            if outcome is None:
                waiting.append(ending)
            elif not ending.future.done():
                ending.future.set_result(outcome)
        self._waiting = waiting
