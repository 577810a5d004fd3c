"""Waiting for clients in workflow code: what each activity is told of its run, and what the worker hears of it."""

from __future__ import annotations

import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.worker import Replayer, Worker

from temporal_ably import AblyInterceptor, Invocation, durable_session
from temporal_ably._temporal.runtime import Runtime
from temporal_ably.testing import AblyRecorder
from tests.temporal.test_workflow import Recorder
from tests.temporal.turning import note
from tests.temporal.waiting import WaitingChild, Waits

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from temporalio.client import WorkflowHandle

    from temporal_ably._temporal.workflow import Suspended
    from tests.real_parts import Temporal

TASKS = (
    EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT,
)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[Suspended]:
    """What workflows said of runs that wait."""
    found: list[Suspended] = []

    def suspended(self: Runtime, said: Suspended) -> None:
        del self
        found.append(said)

    monkeypatch.setattr(Runtime, "suspended", suspended)
    return found


@asynccontextmanager
async def working(temporal: Temporal, *interceptors: Any) -> AsyncGenerator[WorkflowHandle[Any, Any]]:
    client = await temporal.connect([each for each in interceptors if isinstance(each, AblyInterceptor)])
    queue = f"waits-{uuid.uuid4().hex[:8]}"
    async with Worker(
        client,
        task_queue=queue,
        workflows=[Waits, WaitingChild],
        activities=[note],
        interceptors=[each for each in interceptors if not isinstance(each, AblyInterceptor)],
        # Each task is replayed from the beginning.
        max_cached_workflows=0,
    ):
        yield await client.start_workflow(Waits.run, Invocation("e0", "ai:chat"), id=queue, task_queue=queue)


async def finish(handle: WorkflowHandle[Any, Any]) -> None:
    update: Any = handle.execute_update  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    await update("reached", 1)
    with durable_session("ai:chat"):
        await handle.signal("answer", Invocation("e1", "ai:chat"))
    await update("reached", 2)
    with durable_session("ai:chat", input_event_id="e2", client_id="alice"):
        await update("told", "yes")
    await update("reached", 3)
    # Somebody may answer in another session; that is none of this one.
    with durable_session("ai:other", input_event_id="e8"):
        await handle.signal("answer", Invocation("e9", "ai:chat"))
    assert await handle.result() == "yes"


async def test_a_run_goes_on_with_what_came_to_its_workflow(temporal: Temporal, said: list[Suspended]) -> None:
    recorder = Recorder()
    async with AblyInterceptor(recorder=AblyRecorder()) as ably, working(temporal, ably, recorder) as handle:
        await finish(handle)
    chain = handle.first_execution_run_id
    found = {
        text: (bound.run.removeprefix(f"{chain}"), bound.input, bound.resumed, bound.heard)
        for text in recorder.headers
        for bound in recorder.bindings(text)
    }
    assert found == {
        "asks": ("", "e0", 0, ()),
        "goes on": ("", "e0", 1, ("e1",)),
        # The run is not the child's.
        "child waits": ("", "e0", 1, ("e1",)),
        "child goes on": ("", "e0", 1, ("e1",)),
        "goes on again": ("", "e0", 2, ("e1", "e2")),
        "gave up": ("", "e0", 3, ("e1", "e2")),
        "turn asks": ("/0.1", "e7", 0, ()),
        "turn goes on": ("/0.1", "e7", 2, ("e1", "e2")),
        "outside of it": ("", "e0", 3, ("e1", "e2")),
    }
    # Never while replaying, and once for both blocks of the turn.
    assert [(each.binding.run.removeprefix(f"{chain}"), each.binding.resumed) for each in said] == [
        ("", 0),
        ("", 1),
        ("", 2),
        ("/0.1", 0),
    ]
    assert {each.run_id for each in said} == {chain}


async def test_waiting_adds_nothing_to_a_history_and_histories_replay_with_us_and_without(temporal: Temporal) -> None:
    histories: list[Any] = []
    async with AblyInterceptor(recorder=AblyRecorder()) as ably, working(temporal, ably) as handle:
        await finish(handle)
        histories.append(await handle.fetch_history())
    recorder = Recorder()
    async with working(temporal, recorder) as handle:
        await finish_plainly(handle)
        histories.append(await handle.fetch_history())
    assert all(header is None for headers in recorder.headers.values() for header in headers)
    with_us, without_us = (_own_events(each) for each in histories)
    assert with_us == without_us
    for history in histories:
        for interceptors in ([], [AblyInterceptor(recorder=AblyRecorder())]):
            await Replayer(workflows=[Waits], interceptors=interceptors).replay_workflow(history)


def _own_events(history: Any) -> list[int]:
    """What the workflow and its clients did; how many tasks that took is the server's affair."""
    return sorted(event.event_type for event in history.events if event.event_type not in TASKS)


async def finish_plainly(handle: WorkflowHandle[Any, Any]) -> None:
    update: Any = handle.execute_update  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    await update("reached", 1)
    await handle.signal("answer", Invocation("e1", "ai:chat"))
    await update("reached", 2)
    await update("told", "yes")
    await update("reached", 3)
    await handle.signal("answer", Invocation("e9", "ai:chat"))
    assert await handle.result() == "yes"
