"""What `Journal` must not become: its histories do not fit this."""

from __future__ import annotations

import asyncio

from temporalio import workflow

from tests.replay.journal import TIMEOUT, write


@workflow.defn(name="Journal")
class Rewritten:
    @workflow.run
    async def run(self, volume: int) -> str:
        await asyncio.sleep(volume + 1)
        return await workflow.execute_activity(write, "another journal", start_to_close_timeout=TIMEOUT)
