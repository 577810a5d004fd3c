"""An agent that thinks, calls tools, shows data, sources and files: every reader sees what it made, live and later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from temporalio import activity, workflow

from temporal_ably import current_stream, streaming

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.end_to_end.stage import Stage
    from tests.end_to_end.viewer import Viewer

TIMEOUT = timedelta(seconds=30)
CITY = {"city": "Oslo"}
PNG = "https://example.com/oslo.png"


@activity.defn
async def everything() -> str:
    """Every method of a stream, in one message."""
    stream = current_stream()
    stream.metadata(model="m1")
    stream.reasoning("The user asks ")
    stream.reasoning("about Oslo.")
    stream.text("Let me look.")
    call = stream.tool_call("getWeather", dict(CITY), title="Weather")
    stream.data("progress", {"percent": 50}, id="p")
    stream.tool_result(call, {"degrees": 2}, preliminary=True)
    stream.tool_result(call, {"degrees": 3})
    with stream.tool_call_part("search", call_id="s-1", dynamic=True) as search:
        search.text('{"query":')
        search.text('"Oslo"}')
    stream.tool_error("s-1", "no network")
    stream.tool_call("erase", "all", call_id="e-1", provider_executed=True)
    stream.tool_denied("e-1")
    stream.data("progress", {"percent": 100}, id="p")
    stream.data("blink", "now", transient=True)
    stream.data("list", [1, "two", None])
    stream.source("https://example.com/oslo", title="Oslo")
    stream.source_document("Almanac", media_type="application/pdf", filename="almanac.pdf")
    stream.file(PNG, media_type="image/png")
    stream.text("It is 3 degrees.")
    stream.metadata(tokens=12)
    return "Let me look.It is 3 degrees."


EVERYTHING: list[dict[str, Any]] = [
    {"type": "step-start"},
    {"type": "reasoning", "text": "The user asks about Oslo."},
    {"type": "text", "text": "Let me look."},
    {
        "type": "tool-getWeather",
        "toolCallId": ":0:1/call-1",
        "title": "Weather",
        "state": "output-available",
        "input": CITY,
        "output": {"degrees": 3},
    },
    {"type": "data-progress", "id": "p", "data": {"percent": 100}},
    {
        "type": "dynamic-tool",
        "toolName": "search",
        "toolCallId": "s-1",
        "state": "output-error",
        "input": {"query": "Oslo"},
        "errorText": "no network",
    },
    {
        "type": "tool-erase",
        "toolCallId": "e-1",
        "providerExecuted": True,
        "state": "output-denied",
        "input": "all",
        "approval": {"id": "", "approved": False},
    },
    {"type": "data-list", "data": [1, "two", None]},
    {"type": "source-url", "sourceId": "https://example.com/oslo", "url": "https://example.com/oslo", "title": "Oslo"},
    {
        "type": "source-document",
        "sourceId": "Almanac",
        "mediaType": "application/pdf",
        "title": "Almanac",
        "filename": "almanac.pdf",
    },
    {"type": "file", "mediaType": "image/png", "url": PNG},
    {"type": "text", "text": "It is 3 degrees."},
]


@activity.defn
@streaming
async def chunks_of_a_model() -> AsyncIterator[dict[str, Any]]:
    """What the AI SDK's ``toUIMessageStream`` gives for a call of the model, a tool and a second call."""
    for chunk in (
        {"type": "start", "messageId": "theirs"},
        {"type": "start-step"},
        {"type": "text-start", "id": "t"},
        {"type": "text-delta", "id": "t", "delta": "One "},
        {"type": "reasoning-start", "id": "t"},
        {"type": "reasoning-delta", "id": "t", "delta": "hm"},
        {"type": "text-delta", "id": "t", "delta": "moment."},
        {"type": "reasoning-end", "id": "t"},
        {"type": "text-end", "id": "t"},
        {"type": "tool-input-start", "toolCallId": "c", "toolName": "getWeather"},
        {"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": '{"city":"Oslo"}'},
        {"type": "tool-input-available", "toolCallId": "c", "toolName": "getWeather", "input": CITY},
        {"type": "tool-output-available", "toolCallId": "c", "output": {"degrees": 3}},
        {"type": "finish-step"},
        {"type": "start-step"},
        {"type": "text-start", "id": "t"},
        {"type": "text-delta", "id": "t", "delta": " Cold."},
        {"type": "text-end", "id": "t"},
        {"type": "finish-step"},
        {"type": "finish", "finishReason": "stop", "messageMetadata": {"tokens": 7}},
    ):
        yield chunk
        await asyncio.sleep(0)


CHUNKS: list[dict[str, Any]] = [
    {"type": "step-start"},
    {"type": "text", "text": "One moment."},
    {"type": "reasoning", "text": "hm"},
    {
        "type": "tool-getWeather",
        "toolCallId": "c",
        "state": "output-available",
        "input": CITY,
        "output": {"degrees": 3},
    },
    {"type": "step-start"},
    {"type": "text", "text": " Cold."},
]


@activity.defn
async def side_by_side() -> str:
    stream = current_stream()
    with stream.text_part() as left, stream.reasoning_part() as thought, stream.text_part() as right:
        left.text("left ")
        thought.text("which ")
        right.text("right ")
        left.text("side")
        thought.text("side?")
        right.text("side")
    stream.message()
    stream.text("afterwards")
    return "left sideright sideafterwards"


@activity.defn
async def call_a_tool() -> str:
    stream = current_stream()
    stream.text("Calling.")
    return stream.tool_call("getWeather", dict(CITY))


@activity.defn
async def run_the_tool(call_id: str) -> str:
    current_stream().tool_result(call_id, {"degrees": 3})
    return "3 degrees"


@activity.defn
@streaming
async def answer(result: str) -> AsyncIterator[str]:
    yield "It is "
    yield result


@workflow.defn
class Run:
    @workflow.run
    async def run(self, name: str) -> str:
        return await workflow.execute_activity(name, start_to_close_timeout=TIMEOUT, result_type=str)


@workflow.defn
class Agent:
    """A model call, its tool, and the answer, each an activity: as agents on Temporal are built."""

    @workflow.run
    async def run(self) -> str:
        call_id = await workflow.execute_activity(call_a_tool, start_to_close_timeout=TIMEOUT)
        result = await workflow.execute_activity(run_the_tool, call_id, start_to_close_timeout=TIMEOUT)
        return await workflow.execute_activity(answer, result, start_to_close_timeout=TIMEOUT)


async def _parts(stage: Stage, viewer: Viewer, workflow_id: str, texts: Sequence[str]) -> list[list[dict[str, Any]]]:
    await stage.assert_shown(viewer, workflow_id, texts)
    return [[dict(part) for part in message.parts] for message in viewer.messages]


async def test_every_kind_of_part_is_shown(stage: Stage) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Run], [everything], mixed=False):
        result = await stage.client.execute_workflow(Run.run, "everything", id=workflow_id, task_queue=stage.name)
        assert await _parts(stage, viewer, workflow_id, [result]) == [EVERYTHING]
    metadata = viewer.messages[0].metadata
    assert (metadata["model"], metadata["tokens"], metadata["agent"]) == ("m1", 12, "everything")


async def test_chunks_of_a_model_and_its_tools_are_shown_as_the_sdk_would(stage: Stage) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Run], [chunks_of_a_model], mixed=False):
        handle = await stage.client.start_workflow(Run.run, "chunks_of_a_model", id=workflow_id, task_queue=stage.name)
        result = await handle.result()
        assert result == "One moment. Cold."
        assert await _parts(stage, viewer, workflow_id, [result]) == [CHUNKS]
    assert viewer.messages[0].metadata["tokens"] == 7


async def test_parts_that_grow_side_by_side_stand_where_they_began(stage: Stage) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Run], [side_by_side], mixed=False):
        await stage.client.execute_workflow(Run.run, "side_by_side", id=workflow_id, task_queue=stage.name)
        parts = await _parts(stage, viewer, workflow_id, ["left sideright side", "afterwards"])
    texts = [[part["text"] for part in message if "text" in part] for message in parts]
    assert texts == [["left side", "which side?", "right side"], ["afterwards"]]


async def test_a_tool_run_by_another_activity_completes_the_call(stage: Stage) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Agent], [call_a_tool, run_the_tool, answer], mixed=False):
        await stage.client.execute_workflow(Agent.run, id=workflow_id, task_queue=stage.name)
        parts = await _parts(stage, viewer, workflow_id, ["Calling.", "It is 3 degrees"])
    assert parts[0][-1]["state"] == "output-available"
    assert parts[0][-1]["output"] == {"degrees": 3}
