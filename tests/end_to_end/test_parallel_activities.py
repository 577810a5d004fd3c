"""Several activities of one workflow that stream at the same time: each is a message of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from temporalio import workflow

from tests.end_to_end.telling import Narrator, told

if TYPE_CHECKING:
    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.stage import Stage


@workflow.defn
class Choir:
    @workflow.run
    async def run(self, voices: list[str]) -> list[str]:
        return list(await asyncio.gather(*(told(voice) for voice in voices)))


async def test_parallel_activities_each_have_their_message(stage: Stage, checkpoints: Checkpoints) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    voices = ["alto", "bass", "cello", "drum"]
    narrator = Narrator({voice: f"{voice} | sings | on" for voice in voices})
    async with stage.worker([Choir], narrator.activities):
        handle = await stage.client.start_workflow(Choir.run, voices, id=workflow_id, task_queue=stage.name)
        begun = [await checkpoints.reached(voice) for voice in voices]
        order = (await viewer.wait_for(lambda view: sorted(view.texts) == voices)).texts
        for visit in begun:
            visit.go_on()
        half_way = [await checkpoints.reached(f"{voice} sings") for voice in voices]
        await viewer.wait_for(lambda view: view.texts == [f"{voice} sings" for voice in order])
        for visit in reversed(half_way):
            visit.go_on()
        assert await handle.result() == [f"{voice} sings on" for voice in voices]
        await stage.assert_shown(viewer, workflow_id, [f"{voice} sings on" for voice in order])
    assert [message.id for message in viewer.messages] == list(dict.fromkeys(each.id for each in viewer.messages))
    # The run has one step each, and the stray parts of a client that mixes messages up (WIRE 4.2) are none of them.
    assert [[part["type"] for part in message.parts].count("step-start") for message in viewer.messages] == [1] * 4
