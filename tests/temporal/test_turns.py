"""Turns in workflow code, with and without the interceptor: what each activity is told of its run."""

from __future__ import annotations

import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from temporalio.worker import Replayer, Worker

from temporal_ably import AblyInterceptor, Invocation, durable_session, turn
from temporal_ably.testing import AblyRecorder
from tests.temporal.test_workflow import Recorder
from tests.temporal.turning import Child, Turns, note

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from temporalio.client import WorkflowHandle

    from tests.real_parts import Temporal


@asynccontextmanager
async def working(temporal: Temporal, *interceptors: Any) -> AsyncGenerator[WorkflowHandle[Any, Any]]:
    client = await temporal.connect([each for each in interceptors if isinstance(each, AblyInterceptor)])
    queue = f"turns-{uuid.uuid4().hex[:8]}"
    async with Worker(
        client,
        task_queue=queue,
        workflows=[Turns, Child],
        activities=[note],
        interceptors=[each for each in interceptors if not isinstance(each, AblyInterceptor)],
        # Each task is replayed from the beginning.
        max_cached_workflows=0,
    ):
        yield await client.start_workflow(Turns.run, Invocation("e0", "ai:chat"), id=queue, task_queue=queue)


async def finish(handle: WorkflowHandle[Any, Any]) -> None:
    update: Any = handle.execute_update  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    with durable_session("ai:chat", input_event_id="e2", client_id="alice"):
        await update("told", id="update-1")
        await handle.signal("heard")
    await handle.result()


async def test_each_turn_is_a_run_that_answers_its_own_input(temporal: Temporal) -> None:
    recorder = Recorder()
    async with AblyInterceptor(recorder=AblyRecorder()) as ably, working(temporal, ably, recorder) as handle:
        await finish(handle)
    chain = handle.first_execution_run_id
    found = {
        text: (bound.run.removeprefix(f"{chain}"), bound.session, bound.input, bound.client_id)
        for text in recorder.headers
        for bound in recorder.bindings(text)
    }
    assert found == {
        "before": ("", "ai:chat", "e0", ""),
        "first": ("/0.1", "ai:chat", "e1", "carol"),
        "inner": ("/0.1", "ai:chat", "e1", "carol"),
        "beside": ("/0.1", "ai:chat", "e1", "carol"),
        "child's": ("/0.1", "ai:chat", "e1", "carol"),
        "left": ("/0.2", "ai:chat", "left", ""),
        "right": ("/0.3", "ai:chat", "right", ""),
        "after": ("", "ai:chat", "e0", ""),
        "told": ("/update-1", "ai:chat", "e2", "alice"),
        "part of it": ("/update-1", "ai:chat", "e2", "alice"),
        "heard": ("/0.5", "ai:chat", "e2", "alice"),
    }


async def test_turns_do_nothing_without_the_interceptor_and_their_histories_replay_with_and_without_it(
    temporal: Temporal,
) -> None:
    async with AblyInterceptor(recorder=AblyRecorder()) as ably, working(temporal, ably) as handle:
        await finish(handle)
        with_us = await handle.fetch_history()
    recorder = Recorder()
    async with working(temporal, recorder) as handle:
        update: Any = handle.execute_update  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        await update("told")
        await handle.signal("heard")
        await handle.result()
        without_us = await handle.fetch_history()
    assert set(recorder.headers) >= {"first", "told", "heard"}
    assert all(header is None for headers in recorder.headers.values() for header in headers)
    for history in (with_us, without_us):
        for interceptors in ([], [AblyInterceptor(recorder=AblyRecorder())]):
            await Replayer(workflows=[Turns], interceptors=interceptors).replay_workflow(history)


def test_turn_that_is_given_something_else_says_what_it_wants() -> None:
    with pytest.raises(ValueError, match="dict has not the shape of an Invocation; give it inputEventId"):
        turn({"sessionName": "ai:chat"})
