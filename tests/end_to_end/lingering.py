"""Lets a worker linger when an activity is over, ours and all, before Temporal hears of its result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from temporalio.worker import ActivityInboundInterceptor, Interceptor

from tests.end_to_end.checkpoints import checkpoint

if TYPE_CHECKING:
    from temporalio.worker import ExecuteActivityInput

PLACE = "over, but not told"


class Lingering(Interceptor):
    """Stands before ours, so that the stream has ended."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Lingering(next)


class _Lingering(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        result = await self.next.execute_activity(input)
        await checkpoint(PLACE, beating=True)
        return result
