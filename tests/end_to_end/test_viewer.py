"""The viewer itself: Ably's JavaScript client shows what a JavaScript agent is known to write, live and from history.

The trace is one recorded from the agent of `@ably/ai-transport` 0.8.0: a prompt of three parts; an answer of reasoning,
text and a tool call. Written here by ably-python to the local server, so three unlike programs must agree.
"""

# ably-python ships no types for what is used here.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from ably import AblyRealtime
from ably.types.message import Message

from tests.end_to_end.node_process import ViewerError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from temporal_ably.server import LocalServer
    from tests.end_to_end.viewer import Viewer, Viewers

CHANNEL = "ai:trace"
INPUT = {"role": "user", "codec-message-id": "U", "run-client-id": "alice", "event-id": "E", "stream": "false"}
RUN = {"run-id": "wf-1", "invocation-id": "wf-1", "run-client-id": "alice", "input-client-id": "alice"}
TRIGGER = {"input-codec-message-id": "U"}
STEP = {**RUN, "step-id": "wf-1-1", "step-client-id": "alice"}

SHOWN_PARTS = [
    {"type": "step-start"},
    {"type": "reasoning", "text": "thinking"},
    {"type": "text", "text": "Let me look."},
    {"type": "tool-getWeather", "state": "output-available", "input": {"city": "Oslo"}, "output": {"temp": 3}},
]


def message(name: str, transport: dict[str, str], codec: dict[str, str] | None = None, data: object = None) -> Message:
    tiers = {"transport": transport, "codec": codec} if codec else {"transport": transport}
    return Message(name=name, data=data, extras={"ai": tiers})


class Agent:
    """An agent's pen: publishes to one channel with ably-python."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    async def publish(self, *messages: Message) -> str:
        """Publish atomically; return the first serial."""
        return (await self._channel.publish(list(messages))).serials[0]

    async def output(self, base: dict[str, str], codec: dict[str, str], data: object = "") -> None:
        await self.publish(message("ai-output", {**base, "stream": "false"}, codec, data))

    async def open_stream(self, base: dict[str, str], codec: dict[str, str], stream_id: str) -> Stream:
        stream = Stream(self._channel, {**base, "stream": "true", "stream-id": stream_id}, codec)
        await stream.open()
        return stream

    async def stream(self, base: dict[str, str], codec: dict[str, str], stream_id: str, *deltas: str) -> None:
        stream = await self.open_stream(base, codec, stream_id)
        for delta in deltas:
            await stream.append(delta)
        await stream.append("", status="complete")

    async def open_run(self) -> None:
        await self.publish(message("ai-run-start", {**RUN, **TRIGGER, "parent": "U"}))

    async def open_step(self) -> dict[str, str]:
        """Start an attempt; return the headers of its outputs."""
        serial = await self.publish(message("ai-step-start", STEP))
        extra = {"role": "assistant", "codec-message-id": "M", "parent": "U", "step-start-serial": serial}
        return {**STEP, **TRIGGER, **extra}

    async def end_step(self, base: dict[str, str], reason: str) -> None:
        serial = base["step-start-serial"]
        await self.publish(message("ai-step-end", {**STEP, "step-start-serial": serial, "step-reason": reason}))

    async def end_run(self) -> None:
        await self.publish(message("ai-run-end", {**RUN, **TRIGGER, "run-reason": "complete"}))


class Stream:
    """One streamed part: a message that grows."""

    def __init__(self, channel: Any, transport: dict[str, str], codec: dict[str, str]) -> None:
        self._channel = channel
        self._transport = transport
        self._codec = codec
        self._serial = ""

    async def open(self) -> None:
        first = message("ai-output", {**self._transport, "status": "streaming"}, self._codec, "")
        self._serial = (await self._channel.publish(first)).serials[0]

    async def append(self, delta: str, *, status: str = "streaming") -> str:
        """Append; return the serial of the message's new version."""
        extras = {"ai": {"transport": {**self._transport, "status": status}, "codec": self._codec}}
        result = await self._channel.append_message(Message(serial=self._serial, data=delta, extras=extras))
        return result.version_serial


@asynccontextmanager
async def agent_on(server: LocalServer) -> AsyncGenerator[Agent]:
    client = AblyRealtime(key=server.key, endpoint=server.endpoint, tls=False, client_id="temporal-ably")
    try:
        yield Agent(client.channels.get(CHANNEL))
    finally:
        await client.close()


async def write_prompt(agent: Agent) -> None:
    part = {**INPUT, "discrete": "true"}
    said = {"kind": "user-message", "messageId": "u1"}
    await agent.publish(
        message("ai-input", part, {**said, "partType": "text"}, "weather?"),
        message("ai-input", part, {**said, "partType": "file", "mediaType": "image/png"}, "data:image/png;base64,AA=="),
        message("ai-input", part, {**said, "partType": "data-loc", "id": "d1"}, {"lat": 1}),
    )


async def write_answer_up_to_text(agent: Agent) -> tuple[dict[str, str], Stream]:
    await agent.open_run()
    base = await agent.open_step()
    await agent.output(base, {"kind": "start", "messageId": "M", "messageMetadata": '{"model":"m1"}'})
    await agent.output(base, {"kind": "start-step"})
    await agent.stream(base, {"kind": "reasoning", "id": "r0"}, "r0", "think", "ing")
    text = await agent.open_stream(base, {"kind": "text", "id": "t0"}, "t0")
    await text.append("Let me ")
    return base, text


async def write_answer_from_text(agent: Agent, base: dict[str, str], text: Stream) -> None:
    await text.append("look.")
    await text.append("", status="complete")
    call = {"toolCallId": "c1", "toolName": "getWeather"}
    await agent.stream(base, {"kind": "tool-input", **call}, "c1", '{"city":', '"Oslo"}')
    output = {"output": {"temp": 3}}
    await agent.output(base, {"kind": "tool-output-available", "toolCallId": "c1"}, output)
    await agent.output(base, {"kind": "finish-step"})
    metadata = '{"tokens":12}'
    await agent.output(base, {"kind": "finish", "finishReason": "tool-calls", "messageMetadata": metadata})
    await agent.end_step(base, "complete")
    await agent.end_run()


def essence(parts: tuple[Any, ...]) -> list[dict[str, Any]]:
    """What a part says, without the client's own bookkeeping."""
    keys = ("type", "text", "state", "input", "output")
    return [
        {key: part[key] for key in keys if key in part and (key != "state" or "toolCallId" in part)} for part in parts
    ]


async def assert_shows_the_trace(viewer: Viewer) -> None:
    await viewer.wait_settled_text(["Let me look."])
    prompt, answer = viewer.messages
    assert (prompt.role, prompt.id, prompt.codec_message_id, prompt.text) == ("user", "u1", "U", "weather?")
    assert [part["type"] for part in prompt.parts] == ["text", "file", "data-loc"]
    assert (answer.role, answer.id, answer.codec_message_id) == ("assistant", "M", "M")
    assert answer.metadata == {"tokens": 12}
    assert essence(answer.parts) == SHOWN_PARTS
    assert viewer.run_statuses == {"wf-1": "complete"}
    assert not viewer.errors


@pytest.mark.parametrize("encoding", ["msgpack", "json"])
async def test_trace_is_shown_live_and_from_history(local_server: LocalServer, viewers: Viewers, encoding: str) -> None:
    binary = encoding == "msgpack"
    live = await viewers.open(local_server.endpoint, CHANNEL, key=local_server.key, binary=binary)
    async with agent_on(local_server) as agent:
        await write_prompt(agent)
        await write_answer_from_text(agent, *await write_answer_up_to_text(agent))
    await assert_shows_the_trace(live)
    fresh = await viewers.open(local_server.endpoint, CHANNEL, key=local_server.key, binary=binary)
    await assert_shows_the_trace(fresh)
    assert fresh.messages == live.messages


async def test_trace_is_shown_after_the_connection_dropped_amid_text(
    local_server: LocalServer, viewers: Viewers
) -> None:
    viewer = await viewers.open(local_server.endpoint, CHANNEL, key=local_server.key)
    async with agent_on(local_server) as agent:
        await write_prompt(agent)
        base, text = await write_answer_up_to_text(agent)
        await viewer.wait_for(lambda view: view.texts == ["Let me "])
        await viewer.drop()
        await write_answer_from_text(agent, base, text)
    await assert_shows_the_trace(viewer)
    assert viewer.connection_states.count("connected") == 2


async def test_text_written_while_the_viewer_is_offline_is_shown_when_it_is_back(
    local_server: LocalServer, viewers: Viewers
) -> None:
    viewer = await viewers.open(local_server.endpoint, CHANNEL, key=local_server.key)
    async with agent_on(local_server) as agent:
        await write_prompt(agent)
        base, text = await write_answer_up_to_text(agent)
        await viewer.wait_for(lambda view: view.texts == ["Let me "])
        async with viewer.offline():
            await write_answer_from_text(agent, base, text)
            assert (await viewer.snapshot()).texts == ["Let me "]
    await assert_shows_the_trace(viewer)


async def test_text_of_a_superseded_attempt_goes_and_its_zombie_is_never_shown(
    local_server: LocalServer, viewers: Viewers
) -> None:
    viewer = await viewers.open(local_server.endpoint, CHANNEL, key=local_server.key)
    async with agent_on(local_server) as agent:
        await write_prompt(agent)
        await agent.open_run()
        zombie = await agent.open_stream(await agent.open_step(), {"kind": "text", "id": "t0"}, "t0")
        await zombie.append("dead")
        await viewer.wait_for(lambda view: view.texts == ["dead"])
        base = await agent.open_step()
        await agent.stream(base, {"kind": "text", "id": "t0"}, "t0", "good")
        await viewer.wait_received(await zombie.append(" and undead"))
        assert viewer.texts == ["good"]
        await agent.end_step(base, "complete")
        await agent.end_run()
    await viewer.wait_settled_text(["good"])
    (run,) = viewer.view.runs
    assert [(step.status, step.attempt_count) for step in run.steps] == [("complete", 2)]
    shown = {tuple(view.texts) for view in viewer.history_of_views}
    assert shown <= {(), ("",), ("dead",), ("good",)}


async def test_prompt_sent_by_a_viewer_reaches_other_viewers(local_server: LocalServer, viewers: Viewers) -> None:
    alice = await viewers.open(local_server.endpoint, CHANNEL, token=local_server.token("alice"))
    bob = await viewers.open(local_server.endpoint, CHANNEL, token=local_server.token("bob"), client_id="bob")
    sent = await alice.send("hello", message_id="m1")
    view = await bob.wait_for(lambda view: bool(view.messages))
    assert [(shown.role, shown.id, shown.text) for shown in view.messages] == [("user", "m1", "hello")]
    assert view.messages[0].codec_message_id == sent["inputCodecMessageId"]
    assert sent["invocation"]["sessionName"] == CHANNEL


async def test_refused_key_is_told(local_server: LocalServer, viewers: Viewers) -> None:
    with pytest.raises(ViewerError, match="code 104001"):
        await viewers.open(local_server.endpoint, CHANNEL, key="local.dev:wrong")


async def test_condition_that_never_holds_ends_with_a_picture(local_server: LocalServer, viewers: Viewers) -> None:
    viewer = await viewers.open(local_server.endpoint, CHANNEL, key=local_server.key)
    with pytest.raises(AssertionError, match=r"connection: .'connecting', 'connected'."):
        await viewer.wait_for(lambda view: view.texts == ["never"], timeout=0.1)
