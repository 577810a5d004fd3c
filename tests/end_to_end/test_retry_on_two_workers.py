"""A retried parent whose children stream from two publishers: neither buries what the other writes again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from temporalio import workflow
from temporalio.exceptions import ApplicationError

from tests.end_to_end.telling import RETRIES, Narrator, told

if TYPE_CHECKING:
    from tests.end_to_end.stage import Stage


@workflow.defn
class Teller:
    @workflow.run
    async def run(self, line: str) -> str:
        return await told(line)


@workflow.defn
class Lead:
    @workflow.run
    async def run(self, queues: list[str]) -> list[str]:
        info = workflow.info()
        word = "dead" if info.attempt == 1 else "new"
        children = [
            await workflow.start_child_workflow(
                Teller.run, f"{word} {number}", id=f"{info.workflow_id}-{number}", task_queue=queue
            )
            for number, queue in enumerate(queues)
        ]
        lines = list(await asyncio.gather(*children))
        if info.attempt == 1:
            raise ApplicationError("again")
        return lines


@pytest.mark.parametrize("again", range(3))
async def test_no_publisher_buries_what_another_writes_again(stage: Stage, again: int) -> None:
    del again
    workflow_id, left, right = stage.workflow_id(), f"{stage.name}-left", f"{stage.name}-right"
    one, two = stage.interceptor(client_id="one"), stage.interceptor(client_id="two")
    async with (
        stage.worker([Lead], []),
        stage.worker([Teller], Narrator().activities, interceptor=one, task_queue=left),
        stage.worker([Teller], Narrator().activities, interceptor=two, task_queue=right),
    ):
        lines = await stage.client.execute_workflow(
            Lead.run, [left, right, left, right], id=workflow_id, task_queue=stage.name, retry_policy=RETRIES
        )
        assert lines == [f"new {number}" for number in range(4)]
    for name in ("alice", "bob"):
        viewer = await stage.view(workflow_id, client_id=name)
        await viewer.wait_for(lambda view: sorted(view.texts) == lines)
