"""Faults to order: what the server does wrong on purpose, for tests of publishers and readers.

The rules are pure; the shell (`app.py`) carries out what needs sockets.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from .wire import AblyError, Wire

Match = Callable[[Wire], bool]
"""Chooses an operation by its inner message (name, action, data, extras, serial, ...) and its `channel`."""


class FaultKind(Enum):
    """What happens to an operation."""

    REFUSE = "refuse"
    IGNORE = "ignore"
    CUT = "cut"
    DELAY = "delay"


@dataclass(slots=True)
class Fault:
    """A fault for the next matching operations."""

    kind: FaultKind
    remaining: int = 1
    match: Match | None = None
    apply: bool = False
    """Whether an operation that is ignored, or whose socket is cut, takes effect."""
    error: AblyError | None = None
    delay_ms: int = 0


class FaultRules:
    """Faults waiting for their operations, in the order in which they were asked for."""

    def __init__(self) -> None:
        """Start with none."""
        self._waiting: list[Fault] = []
        self.resumes_to_refuse: int = 0
        self.cut_off: list[Match] = []
        """Clients that cannot reach the server, chosen by what is known of a request."""

    def add(self, fault: Fault) -> None:
        """Wait for the next matching operations."""
        self._waiting.append(fault)

    def take(self, channel: str, messages: Sequence[Wire]) -> Fault | None:
        """Give the fault for a received publish, if one waits for it."""
        for fault in self._waiting:
            if fault.match is None or any(fault.match({**message, "channel": channel}) for message in messages):
                fault.remaining -= 1
                if not fault.remaining:
                    self._waiting.remove(fault)
                return fault
        return None

    def keeps_out(self, about: Wire) -> bool:
        """Tell whether a client cannot reach the server."""
        return any(match(about) for match in self.cut_off)

    def take_refused_resume(self) -> bool:
        """Tell whether the resume at hand must be refused."""
        refused = self.resumes_to_refuse > 0
        self.resumes_to_refuse -= refused
        return refused
