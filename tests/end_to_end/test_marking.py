"""What a replaced attempt wrote gets a mark, for people and for clients that read no more than one message."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from temporal_ably import current_stream, session_name, streaming
from tests.end_to_end.ask import Ask, Question
from tests.end_to_end.checkpoints import checkpoint

if TYPE_CHECKING:
    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.processes import Workers
    from tests.end_to_end.stage import Stage

MARK = "temporal-superseded-by"


@activity.defn
@streaming
async def falter() -> AsyncIterator[str]:
    current_stream().reasoning("hm")
    if activity.info().attempt == 1:
        yield "dead text"
        raise ApplicationError("the model broke off")
    yield "live text"
    await checkpoint("live text is out")


@activity.defn
@streaming
async def stick() -> AsyncIterator[str]:
    if activity.info().attempt == 1:
        yield "dead text"
        await checkpoint("before the kill")
    yield "live text"


def _outputs(stage: Stage) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = stage.server.messages(session_name(stage.workflow_id()))
    return [each for each in messages if each["extras"]["headers"]["temporal-event"] == "part"]


def _all_marked(stage: Stage) -> bool:
    outputs = _outputs(stage)
    dead = [each for each in outputs if each["extras"]["headers"]["temporal-attempt"] == "1"]
    return len(dead) < len(outputs) and all(MARK in each["extras"]["headers"] for each in dead)


def _assert_marked(stage: Stage) -> None:
    headers = [each["extras"]["headers"] for each in _outputs(stage)]
    started = {each["temporal-started"] for each in headers if each["temporal-attempt"] == "2"}
    assert {each.get(MARK) for each in headers if each["temporal-attempt"] == "1"} == started
    assert {each.get(MARK) for each in headers if each["temporal-attempt"] == "2"} == {None}
    assert "dead text" in [each.get("data") for each in _outputs(stage)]


async def test_every_output_of_a_failed_attempt_is_marked_and_no_viewer_disturbed(
    stage: Stage, checkpoints: Checkpoints
) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Ask], [falter], mixed=False):
        handle = await stage.client.start_workflow(Ask.run, Question("falter"), id=workflow_id, task_queue=stage.name)
        live = await checkpoints.reached("live text is out")
        await stage.server.wait_for(lambda _: _all_marked(stage))
        view = await viewer.wait_received(max(each["version"]["serial"] for each in _outputs(stage)))
        assert view.texts == ["live text"]
        live.go_on()
        assert await handle.result() == "live text"
        await stage.assert_shown(viewer, workflow_id, ["live text"])
    _assert_marked(stage)
    assert not viewer.errors


async def test_output_of_a_killed_worker_is_marked_by_the_one_that_goes_on(
    stage: Stage, checkpoints: Checkpoints, workers: Workers
) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    question = Question("stick", start_to_close=3)
    first = await workers.start(stick)
    handle = await stage.client.start_workflow(Ask.run, question, id=workflow_id, task_queue=stage.name)
    await checkpoints.reached("before the kill")
    await viewer.wait_for(lambda view: view.texts == ["dead text"])
    await first.kill()
    await workers.start(stick)
    assert await handle.result() == "live text"
    await stage.assert_shown(viewer, workflow_id, ["live text"])
    await stage.server.wait_for(lambda _: _all_marked(stage))
    _assert_marked(stage)
