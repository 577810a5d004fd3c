"""A user's test module in small: its workflow stands beside imports of all that `temporal_ably.testing` gives."""

from __future__ import annotations

from temporalio import workflow

from temporal_ably import testing

NAMES = [getattr(testing, name) for name in testing.__all__]


@workflow.defn
class Nothing:
    @workflow.run
    async def run(self) -> None: ...
