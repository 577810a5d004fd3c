"""The server over real sockets, driven by the real and unpatched `ably` SDK."""

from __future__ import annotations

import asyncio
import base64
import io
import socket
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

import aiohttp
import pytest

from temporal_ably.server import DEVELOPMENT_KEY, LocalServer
from temporal_ably.server.wire import Action, as_wire, decode
from tests.server.sdk import (
    TIMEOUT_S,
    AblyException,
    all_pages,
    append,
    error_of,
    publish,
    reached,
    realtime,
    rest,
    subscribe,
    unconnected,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from temporal_ably.server.wire import Wire

BOTH_FORMATS = pytest.mark.parametrize("binary", [True, False], ids=["msgpack", "json"])


@pytest.fixture
async def server() -> AsyncIterator[LocalServer]:
    async with LocalServer(rollup_ms=0) as running:
        yield running


def is_append(message: Wire) -> bool:
    return message.get("action") == 5


def data_of(server: LocalServer, channel: str = "ai:wf") -> list[object]:
    return [message.get("data") for message in server.messages(channel)]


async def soon(server: LocalServer, data: list[object], channel: str = "ai:wf") -> None:
    """Wait until the stored messages of a channel have this data."""
    await asyncio.wait_for(server.wait_for(lambda _: data_of(server, channel) == data), TIMEOUT_S)


class TestPublishing:
    @BOTH_FORMATS
    async def test_a_subscriber_gets_creates_appends_and_updates(self, server: LocalServer, *, binary: bool) -> None:
        async with realtime(server, binary=binary) as writer, realtime(server, binary=binary) as reader:
            inbox = await subscribe(reader.channels.get("ai:wf"))
            channel = writer.channels.get("ai:wf")
            serial = await publish(channel, "Hel", "ai-output")
            version = await append(channel, serial, "lo")
            assert await inbox.take(2) == [(0, "Hel"), (5, "lo")]
            assert version is not None
            assert version > serial
        assert data_of(server) == ["Hello"]
        assert [operation["data"] for operation in server.operations("ai:wf")] == ["Hel", "lo"]

    @BOTH_FORMATS
    async def test_every_kind_of_data_arrives_as_it_was(self, server: LocalServer, *, binary: bool) -> None:
        data: list[object] = ["text", bytearray(b"\0\xff"), {"a": [1, None, "\u20ac"]}, None]
        async with realtime(server, binary=binary) as writer, realtime(server, binary=not binary) as reader:
            inbox = await subscribe(reader.channels.get("ai:wf"))
            for each in data:
                await publish(writer.channels.get("ai:wf"), each)
            assert [received for _, received in await inbox.take(len(data))] == data

    async def test_the_first_append_after_attach_arrives_in_full(self, server: LocalServer) -> None:
        async with realtime(server) as writer, realtime(server) as reader:
            channel = writer.channels.get("ai:wf")
            serial = await publish(channel, "Hel", "n")
            inbox = await subscribe(reader.channels.get("ai:wf"))
            await append(channel, serial, "lo", extras={"headers": {"a": "1"}})
            await append(channel, serial, "!")
            full, delta = await inbox.wait(2)
        assert [(int(message.action), message.data) for message in (full, delta)] == [(1, "Hello"), (5, "!")]
        assert {(message.name, message.extras["headers"]["a"]) for message in (full, delta)} == {("n", "1")}

    async def test_many_appends_at_once_keep_their_order(self, server: LocalServer) -> None:
        async with realtime(server) as writer:
            channel = writer.channels.get("ai:wf")
            serial = await publish(channel, "")
            chunks = [f"{n}," for n in range(300)]
            versions = await asyncio.gather(*(append(channel, serial, chunk) for chunk in chunks))
        assert data_of(server) == ["".join(chunks)]
        assert len(set(versions)) == len(chunks)
        assert versions == sorted(version or "" for version in versions)

    async def test_without_the_namespace_rule_appends_are_refused(self) -> None:
        async with LocalServer(mutable_messages=False) as server, realtime(server) as writer:
            channel = writer.channels.get("ai:wf")
            serial = await publish(channel, "a")
            with pytest.raises(AblyException) as caught:
                await append(channel, serial, "b")
            assert error_of(caught) == (93002, 400)

    async def test_rollup_joins_appends_and_acknowledges_each(self) -> None:
        async with LocalServer() as server, realtime(server) as writer:
            channel = writer.channels.get("ai:wf")
            serial = await publish(channel, "")
            await asyncio.gather(*(append(channel, serial, chunk) for chunk in "abcdef"))
            sent = [operation["data"] for operation in server.operations("ai:wf")]
            assert "".join(map(str, sent)) == "abcdef"
            assert len(sent) < 7

    async def test_echo_off_by_transport_parameter(self, server: LocalServer) -> None:
        async with realtime(server, transport_params={"echo": "false"}) as client, realtime(server) as other:
            inbox = await subscribe(client.channels.get("ai:wf"))
            await publish(client.channels.get("ai:wf"), "own")
            await publish(other.channels.get("ai:wf"), "other's")
            assert await inbox.take(1) == [(0, "other's")]

    async def test_channels_are_those_that_something_was_published_to(self, server: LocalServer) -> None:
        assert server.channels == []
        async with realtime(server) as client:
            await client.channels.get("ai:silent").attach()
            for channel in ("ai:b", "ai:a"):
                await publish(client.channels.get(channel), "x")
        assert server.channels == ["ai:b", "ai:a"]


class TestRest:
    @BOTH_FORMATS
    async def test_history_pages_in_both_directions(self, server: LocalServer, *, binary: bool) -> None:
        async with rest(server, binary=binary) as client:
            channel = client.channels.get("ai:w f+x/y")
            for data in "abcde":
                await channel.publish("n", data)
            back = await all_pages(await channel.history(limit=2))
            forth = await all_pages(await channel.history(limit=3, direction="forwards"))
        assert (back, forth) == ([["e", "d"], ["c", "b"], ["a"]], [["a", "b", "c"], ["d", "e"]])
        assert data_of(server, "ai:w f+x/y") == list("abcde")

    @BOTH_FORMATS
    async def test_a_message_its_versions_and_changes(self, server: LocalServer, *, binary: bool) -> None:
        async with rest(server, binary=binary) as client:
            channel = client.channels.get("ai:wf")
            serial = (await channel.publish("n", "a")).serials[0]
            await append(channel, serial, "b")
            message = await channel.get_message(serial)
            versions = await channel.get_message_versions(serial)
            assert (message.data, int(message.action), message.client_id) == ("ab", 1, "alice")
            assert [(int(version.action), version.data) for version in versions.items] == [(0, "a"), (1, "ab")]

    async def test_time_and_unknown_message(self, server: LocalServer) -> None:
        async with rest(server) as client:
            assert isinstance(await client.time(), int)
            with pytest.raises(AblyException) as caught:
                await client.channels.get("ai:wf").get_message("unknown")
            assert error_of(caught) == (40400, 404)


class TestAttaching:
    async def test_rewind(self, server: LocalServer) -> None:
        async with realtime(server) as writer, realtime(server) as reader:
            for data in "abc":
                await publish(writer.channels.get("ai:wf"), data)
            inbox = await subscribe(reader.channels.get("[?rewind=2]ai:wf"))
            assert await inbox.take(2) == [(0, "b"), (0, "c")]

    async def test_what_was_missed_during_a_drop_arrives_after_the_resume(self, server: LocalServer) -> None:
        async with realtime(server, client_id="reader") as reader, rest(server) as writer:
            channel = reader.channels.get("ai:wf")
            inbox = await subscribe(channel)
            serial = (await writer.channels.get("ai:wf").publish("n", "a")).serials[0]
            assert await inbox.take(1) == [(0, "a")]
            connection_id = reader.connection.connection_manager.connection_id
            server.faults.drop_connections(lambda about: about["clientId"] == "reader")
            await writer.channels.get("ai:wf").publish("n", "b")
            await append(writer.channels.get("ai:wf"), serial, "+")
            assert await inbox.take(2) == [(0, "b"), (1, "a+")]
            assert reader.connection.connection_manager.connection_id == connection_id

    async def test_a_refused_attach_fails_the_channel(self, server: LocalServer) -> None:
        token = server.token("alice", {"other": ["subscribe"]})
        async with realtime(server, token=token) as client:
            with pytest.raises(AblyException) as caught:
                await client.channels.get("ai:wf").attach()
            assert error_of(caught)[0] == 40160


class TestCredentials:
    async def test_a_token_stamps_its_client_id(self, server: LocalServer) -> None:
        async with realtime(server, token=server.token("alice")) as client:
            await publish(client.channels.get("ai:wf"), "a")
        assert server.messages("ai:wf")[0]["clientId"] == "alice"

    async def test_a_capability_is_enforced(self, server: LocalServer) -> None:
        token = server.token("alice", {"ai:*": ["publish"]})
        async with realtime(server, token=token) as client:
            serial = await publish(client.channels.get("ai:wf"), "a")
            with pytest.raises(AblyException) as caught:
                await append(client.channels.get("ai:wf"), serial, "b")
            assert error_of(caught) == (40160, 401)
            with pytest.raises(AblyException):
                await publish(client.channels.get("other"), "a")

    async def test_a_wrong_key_fails_the_connection(self, server: LocalServer) -> None:
        async with unconnected(server, key="local.dev:wrong") as client:
            reason = await reached(client, "failed")
            assert reason.code == 40101

    async def test_an_expired_token_is_renewed(self, server: LocalServer) -> None:
        lifetimes = [timedelta(seconds=2), timedelta(hours=1)]

        async def give_token(_: object) -> str:
            return server.token("alice", ttl=lifetimes.pop(0))

        async with realtime(server, auth_callback=give_token) as client:
            await asyncio.wait_for(server.wait_for(lambda running: running.connections_total >= 2), TIMEOUT_S)
            await reached(client, "connected")
            await publish(client.channels.get("ai:wf"), "a")
        assert lifetimes == []

    async def test_the_key_may_as_much_as_it_is_given(self) -> None:
        async with LocalServer(capability={"ai:*": ["publish"]}) as server, realtime(server) as client:
            serial = await publish(client.channels.get("ai:wf"), "a")
            for action in (
                append(client.channels.get("ai:wf"), serial, "b"),
                publish(client.channels.get("other"), "a"),
            ):
                with pytest.raises(AblyException) as caught:
                    await action
                assert error_of(caught) == (40160, 401)

    async def test_default_key_is_the_documented_one(self, server: LocalServer) -> None:
        assert server.key == DEVELOPMENT_KEY
        with pytest.raises(ValueError, match="appId"):
            LocalServer(key="nonsense")


class TestFaults:
    async def test_unacknowledged_appends_are_sent_again_and_applied_once(self, server: LocalServer) -> None:
        async with realtime(server) as client:
            channel = client.channels.get("ai:wf")
            serial = await publish(channel, "")
            server.faults.cut(match=is_append, apply=True)
            version = await append(channel, serial, "a")
        applied = server.operations("ai:wf")[1]
        assert as_wire(applied["version"])["serial"] == version
        assert data_of(server) == ["a"]
        assert server.connections_total == 2

    async def test_cut_before_it_applies(self, server: LocalServer) -> None:
        async with realtime(server) as client:
            channel = client.channels.get("ai:wf")
            serial = await publish(channel, "")
            server.faults.cut(match=is_append)
            await append(channel, serial, "a")
        assert data_of(server) == ["a"]

    async def test_a_refused_resume_gives_a_new_connection(self, server: LocalServer) -> None:
        async with realtime(server) as client:
            before = client.connection.connection_manager.connection_id
            server.faults.refuse_resume()
            server.faults.drop_connections()
            await server.wait_for(lambda running: running.connections_total == 2)
            await reached(client, "connected")
            assert client.connection.connection_manager.connection_id != before

    async def test_refuse(self, server: LocalServer) -> None:
        async with realtime(server) as client:
            server.faults.refuse()
            with pytest.raises(AblyException) as caught:
                await publish(client.channels.get("ai:wf"), "a")
            assert error_of(caught) == (42911, 429)

    async def test_ignore_applies_but_never_answers(self, server: LocalServer) -> None:
        async with realtime(server) as client:
            server.faults.ignore(apply=True)
            publishing = asyncio.create_task(client.channels.get("ai:wf").publish("n", "a"))
            await soon(server, ["a"])
            assert not publishing.done()
            server.faults.drop_connections()
            result = await asyncio.wait_for(publishing, TIMEOUT_S)
            assert result.serials == [message["serial"] for message in server.messages("ai:wf")]

    async def test_delay_holds_back_the_ack(self, server: LocalServer) -> None:
        async with realtime(server) as client:
            server.faults.delay(seconds=0.05)
            await publish(client.channels.get("ai:wf"), "a")
        assert data_of(server) == ["a"]

    async def test_unreachable_refuses_connections_and_then_is_back_on_the_same_port(self, server: LocalServer) -> None:
        host, _, port = server.endpoint.rpartition(":")
        async with realtime(server), server.faults.unreachable():
            await asyncio.wait_for(server.wait_for(lambda running: running.connection_count == 0), TIMEOUT_S)
            with pytest.raises(OSError, match="refused"):
                socket.create_connection((host, int(port)), timeout=TIMEOUT_S)
        async with realtime(server) as client:
            await publish(client.channels.get("ai:wf"), "a")

    async def test_silent_holds_everything_back_until_it_ends(self, server: LocalServer) -> None:
        async with realtime(server) as client:
            async with server.faults.silent():
                publishing = asyncio.create_task(client.channels.get("ai:wf").publish("n", "a"))
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(asyncio.shield(publishing), 0.05)
                assert server.messages("ai:wf") == []
            await asyncio.wait_for(publishing, TIMEOUT_S)
        assert data_of(server) == ["a"]

    async def test_connection_error_is_final(self, server: LocalServer) -> None:
        async with realtime(server) as client:
            server.faults.connection_error(code=40110)
            assert (await reached(client, "failed")).code == 40110

    async def test_channel_error(self, server: LocalServer) -> None:
        async with realtime(server) as client:
            channel = client.channels.get("ai:wf")
            await channel.attach()
            failure = channel.once_async("failed")
            server.faults.channel_error("ai:wf", code=90000)
            assert (await asyncio.wait_for(failure, TIMEOUT_S)).reason.code == 90000

    async def test_resume_works_on_a_restarted_server(self) -> None:
        life = AsyncExitStack()
        first = await life.enter_async_context(LocalServer())
        async with realtime(first) as client:
            connection_id = client.connection.connection_manager.connection_id
            await life.aclose()
            async with LocalServer(port=int(first.endpoint.rpartition(":")[2])) as second:
                client.connect()
                await asyncio.wait_for(second.wait_for(lambda running: running.connection_count == 1), TIMEOUT_S)
                await reached(client, "connected")
                assert client.connection.connection_manager.connection_id == connection_id


async def post_fault(server: LocalServer, body: object, *, key: str | None = None) -> int:
    credentials = base64.b64encode((key or server.key).encode()).decode()
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Basic {credentials}"}) as client,
        client.post(f"http://{server.endpoint}/_faults", json=body) as response,
    ):
        return response.status


class TestFaultsOverHttp:
    async def test_they_are_off_unless_asked_for(self, server: LocalServer) -> None:
        assert await post_fault(server, {"fault": "drop_connections"}) == 404

    async def test_with_the_key(self) -> None:
        async with LocalServer(http_faults=True) as server, realtime(server) as client:
            assert await post_fault(server, {"fault": "refuse", "match": {"name": "n"}}) == 204
            await publish(client.channels.get("ai:wf"), "a", "other")
            with pytest.raises(AblyException):
                await publish(client.channels.get("ai:wf"), "a", "n")
            assert await post_fault(server, {"fault": "earthquake"}) == 400
            assert await post_fault(server, {"fault": "refuse"}, key="local.dev:wrong") == 401


class TestSockets:
    async def test_it_listens_on_loopback_by_default(self, server: LocalServer) -> None:
        assert server.endpoint.startswith("127.0.0.1:")

    async def test_a_taken_port_is_an_error_and_leaves_nothing_behind(self, server: LocalServer) -> None:
        port = int(server.endpoint.rpartition(":")[2])
        with pytest.raises(OSError, match="use"):
            await LocalServer(port=port).__aenter__()

    @pytest.mark.parametrize(
        ("origin", "status"),
        [("https://example.com", 403), ("null", 403), ("http://localhost:3000", 200), ("https://ours.example", 200)],
    )
    async def test_pages_of_other_sites_are_kept_out(self, origin: str, status: int) -> None:
        async with (
            LocalServer(allowed_origins=["https://ours.example"]) as server,
            aiohttp.ClientSession(headers={"Origin": origin}) as client,
            client.get(f"http://{server.endpoint}/time") as response,
        ):
            assert response.status == status

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("OPTIONS", "/channels/ai%3Awf/messages", 204),
            ("GET", "/time", 200),
            ("GET", "/nowhere", 404),
            ("GET", "/channels/ai%3Awf/messages", 401),
            ("POST", "/keys/local.dev/requestToken", 400),
        ],
    )
    async def test_a_page_of_a_welcome_origin_may_read_every_answer_errors_too(
        self, server: LocalServer, method: str, path: str, status: int
    ) -> None:
        origin = "http://localhost:3000"
        async with (
            aiohttp.ClientSession(headers={"Origin": origin}) as client,
            client.request(method, f"http://{server.endpoint}{path}") as response,
        ):
            assert response.status == status
            assert response.headers["Access-Control-Allow-Origin"] == origin
            assert response.headers["Access-Control-Allow-Credentials"] == "true"

    async def test_a_body_that_is_too_large_gets_an_answer_that_a_page_may_read(self, server: LocalServer) -> None:
        url = f"http://{server.endpoint}/channels/ai%3Awf/messages?key={server.key}"
        async with (
            aiohttp.ClientSession(headers={"Origin": "http://localhost:3000"}) as client,
            client.post(url, data=io.BytesIO(b"x" * (2 * 1024 * 1024 + 1))) as response,
        ):
            assert (response.status, response.headers["X-Ably-Errorcode"]) == (413, "40009")
            assert response.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
            assert "X-Ably-Errorcode" in response.headers["Access-Control-Expose-Headers"]

    async def test_content_type_has_no_charset(self, server: LocalServer) -> None:
        async with aiohttp.ClientSession() as client, client.get(f"http://{server.endpoint}/time") as response:
            assert response.headers["Content-Type"] == "application/json"

    @BOTH_FORMATS
    async def test_garbage_ends_the_connection_with_an_error(self, server: LocalServer, *, binary: bool) -> None:
        url = f"ws://{server.endpoint}/?v=6&key={server.key}&format={'msgpack' if binary else 'json'}"
        async with aiohttp.ClientSession() as client, client.ws_connect(url) as socket:
            await socket.receive()
            await (socket.send_bytes(b"\xc1") if binary else socket.send_str("{"))
            last, end = await socket.receive(), await socket.receive()
        frame = as_wire(decode(last.data, "msgpack" if binary else "json"))
        assert (frame["action"], as_wire(frame["error"])["code"]) == (Action.ERROR, 40000)
        assert end.type is aiohttp.WSMsgType.CLOSE

    async def test_a_ping_is_answered_and_compression_declined(self, server: LocalServer) -> None:
        url = f"ws://{server.endpoint}/?v=6&key={server.key}"
        async with (
            aiohttp.ClientSession() as client,
            client.ws_connect(url, compress=15, autoping=False) as socket,
        ):
            assert socket.compress == 0
            await socket.receive()
            await socket.ping(b"x")
            pong = await socket.receive()
        assert (pong.type, pong.data) == (aiohttp.WSMsgType.PONG, b"x")

    async def test_leaving_cuts_open_sockets_at_once(self) -> None:
        before = asyncio.all_tasks()
        async with LocalServer() as server, aiohttp.ClientSession() as client:
            socket = await client.ws_connect(f"ws://{server.endpoint}/?v=6&key={server.key}")
            await socket.receive()
            assert server.connection_count == 1
            await asyncio.wait_for(server.__aexit__(), TIMEOUT_S)
            assert server.connection_count == 0
            assert (await socket.receive()).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        assert asyncio.all_tasks() == before

    async def test_waiting_ends_with_the_server(self) -> None:
        async with LocalServer() as server:
            waiting = asyncio.create_task(server.wait_for(lambda _: False))
            await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="stopped"):
            await waiting

    async def test_a_waiting_test_gets_the_error_of_its_predicate(self, server: LocalServer) -> None:
        def fail_once_connected(running: LocalServer) -> bool:
            return bool(running.connections_total and 1 // 0)

        waiting = asyncio.create_task(server.wait_for(fail_once_connected))
        await asyncio.sleep(0)
        async with realtime(server):
            with pytest.raises(ZeroDivisionError):
                await asyncio.wait_for(waiting, TIMEOUT_S)
