"""The workflow of stories that are about one activity: it asks it once and returns what it said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy


@dataclass
class Question:
    """Which activity to ask, and how. Times are in seconds; `attempts` of 0 means without end.

    A local activity is retried by its worker, or after a timer of the workflow, which gives it another id.
    """

    activity: str
    local: bool = False
    retry_by_timer: bool = False
    start_to_close: float = 60
    heartbeat: float | None = None
    attempts: int = 0
    retry_after: float = 0.01
    wait_for_cancellation: bool = False


@workflow.defn
class Ask:
    @workflow.run
    async def run(self, question: Question) -> str:
        retries = RetryPolicy(
            initial_interval=timedelta(seconds=question.retry_after), maximum_attempts=question.attempts
        )
        start_to_close = timedelta(seconds=question.start_to_close)
        if question.local:
            return await workflow.execute_local_activity(
                question.activity,
                start_to_close_timeout=start_to_close,
                retry_policy=retries,
                local_retry_threshold=timedelta(microseconds=1) if question.retry_by_timer else None,
                result_type=str,
            )
        types = workflow.ActivityCancellationType
        return await workflow.execute_activity(
            question.activity,
            start_to_close_timeout=start_to_close,
            heartbeat_timeout=timedelta(seconds=question.heartbeat) if question.heartbeat else None,
            retry_policy=retries,
            cancellation_type=types.WAIT_CANCELLATION_COMPLETED if question.wait_for_cancellation else types.TRY_CANCEL,
            result_type=str,
        )
