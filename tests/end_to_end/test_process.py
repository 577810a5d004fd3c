"""The process ends right after its workflow, or its event loop stands still: the stream goes on by itself."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from temporalio import activity
from temporalio.client import Client

from temporal_ably import streaming
from tests.end_to_end.ask import Ask, Question
from tests.end_to_end.stage import Stage

if TYPE_CHECKING:
    from tests.real_parts import Temporal

SCRIPT = Path(__file__).parent / "short_script.py"


async def ask(stage: Stage, asked: str, *, name: str) -> str:
    """Run a workflow that asks an activity, and give the activity's result."""
    return await stage.client.execute_workflow(
        Ask.run, Question(asked), id=stage.workflow_id(name), task_queue=stage.name
    )


@pytest.mark.parametrize("ending", ["drained", "left"])
async def test_script_that_ends_after_its_workflow_leaves_nothing_unsaid(
    stage: Stage, temporal: Temporal, ending: str
) -> None:
    viewer = await stage.view(stage.workflow_id())
    script = await asyncio.create_subprocess_exec(
        sys.executable,
        str(SCRIPT),
        *(temporal.address, stage.name, stage.workflow_id(), ending),
        env={**os.environ, **stage.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output, _ = await script.communicate()
    assert (script.returncode, output.decode()) == (0, "")
    await stage.assert_shown(viewer, stage.workflow_id(), ["said just before the end"])


class Neighbours:
    """Two activities of one worker: the one blocks the worker's event loop until the story lets go."""

    def __init__(self) -> None:
        self.blocked = threading.Event()
        self.released = threading.Event()

    @activity.defn
    async def block(self) -> str:
        self.blocked.set()
        assert self.released.wait(30)
        return ""

    @activity.defn
    @streaming
    def speak_beside(self) -> Iterator[str]:
        yield "before "
        assert self.blocked.wait(30)
        yield "meanwhile "
        assert self.released.wait(30)
        yield "after"


async def test_blocked_event_loop_of_a_worker_stalls_no_stream(stage: Stage, temporal: Temporal) -> None:
    neighbours, stop = Neighbours(), threading.Event()

    async def work() -> None:
        own = Stage(await Client.connect(temporal.address), stage.server, stage.viewers, stage.name)
        async with own.worker([Ask], [neighbours.block, neighbours.speak_beside]):
            await asyncio.to_thread(stop.wait)

    worker = asyncio.ensure_future(asyncio.to_thread(asyncio.run, work()))
    viewer = await stage.view(stage.workflow_id("speaking"))
    try:
        speaking = asyncio.ensure_future(ask(stage, "speak_beside", name="speaking"))
        await viewer.wait_for(lambda view: view.texts == ["before "])
        blocking = asyncio.ensure_future(ask(stage, "block", name="blocking"))
        await viewer.wait_for(lambda view: view.texts == ["before meanwhile "])
        neighbours.released.set()
        await blocking
        await stage.assert_shown(viewer, stage.workflow_id("speaking"), [await speaking])
    finally:
        neighbours.released.set()
        stop.set()
        await worker
