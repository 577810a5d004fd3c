"""A worker that dies is started again, however it died."""

from __future__ import annotations

import os
import signal
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

from examples.chat.backstage.worker_process import WorkerProcess

if TYPE_CHECKING:
    from pathlib import Path

# Tells its process id, works until it is told to end, and tells that too.
WORKER = """
import os, pathlib, signal, sys, time
log = pathlib.Path(os.environ["LOG"])
def end(*_):
    with log.open("a") as file: file.write(f"ended {os.getpid()}\\n")
    sys.exit()
signal.signal(signal.SIGTERM, end)
with log.open("a") as file: file.write(f"{os.getpid()}\\n")
print("hello\\nworking", flush=True)
while True: time.sleep(60)
"""


def worker(tmp_path: Path) -> WorkerProcess:
    command = (sys.executable, "-c", WORKER)
    return WorkerProcess({"LOG": str(tmp_path / "log")}, command, rest=timedelta(0))


def told(tmp_path: Path) -> list[str]:
    return (tmp_path / "log").read_text(encoding="utf-8").splitlines()


async def test_a_killed_worker_is_started_again(tmp_path: Path) -> None:
    async with worker(tmp_path) as process:
        assert not process.running
        await process.wait_running()
        process.kill()
        assert not process.running
        await process.wait_running()
        first, second = told(tmp_path)
        assert first != second
        assert process.kills == 1
    assert told(tmp_path) == [first, second, f"ended {second}"]


async def test_a_worker_that_dies_by_itself_is_started_again(tmp_path: Path) -> None:
    async with worker(tmp_path) as process:
        await process.wait_running()
        os.kill(int(told(tmp_path)[0]), signal.SIGSEGV)
        await process.wait_died()
        await process.wait_running()
        assert len(told(tmp_path)) == 2
        assert process.kills == 0


async def test_to_kill_a_dead_worker_does_nothing(tmp_path: Path) -> None:
    async with worker(tmp_path) as process:
        await process.wait_running()
        process.kill()
        process.kill()
        assert process.kills == 1
