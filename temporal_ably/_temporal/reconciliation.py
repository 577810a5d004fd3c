"""What ``reconcile`` found and did: frozen values, and lines for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from temporal_ably._wire.events import RunReason

RunOutcome = Literal["ended", "suspended", "running", "waiting", "recent", "gone", "unknown", "failed"]

_SAID: dict[RunOutcome, str] = {
    "running": "goes on: its workflow has not closed",
    "waiting": "waits for a client",
    "recent": "left alone: it may still be written to",
    "gone": "was ended meanwhile",
}


@dataclass(frozen=True)
class ReconciledRun:
    """A run that was open, and what became of it.

    ``outcome`` is one of

    - ``ended``, with the ``reason``; in a dry run it would have been,
    - ``suspended``: its workflow closed with a question to the client, which may still answer,
    - ``running``: its workflow has not closed, or its update is not over,
    - ``waiting``: it was suspended already,
    - ``recent``: its workflow closed, or it was written to, a moment ago; its worker may be at it,
    - ``gone``: somebody else ended it meanwhile,
    - ``unknown``: Temporal does not know its workflow, any more perhaps; ``why`` tells more,
    - ``failed``: it could not be looked at or ended; ``why`` tells more.
    """

    channel: str
    run: str
    workflow_id: str
    workflow_run_id: str
    outcome: RunOutcome
    reason: RunReason | Literal[""] = ""
    why: str = ""


@dataclass(frozen=True)
class Reconciliation:
    """What ``reconcile`` found and did; its ``str`` is a report for people.

    ``unread`` names channels whose history could not be read, and why. ``dry_run``: nothing was published.
    """

    runs: tuple[ReconciledRun, ...] = ()
    unread: tuple[tuple[str, str], ...] = ()
    channels: int = 0
    dry_run: bool = False

    @property
    def complete(self) -> bool:
        """Whether every channel and every run could be looked at, and ended where that was due."""
        return not self.unread and all(run.outcome != "failed" for run in self.runs)

    @property
    def ended(self) -> tuple[ReconciledRun, ...]:
        """The runs that were ended or suspended; in a dry run those that would have been."""
        return tuple(run for run in self.runs if run.outcome in ("ended", "suspended"))

    def __str__(self) -> str:
        """Give a report, in lines."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        for run in self.runs:
            yield f"{run.channel}: run {run.run} of workflow {run.workflow_id or '?'} {self._said(run)}"
        for channel, why in self.unread:
            yield f"{channel}: {why}"
        what = "would be ended" if self.dry_run else "ended"
        yield (f"{_count(self.channels, 'session')}, {_count(len(self.runs), 'open run')}, {len(self.ended)} {what}")

    def _said(self, run: ReconciledRun) -> str:
        would = "would be " if self.dry_run else ""
        if run.outcome == "ended":
            return f"{would}ended: {run.reason}" + (f" ({run.why})" if run.why else "")
        if run.outcome == "suspended":
            return f"{would}suspended: it waits for a client"
        if run.outcome in ("unknown", "failed"):
            return f"stays open: {run.why}"
        return _SAID[run.outcome]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
