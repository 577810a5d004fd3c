"""A viewer's network fails in the middle of a stream: when it is back, nothing is lost and nothing there twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from temporalio import activity
from temporalio.exceptions import ApplicationError

from temporal_ably import session_name, streaming
from tests.end_to_end.ask import Ask, Question
from tests.end_to_end.checkpoints import checkpoint
from tests.end_to_end.shown import assert_grew

if TYPE_CHECKING:
    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.stage import Stage

PIECES = [f"{number} " for number in range(1, 41)]
ALL = "".join(PIECES)


def up_to(number: int) -> str:
    return "".join(PIECES[:number])


@activity.defn
@streaming
async def count() -> AsyncIterator[str]:
    for number, piece in enumerate(PIECES, 1):
        yield piece
        if number % 10 == 0:
            await checkpoint(f"at {number}")


@activity.defn
@streaming
async def miscount() -> AsyncIterator[str]:
    if activity.info().attempt == 1:
        yield "One, two, "
        await checkpoint("before the failure")
        yield "four"
        raise ApplicationError("the model broke off")
    yield up_to(20)
    await checkpoint("at 20")
    yield ALL[len(up_to(20)) :]


async def test_a_viewer_whose_connection_drops_twice_misses_nothing(stage: Stage, checkpoints: Checkpoints) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Ask], [count]):
        handle = await stage.client.start_workflow(Ask.run, Question("count"), id=workflow_id, task_queue=stage.name)
        for number in (10, 20, 30, 40):
            visit = await checkpoints.reached(f"at {number}")
            await viewer.wait_for(lambda view, number=number: view.texts == [up_to(number)])
            visit.go_on()
            if number < 30:
                await viewer.drop()
        assert await handle.result() == ALL
        await stage.assert_shown(viewer, workflow_id, [ALL])
    assert_grew(viewer, ALL)


async def test_a_viewer_that_was_offline_while_text_grew_misses_nothing(stage: Stage, checkpoints: Checkpoints) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    witness = await stage.view(workflow_id, client_id="carol")
    async with stage.worker([Ask], [count]):
        handle = await stage.client.start_workflow(Ask.run, Question("count"), id=workflow_id, task_queue=stage.name)
        first = await checkpoints.reached("at 10")
        await viewer.wait_for(lambda view: view.texts == [up_to(10)])
        async with viewer.offline():
            first.go_on()
            for number in (20, 30):
                visit = await checkpoints.reached(f"at {number}")
                await witness.wait_for(lambda view, number=number: view.texts == [up_to(number)])
                visit.go_on()
            last = await checkpoints.reached("at 40")
            await witness.wait_for(lambda view: view.texts == [ALL])
            assert viewer.texts == [up_to(10)]
        await viewer.wait_for(lambda view: view.texts == [ALL])
        last.go_on()
        assert await handle.result() == ALL
        await stage.assert_shown(viewer, workflow_id, [ALL])
    assert_grew(viewer, ALL)


async def test_a_viewer_that_was_offline_until_the_run_was_over_sees_all_of_it(
    stage: Stage, checkpoints: Checkpoints
) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Ask], [count]):
        handle = await stage.client.start_workflow(Ask.run, Question("count"), id=workflow_id, task_queue=stage.name)
        first = await checkpoints.reached("at 10")
        await viewer.wait_for(lambda view: view.texts == [up_to(10)])
        async with viewer.offline():
            first.go_on()
            for number in (20, 30, 40):
                (await checkpoints.reached(f"at {number}")).go_on()
            assert await handle.result() == ALL
            await stage.server.wait_for(lambda server: ended(server.messages(session_name(workflow_id))))
        await stage.assert_shown(viewer, workflow_id, [ALL])
    assert_grew(viewer, ALL)


async def test_a_viewer_that_was_offline_over_a_retry_sees_the_new_text_only(
    stage: Stage, checkpoints: Checkpoints
) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Ask], [miscount]):
        handle = await stage.client.start_workflow(Ask.run, Question("miscount"), id=workflow_id, task_queue=stage.name)
        failing = await checkpoints.reached("before the failure")
        await viewer.wait_for(lambda view: view.texts == ["One, two, "])
        async with viewer.offline():
            failing.go_on()
            retrying = await checkpoints.reached("at 20")
        await viewer.wait_for(lambda view: view.texts == [up_to(20)])
        retrying.go_on()
        assert await handle.result() == ALL
        await stage.assert_shown(viewer, workflow_id, [ALL])
    assert_grew(viewer, "One, two, four", ALL)


def ended(messages: list[dict[str, object]]) -> bool:
    return any(message.get("name") == "ai-run-end" for message in messages)
