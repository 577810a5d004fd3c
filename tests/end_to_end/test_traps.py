"""Traps of ably-python 3.1.4 (raw exceptions, reordered or forgotten publishes, false results): none reaches a viewer.

Each fault is made by the local server, under the real SDK. What counts is the end: the text is right, live and from
history, nothing is there twice, and the publisher goes on.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from temporal_ably._publisher.engine import engine
from temporal_ably._transport.base import Timeouts
from temporal_ably._wire.operations import Append, Message, Publish
from temporal_ably.server import LocalServer
from tests.end_to_end.line import Line, Seen, is_append, is_publisher, open_line

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from temporal_ably._transport.realtime import RealtimeConnection
    from tests.end_to_end.viewer import Viewers

IMPATIENT = Timeouts(operation_s=1.0)
"""For faults that nothing but a timeout ends."""


@pytest.fixture
async def line(local_server: LocalServer, viewers: Viewers) -> AsyncGenerator[Line]:
    async with open_line(local_server, viewers, "trap") as opened:
        yield opened


@pytest.fixture
async def impatient_line(local_server: LocalServer, viewers: Viewers) -> AsyncGenerator[Line]:
    async with open_line(local_server, viewers, "trap", timeouts=IMPATIENT) as opened:
        yield opened


@pytest.mark.parametrize("applied", [True, False])
async def test_trap_a_publish_on_a_dead_socket_is_not_doubled(line: Line, *, applied: bool) -> None:
    viewer, writer = await line.view(), line.begin()
    await writer.told("before ")
    line.server.faults.cut(match=is_append, apply=applied)
    await writer.told("in between ")
    await writer.told("after")
    assert (await writer.finish()).whole
    await line.assert_shown(viewer, ["before in between after"])


async def test_trap_a_socket_that_died_unnoticed_is_replaced_at_the_next_publish(line: Line) -> None:
    viewer, writer = await line.view(), line.begin()
    await writer.told("before ")
    # A DISCONNECTED without an error ends the socket, and the SDK still believes to be connected.
    line.server.faults.disconnected(code=None, match=is_publisher)
    await line.server.wait_for(lambda _: line.server_side is None)
    await writer.told("after")
    assert (await writer.finish()).whole
    await line.assert_shown(viewer, ["before after"])
    assert len(line.connections) == 2


async def test_trap_b_what_comes_while_disconnected_waits_and_keeps_its_order(line: Line) -> None:
    viewer, writer = await line.view(), line.begin()
    await writer.told("one ")
    await writer.lost_on_the_way("two ")
    async with line.server.faults.unreachable():
        await line.connection_number(2)
        for word in ("three ", "four ", "five"):
            writer.say(word)
        finished = writer.finish()
        await line.connection_number(3)
    assert (await finished).whole
    await line.assert_shown(viewer, ["one two three four five"])


@pytest.mark.parametrize("applied", [True, False])
async def test_trap_c_disconnected_frame_loses_no_publish_in_flight(line: Line, *, applied: bool) -> None:
    viewer, writer = await line.view(), line.begin()
    await writer.told("before ")
    await writer.lost_on_the_way("in flight ", applied=applied)
    line.server.faults.disconnected(match=is_publisher)
    await writer.told("after")
    assert (await writer.finish()).whole
    await line.assert_shown(viewer, ["before in flight after"])


@pytest.mark.parametrize(("code", "status"), [(None, 400), (50000, 500), (50003, 504)])
async def test_trap_d_connection_that_only_seems_to_live_is_given_up(
    impatient_line: Line, code: int | None, status: int
) -> None:
    line = impatient_line
    viewer, writer = await line.view(), line.begin()
    await writer.told("before ")
    await writer.lost_on_the_way("in flight ")
    line.server.faults.disconnected(code=code, status=status, match=is_publisher)
    await writer.told("after")
    assert (await writer.finish()).whole
    await line.assert_shown(viewer, ["before in flight after"])


async def test_trap_e_fatal_connection_error_leaves_nothing_hanging(line: Line) -> None:
    viewer, writer = await line.view(), line.begin()
    await writer.told("before ")
    await writer.lost_on_the_way("in flight ")
    line.server.faults.connection_error(match=is_publisher)
    await writer.told("after")
    assert (await writer.finish()).whole
    await line.assert_shown(viewer, ["before in flight after"])


async def test_trap_f_failed_channel_leaves_nothing_hanging(impatient_line: Line) -> None:
    line = impatient_line
    writer = line.begin()
    await writer.told("before ")
    # The publisher attaches to nothing, so the error of a channel does not reach it; the missing ACK does.
    assert not line.server._hub.attachments_of(line.channel)
    await writer.lost_on_the_way("in flight ")
    line.server.faults.channel_error(line.channel)
    line.send_frame({"action": 9, "channel": line.channel, "error": {"code": 90000, "statusCode": 400, "message": ""}})
    await writer.told("after")
    assert (await writer.finish()).whole
    await line.assert_shown(await line.view(), ["before in flight after"])


async def test_trap_g_failed_reconnects_send_nothing_twice(line: Line) -> None:
    viewer, writer = await line.view(), line.begin()
    await writer.told("before ")
    await writer.lost_on_the_way("in flight ")
    async with line.server.faults.unreachable():
        await line.connection_number(4)
        writer.say("held ")
    await writer.told("after")
    assert (await writer.finish()).whole
    await line.assert_shown(viewer, ["before in flight held after"])


async def test_trap_h_no_connection_is_ever_resumed(line: Line) -> None:
    viewer, writer = await line.view(), line.begin()
    await writer.told("before ")
    line.server.faults.refuse_resume()
    line.server.faults.cut(match=is_append, apply=True)
    await writer.told("in flight ")
    await writer.told("after")
    assert (await writer.finish()).whole
    await line.assert_shown(viewer, ["before in flight after"])
    operations = line.server.operations(line.channel)
    assert operations[0]["connectionId"] != operations[-1]["connectionId"]
    assert line.server._hub.faults.resumes_to_refuse == 1, "a resume was asked for"


async def test_trap_i_no_token_can_expire(line: Line) -> None:
    viewer, writer = await line.view(), line.begin()
    await writer.told("text")
    assert line.server_side is not None
    assert line.server_side.identity.expires is None
    # REST over plain HTTP needs a token; each read of the history makes its own.
    assert len(await line.on_engine(line.publisher.history(line.channel))) == len(line.stored())
    assert (await writer.finish()).whole
    await line.assert_shown(viewer, ["text"])


async def test_trap_j_refusal_without_a_reason_is_an_unknown_outcome(line: Line) -> None:
    viewer, writer = await line.view(), line.begin()
    await writer.told("before ")
    await writer.lost_on_the_way("in flight ", applied=True)
    # The frames before it: run-start, step-start, the message's opening, the first append.
    line.send_frame({"action": 2, "msgSerial": 4, "count": 1})
    await writer.told("after")
    assert (await writer.finish()).whole
    await line.assert_shown(viewer, ["before in flight after"])


async def test_trap_k_frame_for_a_forgotten_channel_disturbs_nothing(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    viewer, first = await line.view(), line.begin()
    await first.told("first")
    assert (await first.finish()).whole
    line.send_frame({"action": 15, "channel": line.channel, "messages": []})
    second = line.begin()
    await second.told("second")
    assert (await second.finish()).whole
    await line.assert_shown(viewer, ["first", "second"])
    assert len(line.connections) == 1
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_trap_l_who_gives_up_waiting_does_not_stop_a_publish(line: Line) -> None:
    viewer, writer = await line.view(), line.begin()
    await writer.told("before ")
    seen = Seen(is_append)
    line.server.faults.delay(seconds=0.2, match=seen)
    writer.say("delayed ")
    await line.server.wait_for(lambda _: seen.met)
    assert writer.finish().cancel()
    await line.assert_shown(viewer, ["before delayed "])
    assert len(line.connections) == 1


async def test_trap_l_cancelled_send_is_published_once_and_the_next_gets_its_own_serial(line: Line) -> None:
    operation = Publish((Message("plain", "text", {"headers": {}}),))

    async def cancel_one_and_send_another() -> tuple[str, ...]:
        connection = line._connect()
        await connection.open()
        first = asyncio.ensure_future(connection.send("plain", operation))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        first.cancel()
        serials = await connection.send("plain", operation)
        await connection.send("plain", Append(serials[0], operation.messages[0]))
        await connection.close()
        return serials

    line.server.faults.delay(seconds=0.2)
    serials = await line.on_engine(cancel_one_and_send_another())
    stored = line.server.messages("plain")
    assert [message["data"] for message in stored] == ["text", "texttext"]
    assert stored[1]["serial"] == serials[0]


async def test_trap_m_the_sdk_is_used_on_one_thread_whoever_streams(line: Line) -> None:
    viewer, writers = await line.view(), [line.begin() for _ in range(4)]
    for writer in writers:
        await writer.told("from ")

    def speak(number: int) -> None:
        for word in ("thread ", str(number)):
            writers[number].say(word)

    await asyncio.gather(*(asyncio.to_thread(speak, number) for number in range(4)))
    for writer in writers:
        assert (await writer.finish()).whole
    line.end_run()
    # Messages of concurrent steps stand in the order in which their first outputs came.
    view = await viewer.wait_for(lambda view: [run.status for run in view.runs] == ["complete"])
    assert sorted(view.texts) == [f"from thread {number}" for number in range(4)]
    line.assert_nothing_twice()
    (connection,) = line.connections
    assert connection.lost.get_loop() is engine().loop
    assert cast("Any", connection._client).options.loop is engine().loop


@pytest.mark.parametrize("applied", [True, False])
async def test_trap_n_acknowledgement_that_skips_one_is_not_believed(line: Line, *, applied: bool) -> None:
    viewer, left = await line.view(), line.begin()
    await left.told("left ")
    right = line.begin()
    await right.told("right ")
    await left.lost_on_the_way("skipped ", applied=applied)
    # Its ACK makes the SDK resolve the one before, with this one's serial.
    right.say("acknowledged ")
    await left.told("left")
    await right.told("right")
    assert (await left.finish()).whole
    assert (await right.finish()).whole
    await line.assert_shown(viewer, ["left skipped left", "right acknowledged right"])


async def test_trap_o_refused_connection_is_noticed_before_the_sdk_is_asked(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    async with line.server.faults.unreachable():
        writer = line.begin()
        writer.say("text")
        await line.connection_number(3)
        assert [connection._client for connection in line.connections[:2]] == [None, None]
    await writer.heard()
    assert (await writer.finish()).whole
    await line.assert_shown(await line.view(), ["text"])
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "check ABLY_ENDPOINT" in warnings[0]


async def test_trap_p_there_is_no_fallback_host_to_check_for(line: Line) -> None:
    viewer, writer = await line.view(), line.begin()
    await writer.told("text")
    (connection,) = line.connections
    assert connection._client is not None
    assert cast("Any", connection._client).options.get_fallback_hosts() == []
    assert (await writer.finish()).whole
    await line.assert_shown(viewer, ["text"])


async def test_trap_q_connection_state_of_the_server_is_not_needed(viewers: Viewers) -> None:
    async with (
        LocalServer(connection_state_ttl=timedelta(milliseconds=1)) as server,
        open_line(server, viewers, "trap") as line,
    ):
        writer = line.begin()
        await writer.told("before ")
        server.faults.cut(match=is_append)
        await writer.told("after")
        assert (await writer.finish()).whole
        await line.assert_shown(await line.view(), ["before after"])
        await viewers.close_all()


async def test_an_outage_leaves_no_task_of_the_sdk_behind(line: Line) -> None:
    writer = line.begin()
    await writer.told("before ")
    async with line.server.faults.unreachable():
        await line.connection_number(3)
    await writer.told("after")
    assert (await writer.finish()).whole
    await line.on_engine(line.publisher.drain(10.0))
    await line.on_engine(line.publisher.close_if_idle())
    assert await line.on_engine(_tasks_of(line.connections)) == []


async def _tasks_of(connections: list[RealtimeConnection]) -> list[str]:
    """Tasks on the engine's loop that belong to the SDK, once what is being cancelled is gone."""
    assert all(connection.lost.done() for connection in connections)
    own = asyncio.current_task()
    tasks = [task for task in asyncio.all_tasks() if task is not own and "ably/" in repr(task.get_coro())]
    if tasks:
        await asyncio.wait(tasks, timeout=5.0)
    return [repr(task) for task in tasks if not task.done()]
