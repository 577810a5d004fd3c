"""What cannot be streamed: one clear error at the user's own line, and what was streamed before stays as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from temporalio import activity, workflow
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ActivityError, ApplicationError

from temporal_ably import EncodeError, current_stream, streaming

if TYPE_CHECKING:
    from temporal_ably._temporal.stream import ActivityStream
    from tests.end_to_end.stage import Stage

TIMEOUT = timedelta(seconds=30)
LARGE = 70_000


class Opaque:
    """What no codec knows."""


def _unserialisable(stream: ActivityStream) -> None:
    stream.data("result", cast("Any", {"handle": Opaque()}))


def _too_large(stream: ActivityStream) -> None:
    stream.data("result", {"rows": "x" * LARGE})


def _wrong_shape(stream: ActivityStream) -> None:
    stream.write({"type": "tool-output-available", "output": 3})


def _unknown_type(stream: ActivityStream) -> None:
    stream.write({"type": "text-dleta", "id": "0", "delta": "typo"})


def _unknown_class(stream: ActivityStream) -> None:
    stream.write(Opaque())


def _not_begun(stream: ActivityStream) -> None:
    stream.write({"type": "text-delta", "id": "7", "delta": "never begun"})


def _input_too_large(stream: ActivityStream) -> None:
    with stream.tool_call_part("search", call_id="s-1") as call:
        call.text('{"query":"' + "x" * LARGE + '"}')


# What is wrong, and what its error must say.
BAD: dict[str, tuple[Callable[[ActivityStream], None], list[str]]] = {
    "unserialisable": (_unserialisable, ["data-result", "Opaque"]),
    "too large": (_too_large, ["data-result", "bytes"]),
    "wrong shape": (_wrong_shape, ["tool-output-available", "toolCallId"]),
    "unknown type": (_unknown_type, ["text-dleta", "text-delta", "register_adapter"]),
    "unknown class": (_unknown_class, ["Opaque", "register_adapter"]),
    "not begun": (_not_begun, ["'7'", "text-start"]),
    "input too large": (_input_too_large, ["'s-1'", "bytes"]),
}


@activity.defn
async def stumble(what: str) -> str:
    stream = current_stream()
    stream.text("before ")
    BAD[what][0](stream)
    return "never"


@activity.defn
async def recover(what: str) -> str:
    stream = current_stream()
    stream.text("before ")
    try:
        BAD[what][0](stream)
    except EncodeError:
        stream.text("after")
    return "before after"


@activity.defn
@streaming
async def yield_a_bad_chunk() -> AsyncIterator[object]:
    yield "before "
    try:
        yield Opaque()
    except EncodeError:
        yield "after"


@workflow.defn
class Stumble:
    @workflow.run
    async def run(self, name: str, arguments: list[str]) -> str:
        return await workflow.execute_activity(name, args=arguments, start_to_close_timeout=TIMEOUT, result_type=str)


@pytest.mark.parametrize("what", BAD)
async def test_a_chunk_that_cannot_be_streamed_fails_the_activity_once_and_clearly(stage: Stage, what: str) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Stumble], [stumble], mixed=False):
        with pytest.raises(WorkflowFailureError) as raised:
            await stage.client.execute_workflow(
                Stumble.run, args=["stumble", [what]], id=workflow_id, task_queue=stage.name
            )
        await stage.assert_shown(viewer, workflow_id, ["before "], status="error")
    assert isinstance(raised.value.cause, ActivityError)
    error = raised.value.cause.cause
    assert isinstance(error, ApplicationError)
    assert (error.type, error.non_retryable) == ("EncodeError", True)
    text = str(error)
    assert all(word in text for word in ["unable to", *BAD[what][1]]), text
    assert len(text) < 1000


@pytest.mark.parametrize("what", BAD)
async def test_who_handles_the_error_goes_on_and_nothing_is_lost(stage: Stage, what: str) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Stumble], [recover], mixed=False):
        result = await stage.client.execute_workflow(
            Stumble.run, args=["recover", [what]], id=workflow_id, task_queue=stage.name
        )
        await stage.assert_shown(viewer, workflow_id, [result])


async def test_the_error_of_a_yielded_chunk_is_raised_at_the_yield(stage: Stage) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Stumble], [yield_a_bad_chunk], mixed=False):
        result = await stage.client.execute_workflow(
            Stumble.run, args=["yield_a_bad_chunk", []], id=workflow_id, task_queue=stage.name
        )
        assert result == "before after"
        await stage.assert_shown(viewer, workflow_id, [result])
