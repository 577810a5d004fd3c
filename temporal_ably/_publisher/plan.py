"""What an attempt publishes as, and where. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from temporal_ably._wire.events import Run
    from temporal_ably._wire.tags import Origin


@dataclass(frozen=True)
class Plan:
    """What an attempt publishes as, and where.

    ``owner_id`` and ``owner_run_id`` name the workflow that the run belongs to. ``opens_run`` says
    whether the run's opening must go first. ``since_us`` is when the workflow run began that repeats
    the step, 0 where none does. ``replaces`` says whether an earlier attempt may have written this
    step; ``rewrites`` that one did, so far as the channel's history tells. ``answers`` says whether the
    output goes to the client that asked as the stream of its answer. A tombstone has no output: it makes
    that of an earlier attempt go.
    """

    channel: str
    run: Run
    step: str
    origin: Origin
    owner_id: str
    owner_run_id: str
    opens_run: bool = True
    full_tags: bool = False
    since_us: int = 0
    replaces: bool = False
    rewrites: bool = False
    answers: bool = False
    tombstone: bool = False
    traceparent: str = ""

    @property
    def wire_step(self) -> str:
        """The step's name in the dialect.

        Each try of a workflow has names of its own, so that a tombstone, whoever sends it and however
        late, never takes the place of what a later try writes.
        """
        return wire_step(self.step, self.since_us)

    @property
    def aborts(self) -> bool:
        """Whether the stream of the answer is to be broken off, for it holds what an earlier attempt wrote."""
        return self.rewrites and self.answers and bool(self.run.input_id)

    @property
    def id(self) -> str:
        """A name for the attempt that no other attempt of any worker has."""
        return f"{self.run.id}/{self.wire_step}/{self.origin.started_us}"


def wire_step(step: str, since_us: int) -> str:
    """Name a step in the dialect; ``since_us`` as in ``Plan``."""
    return f"{step}@{since_us}" if since_us else step
