"""``SessionReader`` and ``read_session`` on the local server by the real SDK, and on the recorder."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from temporal_ably._publisher.engine import engine
from temporal_ably._transport.base import Credentials
from temporal_ably._transport.realtime import RealtimeConnection
from temporal_ably._wire.operations import Message, Publish
from temporal_ably.errors import ConnectionLostError, HistoryError, PublishError, SettingsError, StreamClosedError
from temporal_ably.reader import SessionReader, read_session
from temporal_ably.server import LocalServer
from temporal_ably.testing import AblyRecorder
from tests.testing.writing import Writer, connected, end_run

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from temporal_ably._session.model import Session
    from temporal_ably.testing import ServerThread

CHANNEL = "ai:chat-42"
WAIT_S = 60


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[LocalServer]:
    async with LocalServer() as started:
        monkeypatch.setenv("ABLY_API_KEY", started.key)
        monkeypatch.setenv("ABLY_ENDPOINT", started.endpoint)
        monkeypatch.setenv("ABLY_TLS", "0")
        yield started


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("temporal_ably._transport.backoff._PAUSES_S", (0.01,))


@asynccontextmanager
async def agent(server: LocalServer, client_id: str = "agent") -> AsyncGenerator[RealtimeConnection]:
    connection = RealtimeConnection(Credentials(server.key, server.endpoint, tls=False, client_id=client_id))
    await connection.open()
    yield connection
    await connection.close()


def drop_readers(server: LocalServer) -> None:
    server.faults.drop_connections(lambda about: about["clientId"] != "agent")


def has_text(text: str) -> Callable[[Session], bool]:
    return lambda session: session.text == text


async def within(work: Any) -> Any:
    return await asyncio.wait_for(work, WAIT_S)


# Reading.


async def test_open_reader_has_the_history_and_then_what_comes(server: LocalServer) -> None:
    async with agent(server) as connection:
        writer = Writer(connection, CHANNEL)
        await writer.begin()
        await writer.say("Hel", "lo")
        async with SessionReader(CHANNEL) as reader:
            assert reader.session.text == "Hello"
            assert reader.live
            await writer.say(", Ada!")
            await within(reader.until(has_text("Hello, Ada!")))
            await writer.end()
            await end_run(connection, CHANNEL)
            session = await within(reader.until(lambda session: session.runs[0].ended == "complete"))
        assert session == reader.session == await read_session(CHANNEL)
        assert not reader.live
    await server.wait_for(lambda _: server.connection_count == 0)


async def test_channel_without_a_session_is_an_empty_one(server: LocalServer) -> None:
    async with agent(server) as connection, SessionReader(CHANNEL) as reader:
        assert reader.session.runs == ()
        await connection.send(CHANNEL, Publish((Message("news", "nothing of a session", {}),)))
        await Writer(connection, CHANNEL).begin()
        await within(reader.until(lambda session: session.runs != ()))


async def test_changes_begin_with_the_session_as_it_stands_and_end_with_the_reader(server: LocalServer) -> None:
    async with agent(server) as connection:
        writer = Writer(connection, CHANNEL)
        await writer.begin()
        seen: list[str] = []

        async def watch(reader: SessionReader) -> None:
            async for session in reader.changes():
                seen.append(session.text)
                if len(seen) == 1:
                    await writer.say("a")

        async with SessionReader(CHANNEL) as reader:
            watching = asyncio.ensure_future(watch(reader))
            await within(reader.until(has_text("a")))
        await within(watching)
    assert (seen[0], seen[-1]) == ("", "a")


async def test_who_is_slow_gets_the_newest_session_and_no_backlog(server: LocalServer) -> None:
    words = [f"{number} " for number in range(100)]
    async with agent(server) as connection, SessionReader(CHANNEL) as reader:
        changes = reader.changes()
        await within(anext(changes))
        writer = Writer(connection, CHANNEL)
        await writer.begin()
        await writer.say(*words)
        await within(reader.until(has_text("".join(words))))
        assert (await within(anext(changes))).text == "".join(words)
        await changes.aclose()


async def test_several_may_wait_on_one_reader(server: LocalServer) -> None:
    async with agent(server) as connection, SessionReader(CHANNEL) as reader:
        waiting = [asyncio.ensure_future(reader.until(has_text(text))) for text in ("a", "ab", "ab")]
        writer = Writer(connection, CHANNEL)
        await writer.begin()
        await writer.say("a")
        await within(waiting[0])
        await writer.say("b")
        for each in waiting:
            await within(each)


async def test_waiting_can_be_given_up(server: LocalServer) -> None:
    async with SessionReader(CHANNEL) as reader:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(reader.until(has_text("never")), 0.01)
        assert reader.session.text == ""


def test_busy_loop_of_the_user_costs_nothing(ably_server: ServerThread) -> None:
    """The reader's own loop stands still; another thread reads on."""

    def write_and_read(reader: SessionReader) -> None:
        asyncio.run(_write_many(ably_server))
        deadline = time.monotonic() + WAIT_S
        while reader.session.text != "x" * 200:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    async def main() -> None:
        async with SessionReader(CHANNEL, api_key=ably_server.key, endpoint=ably_server.endpoint, tls=False) as reader:
            thread = threading.Thread(target=write_and_read, args=(reader,))
            thread.start()
            thread.join(WAIT_S)
            await within(reader.until(has_text("x" * 200)))

    asyncio.run(main())


async def _write_many(ably_server: ServerThread) -> None:
    connection = RealtimeConnection(Credentials(ably_server.key, ably_server.endpoint, tls=False, client_id="agent"))
    await connection.open()
    writer = Writer(connection, CHANNEL)
    await writer.begin()
    await writer.say(*["x"] * 200)
    await connection.close()


# The network.


async def test_cut_in_the_middle_of_a_stream_costs_no_character(server: LocalServer) -> None:
    words = [f"{number} " for number in range(200)]
    async with agent(server) as connection, SessionReader(CHANNEL) as reader:
        writer = Writer(connection, CHANNEL)
        await writer.begin()
        saying = asyncio.ensure_future(writer.say(*words))
        for number in (10, 60, 110, 160):
            await within(reader.until(lambda session, number=number: f" {number} " in session.text))
            drop_readers(server)
        await saying
        session = await within(reader.until(has_text("".join(words))))
        assert session == await read_session(CHANNEL)


@pytest.mark.parametrize("fault", ["lose continuity", "refuse the resume"])
async def test_what_ably_does_not_replay_is_read_from_history(server: LocalServer, fault: str) -> None:
    async with agent(server) as connection, SessionReader(CHANNEL) as reader:
        writer = Writer(connection, CHANNEL)
        await writer.begin()
        await writer.say("before ")
        await within(reader.until(has_text("before ")))
        if fault == "lose continuity":
            server.faults.lose_continuity(CHANNEL)
        else:
            server.faults.refuse_resume()
        drop_readers(server)
        await writer.say("meanwhile ", "and ", "after")
        await within(reader.until(has_text("before meanwhile and after")))


async def test_reader_that_is_out_of_reach_says_so_keeps_what_it_has_and_comes_back(server: LocalServer) -> None:
    async with agent(server) as connection:
        writer = Writer(connection, CHANNEL)
        await writer.begin()
        await writer.say("a")
        async with SessionReader(CHANNEL) as reader:
            async with server.faults.unreachable():
                await within(reader.until(lambda _: not reader.live))
                assert reader.session.text == "a"
            await within(reader.until(lambda _: reader.live))
            async with agent(server) as again:
                writer = Writer(again, CHANNEL, 2)
                await writer.begin()
                await writer.say("b")
            await within(reader.until(has_text("b")))


async def test_what_was_missed_shows_all_at_once(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """History comes newest first; the end of a run is never shown without what came before it."""
    gate, genuine = threading.Event(), RealtimeConnection.open

    async def gated(connection: RealtimeConnection) -> None:
        await asyncio.to_thread(gate.wait, WAIT_S)
        await genuine(connection)

    words = [f"{number} " for number in range(50)]
    async with agent(server) as connection, SessionReader(CHANNEL) as reader:
        monkeypatch.setattr(RealtimeConnection, "open", gated)
        monkeypatch.setattr("temporal_ably._transport.feed._BATCH", 1)
        drop_readers(server)
        await within(reader.until(lambda _: not reader.live))
        writer = Writer(connection, CHANNEL)
        await writer.begin()
        await writer.say(*words)
        await writer.end()
        await end_run(connection, CHANNEL)
        gate.set()
        seen: list[str] = []
        async for session in reader.changes():
            seen += [f"{run.text}{run.ended}" for run in session.runs]
            if seen:
                break
    assert seen == ["".join(words) + "complete"]


# Whom it believes.


async def test_agent_output_of_another_client_is_left_out_where_the_agent_is_known(server: LocalServer) -> None:
    async with agent(server) as connection, agent(server, "mallory") as forger:
        genuine, forged = Writer(connection, CHANNEL), Writer(forger, CHANNEL, 2)
        await genuine.begin()
        await genuine.say("true")
        async with SessionReader(CHANNEL, agent_client_id="agent") as reader, SessionReader(CHANNEL) as trusting:
            await forged.begin()
            await forged.say("forged")
            await within(trusting.until(has_text("forged")))
            await genuine.say(" indeed")
            session = await within(reader.until(has_text("true indeed")))
        assert [len(step.attempts) for step in session.runs[0].steps] == [1]
        assert (await read_session(CHANNEL, agent_client_id="agent")).text == "true indeed"
        assert (await read_session(CHANNEL)).text == "forged"


# What goes wrong.


async def test_reading_without_a_key_is_told_at_once() -> None:
    with pytest.raises(SettingsError, match="ABLY_API_KEY is not set"):
        SessionReader(CHANNEL)
    with pytest.raises(SettingsError, match="ABLY_API_KEY is not set"):
        await read_session(CHANNEL)


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ({"colour": "red"}, "there is no such setting"),
        ({"auth_callback": "token"}, "it is str; pass a function"),
        ({"recorder": AblyRecorder}, "pass AblyRecorder"),
    ],
)
def test_wrong_argument_is_told_at_once(argument: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        SessionReader(CHANNEL, **argument)


async def test_ably_out_of_reach_is_told_on_opening(server: LocalServer) -> None:
    await server.stop_listening()
    with pytest.raises(ConnectionLostError, match="ABLY_ENDPOINT"):
        async with SessionReader(CHANNEL):
            pass
    with pytest.raises(HistoryError):
        await read_session(CHANNEL)


@pytest.mark.parametrize(
    ("operations", "error", "said"),
    [(["history"], PublishError, "capability subscribe"), (["subscribe"], HistoryError, "history capability")],
)
async def test_missing_capability_is_told_on_opening(
    server: LocalServer, operations: list[str], error: type[Exception], said: str
) -> None:
    async def token(_: object) -> str:
        return server.token("temporal-ably", {"*": operations})

    with pytest.raises(error, match=said):
        async with SessionReader(CHANNEL, auth_callback=token):
            pass
    await server.wait_for(lambda _: server.connection_count == 0)


async def test_capability_that_is_taken_away_ends_waiting_and_leaves_what_was_read(server: LocalServer) -> None:
    operations = ["subscribe", "history"]

    async def token(_: object) -> str:
        return server.token("temporal-ably", {"*": operations})

    async with agent(server) as connection, SessionReader(CHANNEL, auth_callback=token) as reader:
        writer = Writer(connection, CHANNEL)
        await writer.begin()
        await writer.say("a")
        await within(reader.until(has_text("a")))
        operations.remove("subscribe")
        drop_readers(server)
        for _ in range(2):
            with pytest.raises(PublishError, match="capability subscribe"):
                await within(reader.until(has_text("never")))
        assert reader.session.text == "a"


async def test_reader_is_opened_once_and_before_it_is_used(server: LocalServer) -> None:
    reader = SessionReader(CHANNEL)
    assert reader.session.runs == ()
    assert not reader.live
    with pytest.raises(StreamClosedError, match="async with"):
        await reader.until(has_text(""))
    async with reader:
        waiting = asyncio.ensure_future(reader.until(has_text("never")))
        await asyncio.sleep(0)
        with pytest.raises(StreamClosedError, match="make a new one"):
            await reader.__aenter__()
    with pytest.raises(StreamClosedError, match="was closed"):
        await within(waiting)
    with pytest.raises(StreamClosedError, match="make a new one"):
        await reader.__aenter__()


async def test_opening_that_is_cancelled_leaves_no_connection(server: LocalServer) -> None:
    for turns in (0, 1, 3, 10, 30):
        opening = asyncio.ensure_future(SessionReader(CHANNEL).__aenter__())
        for _ in range(turns):
            await asyncio.sleep(0)
        opening.cancel()
        await asyncio.wait({opening})
        if not opening.cancelled():
            await opening.result().__aexit__(None, None, None)
    await server.wait_for(lambda _: server.connection_count == 0)


def test_reader_whose_loop_has_gone_makes_no_noise(ably_server: ServerThread, caplog: pytest.LogCaptureFixture) -> None:
    reader = SessionReader(CHANNEL, api_key=ably_server.key, endpoint=ably_server.endpoint, tls=False)
    asyncio.run(reader.__aenter__())
    with caplog.at_level(logging.WARNING):
        asyncio.run(_write_many(ably_server))
        deadline = time.monotonic() + WAIT_S
        while reader.session.text != "x" * 200:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert [record for record in caplog.records if record.name == "temporal_ably"] == []
    engine().submit(reader._stop()).result(WAIT_S)
    gc.collect()


# Tests of users.


async def test_recorder_can_be_read_as_ably_can() -> None:
    async with AblyRecorder() as recorder:
        connection = await connected(recorder)
        writer = Writer(connection, CHANNEL)
        await writer.begin()
        await writer.say("a")
        async with SessionReader(CHANNEL, recorder=recorder, agent_client_id="agent") as reader:
            assert reader.session.text == "a"
            await writer.say("b")
            await within(reader.until(has_text("ab")))
            async with recorder.away():
                await within(reader.until(lambda _: not reader.live))
            await within(reader.until(lambda _: reader.live))
        assert await read_session(CHANNEL, recorder=recorder) == recorder.session(CHANNEL)
