"""What only code can give an activity: ``agent_name``, ``on_part`` and a recorder, seen from the channel."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, cast

import pytest
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ExecuteActivityInput

from temporal_ably import current_stream, streaming
from temporal_ably._temporal.activity import ActivityInbound
from temporal_ably._temporal.headers import inject
from temporal_ably._temporal.runtime import Hooks, Runtime
from temporal_ably._temporal.streaming import nowhere, reset_current, set_current
from temporal_ably._wire.identity import Binding, Header
from temporal_ably.settings import load
from temporal_ably.testing.recorder import AblyRecorder
from tests.temporal.attempts import LONG, info
from tests.temporal.test_activity import UserCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from temporalio import activity

    from temporal_ably._temporal.runtime import AgentName
    from temporal_ably._wire.parts import Json
    from temporal_ably.envelope import Envelope

CHILD = Header("ai:wf", Binding("ai:wf", "run", "root", "root-run", node="/0.1"), ordinal=1)


@pytest.fixture
def recorder() -> Iterator[AblyRecorder]:
    with AblyRecorder() as made:
        yield made


async def run(
    function: Callable[..., object], recorder: AblyRecorder, header: Header | None = None, **hooks: Any
) -> object:
    runtime = Runtime(load(None, {}, needs_key=False), Hooks(recorder=recorder, **hooks))
    environment = ActivityEnvironment()
    environment.info = info(activity_type="answer", workflow_type="Child", start_to_close_timeout=LONG)
    headers = {} if header is None else inject({}, header)
    work = ExecuteActivityInput(cast("Any", function), (), None, headers)
    return await environment.run(ActivityInbound(UserCode(), runtime).execute_activity, work)


async def speak() -> str:
    current_stream().text("hello")
    return "result"


def opening(recorder: AblyRecorder) -> Envelope:
    [found] = [each for each in recorder.envelopes if each.event == "step-start"]
    return found


def agent_in_metadata(recorder: AblyRecorder) -> object:
    [message] = recorder.session(recorder.channels[0]).messages
    assert isinstance(message.metadata, dict)
    return message.metadata["agent"]


# agent_name.


def by_task_queue(info: activity.Info) -> str:
    return f"agent of {info.task_queue}"


def nobody(info: activity.Info) -> str:
    return ""


@pytest.mark.parametrize(
    ("name", "header", "agent"),
    [
        (None, None, "answer"),
        (None, CHILD, "Child"),
        ("Ada", None, "Ada"),
        ("Ada", CHILD, "Ada"),
        (by_task_queue, None, f"agent of {ActivityEnvironment.default_info().task_queue}"),
        (nobody, None, "answer"),
        ("", CHILD, "Child"),
    ],
)
async def test_agent_is_named_on_the_opening_and_in_the_metadata(
    recorder: AblyRecorder, name: AgentName | None, header: Header | None, agent: str
) -> None:
    await run(speak, recorder, header, agent_name=name)
    assert opening(recorder).agent == agent
    assert agent_in_metadata(recorder) == agent


async def test_agent_keeps_its_default_name_where_the_function_raises(
    recorder: AblyRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(info: activity.Info) -> str:
        raise ZeroDivisionError(info.activity_id)

    assert await run(speak, recorder, agent_name=fail) == "result"
    assert opening(recorder).agent == "answer"
    [record] = caplog.records
    assert record.getMessage().startswith("unable to name the agent of activity answer; agent_name raised")


# on_part.


async def test_viewers_get_what_on_part_leaves_and_the_result_stays(recorder: AblyRecorder) -> None:
    def on_part(chunk: Mapping[str, Json]) -> Mapping[str, Json] | None:
        if chunk["type"] == "data-secret":
            return None
        return {**chunk, "delta": "***"} if chunk["type"] == "text-delta" else chunk

    async def tell() -> str:
        current_stream().text("hush")
        current_stream().data("secret", {"a": "hush"})
        return "hush"

    assert await run(tell, recorder, on_part=on_part) == "hush"
    assert "hush" not in repr([each.model_dump() for each in recorder.operations])
    assert recorder.session(recorder.channels[0]).text == "***"


async def test_on_part_runs_in_the_activitys_context(recorder: AblyRecorder) -> None:
    from temporalio import activity

    seen: list[str] = []

    def on_part(chunk: Mapping[str, Json]) -> Mapping[str, Json]:
        seen.append(activity.info().activity_type)
        return chunk

    await run(speak, recorder, on_part=on_part)
    assert set(seen) == {"answer"}


# What an attempt leaves on the channel.


async def test_whole_of_an_activitys_stream_is_on_the_channel_when_it_returns(recorder: AblyRecorder) -> None:
    async def tell() -> None:
        stream = current_stream()
        stream.reasoning("hm")
        with stream.tool_call_part("look") as call:
            call.text('{"q":1}')
        stream.tool_result(call.call_id, "found")
        stream.message()
        stream.metadata(model="small")
        stream.text("done")

    await run(tell, recorder)
    [channel] = recorder.channels
    first, second = recorder.session(channel).messages
    assert [part.as_ui()["type"] for part in first.parts] == ["step-start", "reasoning", "tool-look"]
    assert second.text == "done"
    assert isinstance(second.metadata, dict)
    assert second.metadata["model"] == "small"
    assert second.metadata["activityType"] == "answer"


async def test_tool_calls_that_nobody_named_are_named_alike_in_each_attempt(recorder: AblyRecorder) -> None:
    async def call() -> str:
        return current_stream().tool_call("look", {})

    assert await run(call, recorder) == await run(call, recorder)


async def test_parts_that_are_left_open_are_closed_by_the_end(recorder: AblyRecorder) -> None:
    async def leave() -> None:
        current_stream().text_part().text("open")
        current_stream().write({"type": "reasoning-start", "id": "r"})

    await run(leave, recorder)
    assert {each.part.status for each in recorder.canonical if each.part is not None} == {"complete"}


async def test_part_that_is_begun_and_closed_after_the_end_opens_nothing(recorder: AblyRecorder) -> None:
    kept: list[Any] = []

    async def keep() -> None:
        kept.append(current_stream())

    await run(keep, recorder)
    with kept[0].text_part() as part:
        part.text("late")
    kept[0].tool_call_part("look").close()
    assert Runtime(load(None, {}, needs_key=False), Hooks(recorder=recorder)).active is None


async def test_cancelled_activity_cuts_its_parts_off(recorder: AblyRecorder) -> None:
    async def wait() -> None:
        current_stream().text("so far")
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await run(wait, recorder)
    await recorder.wait_for(lambda session: session.text == "so far", channel=recorder.channels[0])
    assert [each.part.status for each in recorder.canonical if each.part is not None] == ["cancelled"]


def test_hooks_make_routes_of_their_own(recorder: AblyRecorder) -> None:
    settings = load(None, {}, needs_key=False)
    other = AblyRecorder()
    shared = [Runtime(settings, Hooks(recorder=each)).shared() for each in (recorder, other, recorder)]
    assert shared[0] is shared[2]
    assert shared[0] is not shared[1]
    other.close()


def test_equal_hooks_but_for_what_attempts_ask_share_a_publisher(recorder: AblyRecorder) -> None:
    settings = load(None, {}, needs_key=False)
    plain = Runtime(settings, Hooks(recorder=recorder)).shared()
    asking = Hooks(recorder=recorder, agent_name="Ada", on_part=lambda chunk: None)
    assert Runtime(settings, asking).shared() is plain
    assert dataclasses.replace(asking).agent_name == "Ada"


@streaming
async def late() -> AsyncIterator[str]:
    yield "late"


async def test_what_an_activity_leaves_behind_opens_nothing_after_its_end(recorder: AblyRecorder) -> None:
    over = asyncio.Event()
    left: list[asyncio.Future[str]] = []

    async def stream_later() -> str:
        await over.wait()
        return await late()

    async def leave() -> None:
        left.append(asyncio.ensure_future(stream_later()))

    await run(leave, recorder)
    over.set()
    assert await left[0] == "late"
    assert recorder.channels == []


async def test_an_outer_instance_that_is_off_leaves_the_stream_to_the_inner_one(recorder: AblyRecorder) -> None:
    token = set_current(nowhere())
    try:
        assert await run(speak, recorder) == "result"
    finally:
        reset_current(token)
    assert recorder.session(recorder.channels[0]).text == "hello"


def test_a_callback_that_cannot_be_hashed_is_taken() -> None:
    @dataclasses.dataclass
    class Callback:
        url: str

        async def __call__(self, params: dict[str, object]) -> str:
            return self.url

    runtime = Runtime(load(None, {}, needs_key=False), Hooks(auth_callback=Callback("https://example.com")))
    assert runtime.active is None
