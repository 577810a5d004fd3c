"""A client stops a run: its activities are cut, its workflow is cancelled; what was said stays, nothing is retried."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from temporalio import activity
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.exceptions import ActivityError, ApplicationError

from temporal_ably import current_stream, session_name, streaming
from tests.end_to_end.ask import Ask, Question
from tests.end_to_end.checkpoints import checkpoint, checkpoint_in_a_thread
from tests.end_to_end.line import is_publisher
from tests.end_to_end.shown import assert_grew

if TYPE_CHECKING:
    from temporalio.client import WorkflowHandle

    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.stage import Stage
    from tests.end_to_end.viewer import Viewer

TEXT = "And another thing: "
attempts: list[int] = []
closed: list[str] = []


@pytest.fixture(autouse=True)
def afresh() -> None:
    attempts.clear()
    closed.clear()


@activity.defn
@streaming
async def ramble() -> AsyncIterator[str]:
    attempts.append(activity.info().attempt)
    yield TEXT
    await checkpoint("in the middle")
    yield "never said"


@activity.defn
@streaming
def ramble_in_a_thread() -> Iterator[str]:
    attempts.append(activity.info().attempt)
    try:
        yield TEXT
        checkpoint_in_a_thread("in the middle")
        yield "never said"
    finally:
        closed.append("the generator")


@activity.defn
def beat_in_a_thread() -> None:
    attempts.append(activity.info().attempt)
    current_stream().text(TEXT)
    checkpoint_in_a_thread("in the middle", beating=True)


@activity.defn
async def give_up_gracefully() -> str:
    attempts.append(activity.info().attempt)
    try:
        current_stream().text(TEXT)
        await checkpoint("in the middle")
    except asyncio.CancelledError:
        return "what there was"
    return "never said"


@activity.defn
@streaming
async def ramble_at_last() -> AsyncIterator[str]:
    attempts.append(activity.info().attempt)
    if activity.info().attempt == 1:
        yield "Well"
        raise ApplicationError("lost the thread")
    yield TEXT
    await checkpoint("in the middle")


ACTIVITIES = [ramble, ramble_in_a_thread, beat_in_a_thread, give_up_gracefully, ramble_at_last]


class Talk:
    """A workflow whose activity has said its first words, which a viewer sees, and waits."""

    def __init__(self, stage: Stage, viewer: Viewer, handle: WorkflowHandle[Any, Any], run: str) -> None:
        self.stage = stage
        self.viewer = viewer
        self.handle = handle
        self.run = run

    @property
    def workflow_id(self) -> str:
        return self.stage.workflow_id()

    async def failure(self) -> BaseException:
        """How the workflow failed."""
        with pytest.raises(WorkflowFailureError) as raised:
            await self.handle.result()
        return raised.value.cause

    async def status(self) -> WorkflowExecutionStatus | None:
        """How the workflow stands."""
        return (await self.handle.describe()).status

    async def happened(self, event: EventType.ValueType) -> None:
        """Wait until something is in the workflow's history."""
        async for each in self.handle.fetch_history_events(wait_new_event=True):
            if each.event_type == event:
                return

    def steps(self) -> list[str]:
        return [step.status for run in self.viewer.view.runs for step in run.steps]

    def streams(self) -> list[str]:
        """The status in which each text was left."""
        messages: list[dict[str, Any]] = self.stage.server.messages(session_name(self.workflow_id))
        transports: list[dict[str, Any]] = [each["extras"]["ai"] for each in messages]
        return [each["transport"]["status"] for each in transports if each.get("codec", {}).get("kind") == "text"]

    async def assert_stopped(self) -> None:
        """What was said stays, in a run that was cancelled, live and from history."""
        await self.stage.assert_shown(self.viewer, self.workflow_id, [TEXT], status="cancelled")
        assert self.steps() == ["cancelled"]
        assert self.streams() == ["cancelled"]
        assert not self.viewer.errors


async def begin(stage: Stage, question: Question) -> Talk:
    viewer = await stage.view(stage.workflow_id())
    handle = await stage.client.start_workflow(Ask.run, question, id=stage.workflow_id(), task_queue=stage.name)
    view = await viewer.wait_for(lambda view: view.texts == [TEXT])
    return Talk(stage, viewer, handle, view.runs[0].id)


@pytest.mark.parametrize("waits", [True, False], ids=["waits for the activity", "does not wait for the activity"])
async def test_cancel_of_a_client_stops_activity_and_workflow(
    stage: Stage, checkpoints: Checkpoints, *, waits: bool
) -> None:
    del checkpoints
    async with stage.worker([Ask], ACTIVITIES):
        talk = await begin(stage, Question("ramble", wait_for_cancellation=waits))
        await talk.viewer.cancel_run(talk.run)
        await talk.failure()
        assert await talk.status() == WorkflowExecutionStatus.CANCELED
        await talk.assert_stopped()
    assert_grew(talk.viewer, TEXT)
    assert attempts == [1]


async def test_cancel_stops_a_thread_at_its_next_chunk_and_closes_its_generator(
    stage: Stage, checkpoints: Checkpoints
) -> None:
    async with stage.worker([Ask], ACTIVITIES):
        talk = await begin(stage, Question("ramble_in_a_thread", wait_for_cancellation=True))
        visit = await checkpoints.reached("in the middle")
        await talk.viewer.cancel_run(talk.run)
        await talk.happened(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED)
        assert closed == []
        visit.go_on()
        await talk.failure()
        assert await talk.status() == WorkflowExecutionStatus.CANCELED
        await talk.assert_stopped()
    assert closed == ["the generator"]
    assert attempts == [1]


async def test_cancel_stops_a_local_activity(stage: Stage, checkpoints: Checkpoints) -> None:
    del checkpoints
    async with stage.worker([Ask], ACTIVITIES):
        talk = await begin(stage, Question("ramble", local=True))
        await talk.viewer.cancel_run(talk.run)
        await talk.failure()
        assert await talk.status() == WorkflowExecutionStatus.CANCELED
        await talk.assert_stopped()
    assert attempts == [1]


async def test_cancel_of_a_retried_attempt_leaves_its_text_and_begins_no_other(
    stage: Stage, checkpoints: Checkpoints
) -> None:
    del checkpoints
    async with stage.worker([Ask], ACTIVITIES):
        talk = await begin(stage, Question("ramble_at_last"))
        await talk.viewer.cancel_run(talk.run)
        await talk.failure()
        assert await talk.status() == WorkflowExecutionStatus.CANCELED
        await stage.assert_shown(talk.viewer, talk.workflow_id, [TEXT], status="cancelled")
    assert attempts == [1, 2]


async def test_where_activities_alone_are_stopped_the_workflow_gets_a_final_failure(
    stage: Stage, checkpoints: Checkpoints
) -> None:
    del checkpoints
    async with stage.worker([Ask], ACTIVITIES, interceptor=stage.interceptor(cancel="activity")):
        talk = await begin(stage, Question("ramble"))
        await talk.viewer.cancel_run(talk.run)
        failure = await talk.failure()
        assert isinstance(failure, ActivityError)
        assert isinstance(failure.cause, ApplicationError)
        assert failure.cause.type == "CancelledByClient"
        assert await talk.status() == WorkflowExecutionStatus.FAILED
        await talk.assert_stopped()
    assert attempts == [1]


async def test_heartbeat_of_a_thread_tells_it_to_stop(stage: Stage, checkpoints: Checkpoints) -> None:
    del checkpoints
    async with stage.worker([Ask], ACTIVITIES, interceptor=stage.interceptor(cancel="activity")):
        talk = await begin(stage, Question("beat_in_a_thread"))
        await talk.viewer.cancel_run(talk.run)
        await talk.failure()
        await talk.assert_stopped()
    assert attempts == [1]


async def test_what_an_activity_returns_when_it_is_stopped_is_its_result(
    stage: Stage, checkpoints: Checkpoints
) -> None:
    del checkpoints
    async with stage.worker([Ask], ACTIVITIES, interceptor=stage.interceptor(cancel="activity")):
        talk = await begin(stage, Question("give_up_gracefully"))
        await talk.viewer.cancel_run(talk.run)
        assert await talk.handle.result() == "what there was"
        await talk.assert_stopped()


async def test_cancel_does_nothing_where_that_is_turned_off(stage: Stage, checkpoints: Checkpoints) -> None:
    async with stage.worker([Ask], ACTIVITIES, interceptor=stage.interceptor(cancel="off")):
        talk = await begin(stage, Question("ramble"))
        await talk.viewer.cancel_run(talk.run)
        (await checkpoints.reached("in the middle")).go_on()
        assert await talk.handle.result() == f"{TEXT}never said"
        await stage.assert_shown(talk.viewer, talk.workflow_id, [f"{TEXT}never said"])


async def test_cancel_that_is_sent_while_the_worker_is_cut_off_is_found_when_it_is_back(
    stage: Stage, checkpoints: Checkpoints
) -> None:
    del checkpoints
    async with stage.worker([Ask], ACTIVITIES):
        talk = await begin(stage, Question("ramble"))
        async with stage.server.faults.unreachable(is_publisher):
            await talk.viewer.cancel_run(talk.run)
        await talk.failure()
        assert await talk.status() == WorkflowExecutionStatus.CANCELED
        await talk.assert_stopped()
    assert attempts == [1]


async def test_cancel_of_a_run_that_is_over_does_nothing_and_nothing_to_the_next(
    stage: Stage, checkpoints: Checkpoints
) -> None:
    said = f"{TEXT}never said"
    async with stage.worker([Ask], ACTIVITIES):
        talk = await begin(stage, Question("ramble"))
        (await checkpoints.reached("in the middle")).go_on()
        await talk.handle.result()
        await talk.viewer.wait_settled_text([said])
        await talk.viewer.cancel_run(talk.run)
        again = await stage.client.start_workflow(
            Ask.run, Question("ramble"), id=talk.workflow_id, task_queue=stage.name
        )
        (await checkpoints.reached("in the middle")).go_on()
        assert await again.result() == said
        await stage.assert_shown(talk.viewer, talk.workflow_id, [said, said])
