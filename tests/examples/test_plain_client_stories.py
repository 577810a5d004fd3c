"""A workflow that is tried again, with sub-agents, tools, reasoning and data: four readers see one session.

The readers: the plain client live, the plain client from history, our own fold, and Ably's AI client, which reads
no tag of ours.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from temporal_ably import Envelope, current_stream, session_name
from temporal_ably._session.fold import Fold

if TYPE_CHECKING:
    from temporal_ably.server import LocalServer
    from tests.end_to_end.stage import Stage
    from tests.examples.plain_client import Json, PlainClient

TIMEOUT = timedelta(seconds=30)
RETRIES = RetryPolicy(initial_interval=timedelta(milliseconds=10), maximum_attempts=3)


@activity.defn
async def plan(tried: int) -> str:
    """Think, then call a tool that another activity runs. The first attempt breaks off."""
    stream = current_stream()
    stream.reasoning(f"Try {tried}: ")
    stream.reasoning("what is asked?")
    if activity.info().attempt == 1:
        stream.text("Let me gue")
        with stream.tool_call_part("search") as broken:
            broken.text('{"query":')
            raise ApplicationError("the model broke off")
    stream.text("I will look ")
    stream.text("it up. 🔎")
    with stream.tool_call_part("search", call_id=f"call-{tried}", title="Search") as call:
        call.text('{"query":')
        call.text('"tides"}')
    return call.call_id


@activity.defn
async def search(call_id: str) -> None:
    """Run the tool of another activity's call."""
    current_stream().tool_result(call_id, {"hits": 0}, preliminary=True)
    current_stream().tool_result(call_id, {"hits": 2})


@activity.defn
async def research(topic: str) -> str:
    """Stream one part of each kind. The first attempt about bees fails before the end."""
    stream = current_stream()
    stream.data("progress", {"percent": 0}, id="p")
    stream.data("ping", {"now": True}, transient=True)
    good = stream.tool_call("look", {"at": topic})
    bad = stream.tool_call("weigh", "not JSON", dynamic=True)
    if topic == "bees" and activity.info().attempt == 1:
        raise ApplicationError("stung")
    stream.tool_result(good, [1, None])
    stream.tool_error(bad, "No scales.")
    with stream.text_part() as left, stream.text_part() as right:
        left.text("left ")
        right.text("right ")
        left.text(topic)
        right.text(topic)
    stream.source("https://example.com/a", title="A")
    stream.source_document("B", media_type="text/plain", filename="b.txt")
    stream.file("https://example.com/c.png", media_type="image/png")
    stream.data("progress", {"percent": 100}, id="p")
    stream.data("note", ["free"])
    stream.metadata(topic=topic)
    stream.message()
    stream.text(f"{topic} are done")
    return topic


@workflow.defn
class Researcher:
    @workflow.run
    async def run(self, topic: str) -> str:
        return await workflow.execute_activity(research, topic, start_to_close_timeout=TIMEOUT, retry_policy=RETRIES)


@workflow.defn
class Report:
    @workflow.run
    async def run(self, topics: list[str]) -> None:
        tried = workflow.info().attempt
        call_id = await workflow.execute_activity(plan, tried, start_to_close_timeout=TIMEOUT, retry_policy=RETRIES)
        await workflow.execute_activity(search, call_id, start_to_close_timeout=TIMEOUT)
        own_id = workflow.info().workflow_id
        await asyncio.gather(
            *(workflow.execute_child_workflow(Researcher.run, topic, id=f"{own_id}-{topic}") for topic in topics)
        )
        if tried == 1:
            raise ApplicationError("not good enough")


def our_fold(server: LocalServer, channel: str) -> list[Any]:
    """What our own fold makes of the channel: parts and metadata of each message."""
    fold = Fold()
    for operation in server.operations(channel):
        fold.apply(Envelope.of(operation, channel=channel))
    (run,) = fold.session.runs
    shown = [message.as_ui() for message in run.messages]
    return [
        (message.id, each["parts"], each.get("metadata")) for message, each in zip(run.messages, shown, strict=True)
    ]


def plainly(session: Json) -> list[Any]:
    """The same of a session of the plain client."""
    (run,) = session["runs"]
    return [(message["id"], message["parts"], message.get("metadata")) for message in run["messages"]]


async def test_four_readers_see_one_session(stage: Stage, plain: PlainClient) -> None:
    workflow_id = stage.workflow_id()
    channel = session_name(workflow_id)
    where = (stage.server.endpoint, channel, stage.server.key)
    viewer = await stage.view(workflow_id)
    live = await plain.follow(*where)
    async with stage.worker([Report, Researcher], [plan, search, research]):
        await stage.client.execute_workflow(
            Report.run, ["ants", "bees"], id=workflow_id, task_queue=stage.name, retry_policy=RETRIES
        )
        session = await live.wait_ended()
        await viewer.wait_for(lambda view: [run.status for run in view.runs] == ["complete"])
    history = await plain.follow(*where)
    assert history.sessions[-1] == session

    shown = plainly(session)
    assert shown == our_fold(stage.server, channel)
    theirs = [(each.codec_message_id, list(each.parts), each.metadata) for each in (await viewer.snapshot()).messages]
    assert shown == theirs

    (run,) = session["runs"]
    assert {message["agent"] for message in run["messages"]} == {"plan", "Researcher"}
    assert {message["workflowId"] for message in run["messages"]} == {
        workflow_id,
        f"{workflow_id}-ants",
        f"{workflow_id}-bees",
    }
    dead = {(attempt["agent"], attempt["attempt"]) for attempt in run["dead"] if attempt["messages"]}
    assert dead >= {("plan", 1), ("Researcher", 1)}
    first = run["messages"][0]["parts"]
    assert first[1] == {"type": "reasoning", "text": "Try 2: what is asked?"}
    assert first[-1] == {
        "type": "tool-search",
        "toolCallId": "call-2",
        "title": "Search",
        "state": "output-available",
        "input": {"query": "tides"},
        "output": {"hits": 2},
    }
