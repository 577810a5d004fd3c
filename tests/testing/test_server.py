from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from temporal_ably._transport.base import Credentials
from temporal_ably._transport.realtime import RealtimeConnection
from temporal_ably._wire.operations import Message, Publish
from temporal_ably.errors import ChannelRuleError, PublishError
from temporal_ably.settings import AblySettings
from temporal_ably.testing.reading import UnknownChannelError
from temporal_ably.testing.server import ServerThread
from tests.testing.writing import Writer, end_run

if TYPE_CHECKING:
    from collections.abc import Iterator

TAGGED = Message("ai-run-start", None, {"headers": {"temporal-v": "1", "temporal-event": "run-start"}})
FOREIGN = Message("chat", "hello", {})


@pytest.fixture
def server() -> Iterator[ServerThread]:
    with ServerThread() as started:
        yield started


async def publish(server: ServerThread) -> None:
    connection = RealtimeConnection(Credentials(server.key, server.endpoint, tls=False, client_id="me"))
    try:
        await connection.open()
        await connection.send("ai:wf", Publish((FOREIGN, TAGGED)))
    finally:
        await connection.close()


def test_server_answers_a_test_without_an_event_loop(server: ServerThread) -> None:
    asyncio.run(publish(server))
    assert [each.event for each in server.envelopes("ai:wf")] == ["run-start"]
    assert server.envelopes("ai:other") == []


async def test_server_answers_a_test_with_one(server: ServerThread) -> None:
    await publish(server)
    assert [each.event for each in server.envelopes("ai:wf")] == ["run-start"]


async def test_it_is_an_async_context_manager_too() -> None:
    async with ServerThread() as server:
        await publish(server)
        assert [each.event for each in server.envelopes("ai:wf")] == ["run-start"]
    assert "ably-server" not in [thread.name for thread in threading.enumerate()]


async def test_session_and_transcript_are_those_of_a_recorder(server: ServerThread) -> None:
    connection = RealtimeConnection(Credentials(server.key, server.endpoint, tls=False, client_id="me"))
    try:
        await connection.open()
        zombie, successor = Writer(connection, "ai:wf"), Writer(connection, "ai:wf", 2)
        await successor.begin()
        await successor.say("Hello, ", "Ada!")
        await zombie.begin()
        await zombie.say("dead")
        await end_run(connection, "ai:wf")
    finally:
        await connection.close()
    assert server.session("ai:wf").text == "Hello, Ada!"
    assert server.transcript("ai:wf") == [
        "run run complete",
        "  step :0:1 answer",
        "    attempt 1 never ended, superseded by attempt 2 (a zombie)",
        '      text "dead" (streaming)',
        "    attempt 2 open",
        '      text "Hello, Ada!" (streaming)',
    ]
    # Nobody has marked the zombie.
    texts = [(each.superseded, each.text) for each in server.envelopes("ai:wf") if each.text]
    assert texts == [(False, "Hello, Ada!"), (True, "dead")]


async def test_unknown_channel_is_an_error_that_names_the_known_ones(server: ServerThread) -> None:
    with pytest.raises(UnknownChannelError, match="there is no channel yet"):
        server.session("ai:wf")
    await publish(server)
    for read in (server.session, server.transcript):
        with pytest.raises(UnknownChannelError, match=r"unable to find channel ai:typo; .* there is ai:wf$"):
            read("ai:typo")


async def test_faults_are_ordered_on_the_server_thread(server: ServerThread) -> None:
    server.run(lambda ably: ably.faults.refuse(code=93002))
    with pytest.raises(ChannelRuleError):
        await publish(server)


async def test_error_of_a_function_comes_out(server: ServerThread) -> None:
    with pytest.raises(ZeroDivisionError):
        server.run(lambda _: 1 // 0)


def test_environment_is_all_that_the_settings_need(server: ServerThread, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.environ.items():
        monkeypatch.setenv(name, value)
    settings = AblySettings()
    assert settings.api_key is not None
    assert (settings.api_key.get_secret_value(), settings.endpoint, settings.tls) == (
        server.key,
        server.endpoint,
        False,
    )


async def test_stopped_server_leaves_no_thread_and_no_port() -> None:
    with ServerThread() as server:
        await publish(server)
    assert "ably-server" not in [thread.name for thread in threading.enumerate()]
    with pytest.raises(PublishError, match="unable to connect"):
        await publish(server)
