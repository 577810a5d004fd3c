"""Records the histories that the tests replay: `python -m tests.replay.recording NAME` runs a server and a worker.

`without_us` runs the worker without the interceptor, `with_us` with it; any other name has the plugin on the client,
and all that the client does in a conversation. What was recorded once stays as it is: it stands for the workflows that
are still open when a worker gets a newer version of this package.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from temporalio.client import Client, WorkflowUpdateStage
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from temporal_ably import AblyInterceptor, AblyPlugin, durable_session
from temporal_ably.testing import AblyRecorder
from tests.end_to_end.resets import reset
from tests.real_parts import SCRIPTS
from tests.replay.journal import ACTIVITIES, RETRIES, WORKFLOWS, Journal

if TYPE_CHECKING:
    from temporalio.client import WorkflowHandle, WorkflowHistory

HISTORIES = Path(__file__).parent / "histories"
ID = "journal"
SERVER = f"{SCRIPTS}/temporal"


async def entered(handle: WorkflowHandle[Journal, str]) -> None:
    """Make entries in a run, and let it go on once it has them."""
    # Temporal leaves the type of an update's `args` open.
    await handle.execute_update(Journal.enter, "dear diary")  # pyright: ignore[reportUnknownMemberType]
    await handle.signal(Journal.jot, "by the way")
    await handle.start_update(  # pyright: ignore[reportUnknownMemberType]
        Journal.enter, "yours truly", wait_for_stage=WorkflowUpdateStage.ACCEPTED
    )
    await handle.execute_update(Journal.has, 3)  # pyright: ignore[reportUnknownMemberType]
    await handle.signal(Journal.go_on)


async def following(client: Client, run_id: str) -> str:
    """The run that took the place of one; waits for the end of that one."""
    handle = client.get_workflow_handle(ID, run_id=run_id)
    async for event in handle.fetch_history_events(wait_new_event=True):
        continued = event.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
        found = continued or event.workflow_execution_failed_event_attributes.new_execution_run_id
        if found:
            return found
    raise AssertionError(f"nothing follows run {run_id}")


async def play(client: Client) -> dict[str, WorkflowHistory]:
    """Have all kinds of histories made."""
    handle = await client.start_workflow(Journal.run, 0, id=ID, task_queue=ID, retry_policy=RETRIES)
    runs = {"continued": handle.first_execution_run_id or ""}
    for before, name in (("continued", "failed"), ("failed", "retried")):
        await entered(client.get_workflow_handle_for(Journal.run, ID, run_id=runs[before]))
        runs[name] = await following(client, runs[before])
    await entered(client.get_workflow_handle_for(Journal.run, ID, run_id=runs["retried"]))
    await client.get_workflow_handle(ID, run_id=runs["retried"]).result()
    runs["reset"] = await reset(client, ID, before="stumble")
    await entered(client.get_workflow_handle_for(Journal.run, ID, run_id=runs["reset"]))
    await client.get_workflow_handle(ID, run_id=runs["reset"]).result()
    found = {name: client.get_workflow_handle(ID, run_id=run) for name, run in runs.items()}
    found |= {name: client.get_workflow_handle(f"{ID}-{name}") for name in ("terminate", "abandon")}
    return {name: await handle.fetch_history() for name, handle in found.items()}


def plain(value: object) -> object:
    """Without what tells of the machine that recorded it."""
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        return {name: plain(each) for name, each in fields.items() if name not in ("stackTrace", "identity")}
    return [plain(each) for each in cast("list[object]", value)] if isinstance(value, list) else value


async def record(name: str) -> None:
    """Record all histories under a name."""
    folder = HISTORIES / name
    folder.mkdir(parents=True)
    # Temporal leaves the type of the download's URL open.
    start = WorkflowEnvironment.start_local  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    async with AblyRecorder() as recorder, await start(dev_server_existing_path=SERVER, identity=ID) as env:
        ours = [AblyInterceptor(recorder=recorder)] if name == "with_us" else []
        plugins = [] if name in ("without_us", "with_us") else [AblyPlugin(recorder=recorder)]
        client = Client(env.client.service_client, plugins=plugins)
        async with Worker(
            client,
            task_queue=ID,
            workflows=WORKFLOWS,
            activities=ACTIVITIES,
            interceptors=ours,
            build_id="recorded",
        ):
            with durable_session(f"ai:{ID}", input_event_id="event", client_id="alice"):
                histories = await play(client)
    for each, history in histories.items():
        text = json.dumps(plain(json.loads(history.to_json())), indent=1, sort_keys=True)
        (folder / f"{each}.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1]))
