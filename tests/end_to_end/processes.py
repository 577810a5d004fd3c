"""Workers in processes of their own, which a story can kill, stop, wake and shut down."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.end_to_end.stage import Stage

ROOT = Path(__file__).resolve().parents[2]
EXIT_WAIT_S = 30.0


@dataclass(frozen=True)
class WorkerProcess:
    """A running worker."""

    process: asyncio.subprocess.Process

    async def kill(self) -> None:
        """End it without a word (SIGKILL)."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    def stop(self) -> None:
        """Let it stand still (SIGSTOP), as a machine that is suspended or out of memory does."""
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let it go on, unaware that time has passed."""
        self.process.send_signal(signal.SIGCONT)

    def shut_down(self) -> None:
        """Ask it to end in good order (SIGTERM)."""
        self.process.send_signal(signal.SIGTERM)

    async def wait_ended(self) -> None:
        """Wait until it has ended in good order: whatever it had to publish is published."""
        assert await asyncio.wait_for(self.process.wait(), EXIT_WAIT_S) == 0


class Workers:
    """Starts workers for a story.

    Args:
        stage: the story's stage.
        environment: more variables for the workers.
    """

    def __init__(self, stage: Stage, environment: dict[str, str]) -> None:
        self._stage = stage
        self._environment = {**os.environ, **stage.environment, **environment}
        self._started: list[WorkerProcess] = []

    async def start(
        self,
        *activities: Callable[..., object],
        grace_s: float = 0,
        workflow: type | None = None,
        linger: bool = False,
    ) -> WorkerProcess:
        """Start a worker that serves a workflow and activities; it works a second or so later.

        Args:
            activities: functions at the top level of one module.
            grace_s: its graceful shutdown timeout, in seconds.
            workflow: what it serves in place of `Ask`.
            linger: whether it stops at a checkpoint when an activity is over; see `lingering`.
        """
        target = self._stage.client.service_client.config.target_host
        names = [activity.__name__ for activity in activities]
        arguments = [target, self._stage.name, activities[0].__module__, *names, "--grace", str(grace_s)]
        if workflow is not None:
            arguments += ["--workflow", f"{workflow.__module__}:{workflow.__name__}"]
        if linger:
            arguments.append("--linger")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.end_to_end.worker_process", *arguments), cwd=ROOT, env=self._environment
        )
        self._started.append(WorkerProcess(process))
        return self._started[-1]

    async def kill_all(self) -> None:
        """End what still runs."""
        for worker in self._started:
            await worker.kill()
