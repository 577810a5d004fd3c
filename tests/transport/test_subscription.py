"""Listening on one connection: the real SDK on the local server. What all connections have stands in tests/contract."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest
from ably.types.message import Message as SdkMessage  # pyright: ignore[reportMissingTypeStubs] - it has none

from temporal_ably._transport.base import Credentials, Stored, Timeouts
from temporal_ably._transport.realtime import RealtimeConnection
from temporal_ably._wire.operations import Message, Publish
from temporal_ably.errors import ConnectionLostError, PublishError
from temporal_ably.server import LocalServer
from temporal_ably.server.limits import Limits
from tests.server.sdk import realtime

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from temporal_ably.server.wire import Wire

CHANNEL = "ai:wf"
WAIT_S = 20
TEXT = Publish((Message("plain", "text", {"headers": {"tag": "1"}}),))


class Inbox:
    def __init__(self) -> None:
        self.messages: list[Stored] = []
        self.gaps = 0
        self._changed = asyncio.Event()

    def take(self, message: Stored) -> None:
        self.messages.append(message)
        self._changed.set()

    def note_gap(self) -> None:
        self.gaps += 1
        self._changed.set()

    async def wait(self, messages: int = 0, gaps: int = 0) -> None:
        while len(self.messages) < messages or self.gaps < gaps:
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), WAIT_S)


@pytest.fixture
async def server() -> AsyncGenerator[LocalServer]:
    async with LocalServer() as started:
        yield started


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


async def opened(
    server: LocalServer, capability: dict[str, list[str]] | None = None, operation_s: float = 10.0
) -> RealtimeConnection:
    async def token(_: object) -> str:
        return server.token("me", capability)

    credentials = Credentials(
        server.key, server.endpoint, tls=False, client_id="me", auth_callback=token if capability else None
    )
    connection = RealtimeConnection(credentials, Timeouts(operation_s=operation_s))
    await connection.open()
    return connection


@pytest.fixture
async def connection(server: LocalServer) -> AsyncGenerator[RealtimeConnection]:
    made = await opened(server)
    yield made
    await made.close()


# Refusals.


@pytest.mark.parametrize(
    "capability",
    [
        pytest.param({"*": ["publish", "history"]}, id="attached without the mode"),
        pytest.param({"other": ["*"], "ai:*": ["history"]}, id="not attached"),
    ],
)
async def test_missing_capability_is_named(server: LocalServer, inbox: Inbox, capability: dict[str, list[str]]) -> None:
    connection = await opened(server, capability)
    for _ in range(2):
        with pytest.raises(PublishError, match="give the key or token the capability subscribe") as caught:
            await connection.subscribe(CHANNEL, inbox.take, inbox.note_gap)
        assert (caught.value.code, caught.value.retryable, caught.value.channel) == (40160, False, CHANNEL)
    assert not connection.lost.done()
    await connection.close()


async def test_refused_subscription_does_not_keep_a_channel_from_being_published_to(
    server: LocalServer, inbox: Inbox
) -> None:
    connection = await opened(server, {"*": ["publish", "history"]})
    for expected in range(1, 4):
        with pytest.raises(PublishError):
            await connection.subscribe(CHANNEL, inbox.take, inbox.note_gap)
        await connection.send(CHANNEL, TEXT)
        assert len(server.messages(CHANNEL)) == expected
    await connection.close()


async def test_full_connection_refuses_for_now_and_goes_on_publishing(inbox: Inbox) -> None:
    async with LocalServer(limits=Limits(channels_per_connection=1)) as server:
        connection = await opened(server)
        await connection.subscribe("ai:first", inbox.take, inbox.note_gap)
        with pytest.raises(PublishError) as caught:
            await connection.subscribe(CHANNEL, inbox.take, inbox.note_gap)
        assert (caught.value.code, caught.value.retryable) == (90010, True)
        await connection.send(CHANNEL, TEXT)
        await connection.close()


async def test_reader_needs_no_capability_to_publish(server: LocalServer, connection: RealtimeConnection) -> None:
    inbox, reader = Inbox(), await opened(server, {"*": ["subscribe", "history"]})
    await reader.subscribe(CHANNEL, inbox.take, inbox.note_gap)
    await connection.send(CHANNEL, TEXT)
    await inbox.wait(1)
    await reader.close()


async def test_unanswered_attachment_is_a_lost_connection(server: LocalServer, inbox: Inbox) -> None:
    connection = await opened(server, operation_s=0.2)
    async with server.faults.silent():
        with pytest.raises(ConnectionLostError):
            await connection.subscribe(CHANNEL, inbox.take, inbox.note_gap)
    assert connection.lost.done()
    await connection.close()


# Gaps and ends.


async def test_attachment_that_is_renewed_without_a_gap_tells_of_none(
    server: LocalServer, connection: RealtimeConnection, inbox: Inbox
) -> None:
    await connection.subscribe(CHANNEL, inbox.take, inbox.note_gap)
    attached = 11
    renewed: Wire = {"action": attached, "channel": CHANNEL, "flags": (1 << 18) | (1 << 2), "channelSerial": "1"}
    await tell(server, renewed)
    await connection.send("ai:other", TEXT)
    await publish_elsewhere(server)
    await inbox.wait(messages=1)
    assert inbox.gaps == 0


async def test_attachment_that_is_renewed_with_a_gap_tells_of_it_and_goes_on(
    server: LocalServer, connection: RealtimeConnection, inbox: Inbox
) -> None:
    # As Ably does where it had to drop messages, because they came too fast.
    await connection.subscribe(CHANNEL, inbox.take, inbox.note_gap)
    error = {"code": 80020, "statusCode": 400, "message": "continuity lost"}
    await tell(server, {"action": 11, "channel": CHANNEL, "flags": 1 << 18, "channelSerial": "1", "error": error})
    await inbox.wait(gaps=1)
    await publish_elsewhere(server)
    await inbox.wait(messages=1)
    assert not connection.lost.done()


async def test_channel_that_ably_detaches_is_attached_again(
    server: LocalServer, connection: RealtimeConnection, inbox: Inbox
) -> None:
    await connection.subscribe(CHANNEL, inbox.take, inbox.note_gap)
    server.faults.lose_continuity(CHANNEL)
    (accepted,) = server._hub.connections
    accepted._drop(CHANNEL)
    await tell(server, {"action": 13, "channel": CHANNEL})
    await inbox.wait(gaps=1)
    await publish_elsewhere(server)
    await inbox.wait(messages=1)


async def test_token_that_is_renewed_makes_no_gap(server: LocalServer, inbox: Inbox) -> None:
    connection = await opened(server, {"*": ["*"]})
    await connection.subscribe(CHANNEL, inbox.take, inbox.note_gap)
    (accepted,) = server._hub.connections
    before = accepted.attachments[CHANNEL]
    await tell(server, {"action": 17})
    await server.wait_for(lambda _: accepted.attachments.get(CHANNEL) is not before)
    await publish_elsewhere(server)
    await inbox.wait(messages=1)
    assert inbox.gaps == 0
    assert not connection.lost.done()
    await connection.close()


async def test_channel_that_fails_is_a_lost_connection(
    server: LocalServer, connection: RealtimeConnection, inbox: Inbox
) -> None:
    await connection.subscribe(CHANNEL, inbox.take, inbox.note_gap)
    server.faults.channel_error(CHANNEL)
    lost = await asyncio.wait_for(asyncio.shield(connection.lost), WAIT_S)
    assert isinstance(lost, ConnectionLostError)
    assert "90000" in str(lost)


async def test_failed_channel_that_is_not_listened_to_any_more_costs_nothing(
    server: LocalServer, connection: RealtimeConnection, inbox: Inbox
) -> None:
    await connection.subscribe(CHANNEL, inbox.take, inbox.note_gap)
    connection.unsubscribe(CHANNEL)
    server.faults.channel_error(CHANNEL)
    await connection.send(CHANNEL, TEXT)
    assert not connection.lost.done()


# The SDK's traps.


async def test_nothing_is_logged_and_nothing_attached_after_a_release(
    server: LocalServer, connection: RealtimeConnection, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        await connection.subscribe(CHANNEL, inbox.take, inbox.note_gap)
        connection.release(CHANNEL)
        await publish_elsewhere(server)
        await server.wait_for(lambda _: not server._hub.attachments_of(CHANNEL))
        await publish_elsewhere(server)
        await connection.send(CHANNEL, TEXT)
    assert caplog.records == []
    assert inbox.messages == []


@pytest.mark.parametrize("turns", range(6))
async def test_unsubscribing_while_it_attaches_ends_it_without_an_error(
    server: LocalServer, connection: RealtimeConnection, inbox: Inbox, turns: int
) -> None:
    async with server.faults.silent():
        subscribing = asyncio.ensure_future(connection.subscribe(CHANNEL, inbox.take, inbox.note_gap))
        for _ in range(turns):
            await asyncio.sleep(0)
        connection.unsubscribe(CHANNEL)
    await asyncio.wait_for(subscribing, WAIT_S)
    connection.unsubscribe(CHANNEL)
    await connection.subscribe(CHANNEL, inbox.take, inbox.note_gap)
    await publish_elsewhere(server)
    await inbox.wait(messages=1)


@pytest.mark.parametrize("turns", range(6))
async def test_closing_while_it_attaches_leaves_nothing_behind(server: LocalServer, inbox: Inbox, turns: int) -> None:
    connection = await opened(server)
    before = asyncio.all_tasks()
    async with server.faults.silent():
        subscribing = asyncio.ensure_future(connection.subscribe(CHANNEL, inbox.take, inbox.note_gap))
        for _ in range(turns):
            await asyncio.sleep(0)
        await connection.close()
        with pytest.raises(ConnectionLostError):
            await subscribing
    await server.wait_for(lambda _: server.connection_count == 0)
    assert [task for task in asyncio.all_tasks() - before if "attach" in repr(task)] == []


async def test_deleted_message_is_delivered_as_such(
    server: LocalServer, connection: RealtimeConnection, inbox: Inbox
) -> None:
    (serial,) = await connection.send(CHANNEL, TEXT)
    await connection.subscribe(CHANNEL, inbox.take, inbox.note_gap)
    async with realtime(server, client_id="me") as client:
        await client.channels.get(CHANNEL).delete_message(SdkMessage(serial=serial))
    await inbox.wait(messages=1)
    assert [(each.serial, each.action) for each in inbox.messages] == [(serial, "delete")]


async def tell(server: LocalServer, frame: Wire) -> None:
    """Send a frame to the one client."""
    (accepted,) = server._hub.connections
    accepted.send(frame)
    server.faults._shell.pump()


async def publish_elsewhere(server: LocalServer) -> None:
    connection = await opened(server)
    await connection.send(CHANNEL, TEXT)
    await connection.close()
