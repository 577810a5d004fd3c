"""The quickstart as its README tells it: programs of their own, and a worker that is killed."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from temporal_ably.demo.services import start_temporal
from temporal_ably.server import LocalServer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "quickstart"
STORY = "Ada lit the lamp, wound the clock, and waited for the ships to come home, one by one, out of the fog. "
_PATIENCE_S = 30


class Program:
    """A program of the example, and what it printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.printed = ""

    async def prints(self, text: str) -> None:
        """Wait until it has printed a text."""
        assert self._process.stdout is not None
        while text not in self.printed:
            chunk = await asyncio.wait_for(self._process.stdout.read(4096), _PATIENCE_S)
            assert chunk, self.printed
            self.printed += chunk.decode()

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.communicate()


@asynccontextmanager
async def _program(words: list[str], environment: dict[str, str]) -> AsyncGenerator[Program]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, cwd=FOLDER, env=environment, stdout=asyncio.subprocess.PIPE
    )
    program = Program(process)
    try:
        yield program
    finally:
        await program.kill()


async def test_a_killed_worker_and_the_attempt_that_replaces_its_text():
    async with LocalServer() as server, await start_temporal() as temporal:
        environment = os.environ | {
            "ABLY_API_KEY": server.key,
            "ABLY_ENDPOINT": server.endpoint,
            "ABLY_TLS": "0",
            "TEMPORAL_ADDRESS": temporal.client.service_client.config.target_host,
        }
        async with _program(["watch.py", "hello-1"], environment) as viewer:
            await viewer.prints("watching")
            async with _program(["worker.py"], environment) as worker:
                await worker.prints("working")
                handle = await temporal.client.start_workflow("Story", "Ada", id="hello-1", task_queue="quickstart")
                await viewer.prints("[attempt 1] Ada lit the ")
            async with _program(["worker.py"], environment) as worker:
                await worker.prints("working")
                assert await asyncio.wait_for(handle.result(), _PATIENCE_S) == STORY
                await viewer.prints(f"[attempt 2] {STORY}\n")


def test_the_readme_starts_the_workflow_on_the_task_queue_that_the_worker_serves():
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    worker = (FOLDER / "worker.py").read_text(encoding="utf-8")
    start = re.search(r"temporal workflow start --type (\w+) --task-queue (\w+)", readme)
    assert start is not None
    assert f"class {start[1]}:" in worker
    assert f'TASK_QUEUE = "{start[2]}"' in worker
