"""A workflow that has activities of several workers speak, one after the other. A file of its own, for the sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy


@dataclass
class Stop:
    """An activity, and where it is served; it is tried once. `heartbeat` is in seconds."""

    activity: str
    task_queue: str
    heartbeat: float = 60


@workflow.defn
class Errand:
    @workflow.run
    async def run(self, stops: list[Stop]) -> str:
        said: list[str] = []
        for stop in stops:
            said.append(  # noqa: PERF401 - one after the other
                await workflow.execute_activity(
                    stop.activity,
                    task_queue=stop.task_queue,
                    start_to_close_timeout=timedelta(seconds=120),
                    heartbeat_timeout=timedelta(seconds=stop.heartbeat),
                    retry_policy=RetryPolicy(maximum_attempts=1),
                    result_type=str,
                )
            )
        return " ".join(said)
