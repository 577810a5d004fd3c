"""Runs the worker in a process of its own, and again whenever it has died, as any platform does with its processes."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from examples.chat.backstage.processes import lines, start, stop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from typing_extensions import Self

COMMAND = (sys.executable, "-m", "examples.chat.worker")
READY = "working"


class WorkerProcess:
    """A worker that is started again after each death; a context manager.

    Args:
        environment: variables for the worker, besides those of this process.
        command: what to run; it prints ``working`` once it works.
        rest: how long a dead worker stays dead.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        command: Sequence[str] = COMMAND,
        *,
        rest: timedelta = timedelta(seconds=1),
    ) -> None:
        self.kills = 0
        """How often it was killed."""
        self._environment = {**os.environ, **environment}
        self._command = command
        self._rest_s = rest.total_seconds()
        self._working = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._killed: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        """Start it."""
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Ask it to end, and see that it does."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        if self._process is not None:
            await stop(self._process)

    @property
    def running(self) -> bool:
        """Whether it works now."""
        return self._working.is_set()

    async def wait_running(self) -> None:
        """Wait until it works."""
        await self._working.wait()

    async def wait_died(self) -> None:
        """Wait until the process that is there now is no more."""
        if self._process is not None:
            await self._process.wait()
            self._working.clear()

    def kill(self) -> None:
        """End it without a word (SIGKILL); nothing happens to one that is dead already."""
        if self._process is not None and self._process is not self._killed:
            self._killed = self._process
            if self._process.returncode is None:
                self._process.kill()
                self.kills += 1
            self._working.clear()

    async def _run(self) -> None:
        while True:
            process = self._process = await start(*self._command, environment=self._environment)
            async for line in lines(process):
                if line.strip() == READY and process is not self._killed:
                    self._working.set()
            await process.wait()
            self._working.clear()
            await asyncio.sleep(self._rest_s)
