"""One connection: the real SDK on the local server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from ably.types.message import Message as SdkMessage  # pyright: ignore[reportMissingTypeStubs] - it has none

from temporal_ably._transport.base import Credentials, Timeouts
from temporal_ably._transport.realtime import RealtimeConnection
from temporal_ably._wire.operations import Append, Message, Publish, Update
from temporal_ably.errors import (
    ChannelRuleError,
    ConnectionLostError,
    HistoryError,
    MessageTooLargeError,
    PublishError,
)
from temporal_ably.server import LocalServer
from tests.server.sdk import realtime

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from temporal_ably._transport.base import Stored

TEXT = Message("plain", "text", {"headers": {"tag": "1"}})


@pytest.fixture
async def server() -> AsyncGenerator[LocalServer]:
    async with LocalServer() as started:
        yield started


def connect(endpoint: str, key: str = "local.dev:for-development-only", **timeouts: float) -> RealtimeConnection:
    return RealtimeConnection(Credentials(key, endpoint, tls=False, client_id="me"), Timeouts(**timeouts))


@pytest.fixture
async def connection(server: LocalServer) -> AsyncGenerator[RealtimeConnection]:
    made = connect(server.endpoint)
    await made.open()
    yield made
    await made.close()


async def read(connection: RealtimeConnection, channel: str) -> list[Stored]:
    return [stored async for stored in connection.history(channel)]


# Operations.


async def test_each_message_of_a_publish_gets_its_serial(server: LocalServer, connection: RealtimeConnection) -> None:
    serials = await connection.send("channel", Publish((TEXT, TEXT)))
    assert list(serials) == [message["serial"] for message in server.messages("channel")]
    assert [message["clientId"] for message in server.messages("channel")] == ["me", "me"]


async def test_append_and_update_change_the_message(server: LocalServer, connection: RealtimeConnection) -> None:
    (serial,) = await connection.send("channel", Publish((TEXT,)))
    await connection.send("channel", Append(serial, Message("plain", "+", {"headers": {"tag": "2"}})))
    assert [(each["data"], each["extras"]) for each in server.messages("channel")] == [
        ("text+", {"headers": {"tag": "2"}})
    ]
    await connection.send("channel", Update(serial, TEXT))
    assert [(each["data"], each["extras"]) for each in server.messages("channel")] == [
        ("text", {"headers": {"tag": "1"}})
    ]


async def test_id_makes_a_create_idempotent(server: LocalServer, connection: RealtimeConnection) -> None:
    once = Publish((Message("plain", "text", {"headers": {}}, id="1"),))
    assert await connection.send("channel", once) == await connection.send("channel", once)
    assert len(server.messages("channel")) == 1


@pytest.mark.parametrize(
    ("code", "kind", "retryable", "said"),
    [
        (93002, ChannelRuleError, False, "'Message annotations, updates, deletes and appends'"),
        (40009, MessageTooLargeError, False, "smaller parts"),
        (40160, PublishError, False, "message-update-own"),
        (40112, PublishError, False, "the Ably account"),
        (42911, PublishError, True, "42911"),
        (40000, PublishError, True, "40000"),
    ],
)
async def test_refusal_tells_whether_time_mends_it_and_what_does(
    server: LocalServer, connection: RealtimeConnection, code: int, kind: type, said: str, *, retryable: bool
) -> None:
    server.faults.refuse(code=code, status=400)
    with pytest.raises(PublishError) as caught:
        await connection.send("channel", Publish((TEXT,)))
    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.retryable, caught.value.channel) == (code, retryable, "channel")
    assert said in str(caught.value)
    assert not connection.lost.done()


async def test_refusal_by_a_failing_server_is_an_unknown_outcome(
    server: LocalServer, connection: RealtimeConnection
) -> None:
    server.faults.refuse(code=50000, status=500)
    with pytest.raises(ConnectionLostError):
        await connection.send("channel", Publish((TEXT,)))
    assert connection.lost.done()


async def test_missing_acknowledgement_is_an_unknown_outcome(server: LocalServer) -> None:
    connection = connect(server.endpoint, operation_s=0.2)
    await connection.open()
    server.faults.ignore()
    with pytest.raises(ConnectionLostError):
        await connection.send("channel", Publish((TEXT,)))
    assert connection.lost.done()
    await connection.close()


async def test_broken_socket_ends_what_is_in_flight_and_what_comes_after(
    server: LocalServer, connection: RealtimeConnection
) -> None:
    server.faults.ignore()
    in_flight = asyncio.ensure_future(connection.send("channel", Publish((TEXT,))))
    await server.wait_for(lambda _: not server._hub.faults._waiting)
    server.faults.drop_connections()
    with pytest.raises(ConnectionLostError):
        await in_flight
    with pytest.raises(ConnectionLostError):
        await connection.send("channel", Publish((TEXT,)))


# Opening and closing.


async def test_closed_port_is_noticed_at_once_and_names_the_setting() -> None:
    connection = connect("127.0.0.1:1")
    with pytest.raises(ConnectionLostError, match="ABLY_ENDPOINT"):
        await connection.open()
    await connection.close()


async def test_silent_server_is_given_up(server: LocalServer) -> None:
    connection = connect(server.endpoint, connect_s=0.2)
    async with server.faults.silent():
        with pytest.raises(ConnectionLostError, match="no answer"):
            await connection.open()
        await connection.close()


async def test_wrong_key_is_not_tried_again(server: LocalServer) -> None:
    connection = connect(server.endpoint, "local.dev:wrong")
    with pytest.raises(PublishError, match="check ABLY_API_KEY") as caught:
        await connection.open()
    assert not caught.value.retryable
    assert 40100 <= caught.value.code < 40200
    await connection.close()


async def test_what_the_sdk_raises_on_opening_is_a_lost_connection(server: LocalServer) -> None:
    connection = connect(server.endpoint, "no-key-at-all")
    with pytest.raises(ConnectionLostError):
        await connection.open()
    await connection.close()


@pytest.mark.parametrize(("code", "retryable"), [(80000, True), (42921, True), (40131, False)])
async def test_fatal_error_later_on_says_whether_the_credentials_are_at_fault(
    server: LocalServer, connection: RealtimeConnection, code: int, *, retryable: bool
) -> None:
    server.faults.connection_error(code=code, status=401)
    lost = await asyncio.wait_for(asyncio.shield(connection.lost), 10)
    assert lost.retryable == retryable


async def test_closing_twice_and_before_opening_is_harmless(server: LocalServer) -> None:
    connection = connect(server.endpoint)
    await connection.close()
    await connection.close()
    assert connection.lost.done()
    assert server.connections_total == 0


async def test_nothing_reconnects_after_close(server: LocalServer) -> None:
    connection = connect(server.endpoint)
    await connection.open()
    server.faults.drop_connections()
    await asyncio.wait({connection.lost})
    await connection.close()
    await server.wait_for(lambda _: server.connection_count == 0)
    assert [task for task in asyncio.all_tasks() if "ConnectionManager" in repr(task)] == []


async def test_own_messages_do_not_come_back_and_nothing_is_attached(
    server: LocalServer, connection: RealtimeConnection
) -> None:
    await connection.send("channel", Publish((TEXT,)))
    assert not server._hub.attachments_of("channel")
    (accepted,) = server._hub.connections
    assert accepted.params["echo"] == "false"
    assert accepted.params["appendRollupWindow"] == "0"


async def test_released_channel_can_be_used_again(server: LocalServer, connection: RealtimeConnection) -> None:
    await connection.send("channel", Publish((TEXT,)))
    connection.release("channel")
    connection.release("never used")
    await connection.send("channel", Publish((TEXT,)))
    assert len(server.messages("channel")) == 2


# History.


async def test_history_is_newest_first_over_all_pages_without_a_connection(
    server: LocalServer, connection: RealtimeConnection
) -> None:
    for number in range(11):
        messages = [Message("plain", f"{number}-{each}", {"headers": {"tag": "1"}}) for each in range(100)]
        await connection.send("channel", Publish(tuple(messages)))
    stored = await read(connect(server.endpoint), "channel")
    assert [each.serial for each in stored] == [each["serial"] for each in reversed(server.messages("channel"))]
    assert (stored[0].name, stored[0].data, stored[0].extras) == ("plain", "10-99", {"headers": {"tag": "1"}})
    assert server.connections_total == 1


async def test_history_tells_what_was_deleted(server: LocalServer, connection: RealtimeConnection) -> None:
    (serial, _) = await connection.send("channel", Publish((TEXT, TEXT)))
    async with realtime(server, client_id="me") as client:
        await client.channels.get("channel").delete_message(SdkMessage(serial=serial))
    assert [each.action for each in await read(connection, "channel")] == ["create", "delete"]


@pytest.mark.parametrize("endpoint", ["127.0.0.1:1", None])
async def test_unreadable_history_is_one_error(server: LocalServer, endpoint: str | None) -> None:
    key = "local.dev:wrong" if endpoint is None else "local.dev:for-development-only"
    with pytest.raises(HistoryError, match="unable to read the history of channel"):
        await read(connect(endpoint or server.endpoint, key), "channel")
