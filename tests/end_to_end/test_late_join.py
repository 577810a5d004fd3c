"""Someone opens the session in the middle of a stream: the text so far is there at once, and goes on growing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from temporalio import activity

from temporal_ably import current_stream, streaming
from tests.end_to_end.ask import Ask, Question
from tests.end_to_end.checkpoints import checkpoint
from tests.end_to_end.shown import assert_grew

if TYPE_CHECKING:
    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.stage import Stage
    from tests.end_to_end.viewer import Viewer


@activity.defn
@streaming
async def count() -> AsyncIterator[str]:
    for number in range(1, 41):
        yield f"{number} "
        if number in (1, 20):
            await checkpoint(f"at {number}")


@activity.defn
async def count_in_two_messages() -> str:
    stream = current_stream()
    stream.text("a whole message")
    stream.message()
    with stream.text_part() as left, stream.text_part() as right:
        left.text("left ")
        right.text("right ")
        await checkpoint("between the parts' halves")
        left.text("half")
        right.text("half")
    return ""


ALL = "".join(f"{number} " for number in range(1, 41))
HALF = "".join(f"{number} " for number in range(1, 21))


async def test_who_joins_in_mid_stream_sees_the_text_so_far_and_then_the_rest(
    stage: Stage, checkpoints: Checkpoints
) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    joined: list[Viewer] = []
    async with stage.worker([Ask], [count]):
        handle = await stage.client.start_workflow(Ask.run, Question("count"), id=workflow_id, task_queue=stage.name)
        for place, so_far in (("at 1", "1 "), ("at 20", HALF)):
            visit = await checkpoints.reached(place)
            await viewer.wait_for(lambda view, so_far=so_far: view.texts == [so_far])
            late = await stage.view(workflow_id, client_id="carol")
            assert late.texts == [so_far]
            assert list(late.run_statuses.values()) == ["active"]
            joined.append(late)
            visit.go_on()
        assert await handle.result() == ALL
        await stage.assert_shown(viewer, workflow_id, [ALL])
    for each in (viewer, *joined):
        await each.wait_settled_text([ALL])
        assert_grew(each, ALL)


async def test_who_joins_while_two_parts_grow_side_by_side_sees_both_and_then_the_rest(
    stage: Stage, checkpoints: Checkpoints
) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Ask], [count_in_two_messages]):
        question = Question("count_in_two_messages")
        handle = await stage.client.start_workflow(Ask.run, question, id=workflow_id, task_queue=stage.name)
        visit = await checkpoints.reached("between the parts' halves")
        await viewer.wait_for(lambda view: view.texts == ["a whole message", "left right "])
        late = await stage.view(workflow_id, client_id="carol")
        assert late.texts == ["a whole message", "left right "]
        visit.go_on()
        await handle.result()
        await late.wait_settled_text(["a whole message", "left halfright half"])
        await stage.assert_shown(viewer, workflow_id, ["a whole message", "left halfright half"])
