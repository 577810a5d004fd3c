"""`temporal-ably reconcile`: beside living workers, and as a command in a process of its own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from temporalio import activity

from temporal_ably import reconcile, session_name, streaming
from tests.end_to_end.ask import Ask, Question
from tests.end_to_end.checkpoints import checkpoint
from tests.end_to_end.processes import ROOT
from tests.real_parts import free_port

if TYPE_CHECKING:
    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.processes import Workers
    from tests.end_to_end.stage import Stage

# Each command is a process of its own.
pytestmark = pytest.mark.timeout(300)

HALF = "As I was say"


@activity.defn
@streaming
async def speak() -> AsyncIterator[str]:
    yield "As I "
    yield "was say"
    await checkpoint("half way")
    yield "ing"


class Command:
    """Runs the command as a person would, on a stage."""

    def __init__(self, stage: Stage) -> None:
        address = stage.client.service_client.config.target_host
        self._environment = {**os.environ, **stage.environment, "TEMPORAL_ADDRESS": address}

    async def run(self, *words: str, **environment: str) -> tuple[int | None, str, str]:
        """Gives exit code, output and errors."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "temporal_ably", "reconcile", *words),
            cwd=ROOT,
            env={**self._environment, **environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        return process.returncode, output.decode(), errors.decode()


@pytest.fixture
def command(stage: Stage) -> Command:
    return Command(stage)


async def orphan(stage: Stage, workers: Workers, checkpoints: Checkpoints) -> tuple[str, str]:
    """A session and a run whose worker was killed half way, and whose workflow was terminated then."""
    worker = await workers.start(speak)
    viewer = await stage.view(stage.workflow_id())
    handle = await stage.client.start_workflow(
        Ask.run, Question("speak"), id=stage.workflow_id(), task_queue=stage.name
    )
    await checkpoints.reached("half way")
    await viewer.wait_for(lambda view: view.texts == [HALF])
    await worker.kill()
    await handle.terminate()
    return session_name(handle.id), handle.first_execution_run_id or ""


async def test_live_run_is_neither_ended_nor_disturbed_however_often_it_is_looked_at(
    stage: Stage, checkpoints: Checkpoints
) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    settings: dict[str, Any] = {"api_key": stage.server.key, "endpoint": stage.server.endpoint, "tls": False}
    over = asyncio.Event()

    async def look() -> int:
        looks = 0
        while not over.is_set():
            # Without any grace, so that it also meets the moment between the workflow's end and the run's.
            await reconcile(stage.client, [session_name(workflow_id)], grace=timedelta(0), **settings)
            looks += 1
        return looks

    async with stage.worker([Ask], [speak]):
        looking = asyncio.ensure_future(look())
        handle = await stage.client.start_workflow(Ask.run, Question("speak"), id=workflow_id, task_queue=stage.name)
        half_way = await checkpoints.reached("half way")
        await viewer.wait_for(lambda view: view.texts == [HALF])
        half_way.go_on()
        assert await handle.result() == f"{HALF}ing"
        await stage.assert_shown(viewer, workflow_id, [f"{HALF}ing"])
    over.set()
    assert await looking > 0
    names = [message["name"] for message in stage.server.messages(session_name(workflow_id))]
    assert (names.count("ai-run-end"), names.count("ai-step-end")) == (1, 1)


async def test_command_tells_what_it_would_do_does_it_and_has_nothing_left_to_do(
    stage: Stage, workers: Workers, checkpoints: Checkpoints, command: Command
) -> None:
    session, run = await orphan(stage, workers, checkpoints)
    line = f"{session}: run {run} of workflow {stage.workflow_id()}"
    young = await command.run(session, "--grace", "1h")
    assert young == (0, f"{line} left alone: it may still be written to\n1 session, 1 open run, 0 ended\n", "")
    told = (3, f"{line} would be ended: error\n1 session, 1 open run, 1 would be ended\n", "")
    assert await command.run(session, "--grace", "0s", "--dry-run") == told
    query = f'WorkflowId = "{stage.workflow_id()}" AND ExecutionStatus = "Terminated"'
    while (await stage.client.count_workflows(query)).count < 1:  # noqa: ASYNC110 - there is nothing to wait on
        await asyncio.sleep(0.05)
    assert await command.run("--query", query, "--grace", "0s", "--dry-run") == told
    ended = await command.run(session, "--grace", "0s")
    assert ended == (0, f"{line} ended: error\n1 session, 1 open run, 1 ended\n", "")
    again = await command.run(session, "--grace", "0s", "--dry-run")
    assert again == (0, "1 session, 0 open runs, 0 would be ended\n", "")
    viewer = await stage.view(stage.workflow_id())
    await stage.assert_shown(viewer, stage.workflow_id(), [HALF], status="error")


async def test_command_ends_runs_of_workflows_that_are_gone_only_when_told_how_old(
    stage: Stage, workers: Workers, checkpoints: Checkpoints, command: Command
) -> None:
    session, run = await orphan(stage, workers, checkpoints)
    line = f"{session}: run {run} of workflow {stage.workflow_id()}"
    # A namespace that knows nothing of it stands for a server whose retention has passed.
    elsewhere = {"TEMPORAL_NAMESPACE": "temporal-system"}
    for words in ((), ("--missing-after", "1d")):
        code, output, _ = await command.run(session, "--grace", "0s", *words, **elsewhere)
        assert (code, output.splitlines()[0]) == (0, f"{line} stays open: its workflow is not known")
    code, output, _ = await command.run(session, "--missing-after", "0.5s", **elsewhere)
    assert (code, output.splitlines()[0]) == (0, f"{line} ended: error (its workflow is not known)")
    viewer = await stage.view(stage.workflow_id())
    await stage.assert_shown(viewer, stage.workflow_id(), [HALF], status="error")


async def test_command_says_what_it_cannot_do(stage: Stage, command: Command) -> None:
    code, _, errors = await command.run("ai:x", ABLY_API_KEY="")
    assert code == 1
    assert "ABLY_API_KEY is not set" in errors
    code, _, errors = await command.run("ai:x", TEMPORAL_ADDRESS=f"127.0.0.1:{free_port()}")
    assert code == 1
    assert errors.startswith("unable to ask Temporal; ")
    code, _, errors = await command.run("--query", "Nonsense = 1")
    assert code == 1
    assert errors.startswith("unable to ask Temporal; ")
    code, output, _ = await command.run("ai:x", ABLY_ENDPOINT=f"127.0.0.1:{free_port()}")
    assert code == 1
    assert output.startswith("ai:x: unable to read the history of ai:x; ")
