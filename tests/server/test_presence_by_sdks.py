"""Presence as the real SDKs have it: ably-python and ably-js, together on one server."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from temporal_ably.server import LocalServer
from tests.server.sdk import TIMEOUT_S, Inbox, reached, realtime, rest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from temporal_ably.server.wire import Wire
    from tests.server.node import JsClient, JsClients

PRESENT, ENTER, LEAVE, UPDATE = 1, 2, 3, 4
BOTH_FORMATS = pytest.mark.parametrize("binary", [True, False], ids=["msgpack", "json"])
GET = "return (await channel.presence.get()).map((member) => [member.clientId, member.data])"


@pytest.fixture
async def server() -> AsyncIterator[LocalServer]:
    async with LocalServer() as running:
        yield running


def is_alice(about: Wire) -> bool:
    return about.get("clientId") == "alice"


async def on_channel(client: JsClient, code: str) -> Any:
    return await client.run(f"const channel = client.channels.get('ai:wf'); {code}")


async def follow(channel: Any) -> Inbox:
    """Attach and collect presence events."""
    inbox = Inbox()
    await asyncio.wait_for(channel.presence.subscribe(inbox.put), TIMEOUT_S)
    return inbox


async def told(inbox: Inbox, count: int) -> list[tuple[int, str, object]]:
    return [(int(event.action), event.client_id, event.data) for event in await inbox.wait(count)]


async def members(server: LocalServer, *clients: str) -> None:
    """Wait until these are present."""
    await asyncio.wait_for(
        server.wait_for(
            lambda running: sorted(str(m["clientId"]) for m in running.members("ai:wf")) == sorted(clients)
        ),
        TIMEOUT_S,
    )


@BOTH_FORMATS
async def test_each_sees_the_other_enter_update_and_leave(server: LocalServer, js: JsClients, *, binary: bool) -> None:
    bob = await js.open(server, clientId="bob", useBinaryProtocol=binary)
    async with realtime(server, binary=not binary, client_id="alice") as alice:
        channel = alice.channels.get("ai:wf")
        inbox = await follow(channel)
        await channel.presence.enter({"status": "here"})
        assert await on_channel(bob, GET) == [["alice", {"status": "here"}]]
        await on_channel(
            bob,
            """
            kept.events = [];
            kept.left = new Promise((done) => channel.presence.subscribe('leave', done));
            await channel.presence.subscribe((event) => kept.events.push([event.action, event.clientId, event.data]));
            await channel.presence.enter('b');
            await channel.presence.update('bb');
            await channel.presence.leave();
            """,
        )
        data = {"status": "here"}
        assert await told(inbox, 4) == [
            (ENTER, "alice", data),
            (ENTER, "bob", "b"),
            (UPDATE, "bob", "bb"),
            (LEAVE, "bob", "bb"),
        ]
        await channel.presence.update(bytearray(b"\0"))
        await channel.presence.leave()
        events = await on_channel(bob, "await kept.left; return kept.events.map(([action, who]) => `${action} ${who}`)")
        assert events == ["enter bob", "update bob", "leave bob", "update alice", "leave alice"]
    assert server.members("ai:wf") == []


async def test_late_comers_get_the_members_by_sync(server: LocalServer, js: JsClients) -> None:
    key = await js.open(server)
    await on_channel(
        key, "for (let n = 0; n < 150; n++) await channel.presence.enterClient(`client-${n}`, 'x'.repeat(3000))"
    )
    late = await js.open(server, useBinaryProtocol=False)
    assert len(await on_channel(late, GET)) == 150
    async with realtime(server, client_id="later") as later:
        found = await asyncio.wait_for(later.channels.get("ai:wf").presence.get(), TIMEOUT_S)
        assert {member.client_id for member in found} == {f"client-{n}" for n in range(150)}


class TestLostConnections:
    async def test_who_is_back_in_time_never_left(self, server: LocalServer, js: JsClients) -> None:
        async with realtime(server) as watcher, realtime(server, client_id="alice") as alice:
            inbox = await follow(watcher.channels.get("ai:wf"))
            await alice.channels.get("ai:wf").presence.enter("a")
            js_alice = await js.open(server, clientId="alice")
            await on_channel(js_alice, "await channel.presence.enter('js')")
            await told(inbox, 2)
            before = server.members("ai:wf")
            server.faults.drop_connections(is_alice)
            await asyncio.wait_for(server.wait_for(lambda running: running.connections_total >= 5), TIMEOUT_S)
            await on_channel(js_alice, "await client.connection.whenState('connected'); await channel.attach()")
            await reached(alice, "connected")
            # What comes after it is the first that is heard of again.
            await on_channel(js_alice, "await channel.presence.update('still here')")
            await alice.channels.get("ai:wf").presence.update("here")
            assert sorted(await told(inbox, 2)) == [(UPDATE, "alice", "here"), (UPDATE, "alice", "still here")]
            assert [m["connectionId"] for m in server.members("ai:wf")] == [m["connectionId"] for m in before]

    @pytest.mark.parametrize("sdk", ["python", "js"])
    async def test_who_is_away_too_long_leaves_and_enters_again_when_back(
        self, server: LocalServer, js: JsClients, sdk: str
    ) -> None:
        async with realtime(server) as watcher:
            inbox = await follow(watcher.channels.get("ai:wf"))
            if sdk == "js":
                client = await js.open(server, clientId="alice")
                await on_channel(client, "await channel.presence.enter('a')")
                await self._lose_alice(server, inbox)
                await on_channel(client, "await client.connection.whenState('connected')")
                await members(server, "alice")
            else:
                retries: dict[str, Any] = {"disconnected_retry_timeout": 100, "realtime_request_timeout": 1000}
                async with realtime(server, client_id="alice", **retries) as alice:
                    await alice.channels.get("ai:wf").presence.enter("a")
                    await self._lose_alice(server, inbox)
                    alice.connect()
                    await members(server, "alice")
            assert (await told(inbox, 1))[0] == (ENTER, "alice", "a")

    async def _lose_alice(self, server: LocalServer, inbox: Inbox) -> None:
        async with server.faults.unreachable(is_alice):
            await asyncio.wait_for(server.wait_for(lambda running: running.connection_count == 1), TIMEOUT_S)
            assert await told(inbox, 1) == [(ENTER, "alice", "a")]
            server.faults.lapse_presence(is_alice)
            assert await told(inbox, 1) == [(LEAVE, "alice", "a")]

    async def test_time_alone_lets_members_go(self, js: JsClients) -> None:
        async with LocalServer(presence_grace=timedelta(milliseconds=1)) as server:
            client = await js.open(server, clientId="alice")
            await on_channel(client, "await channel.presence.enter()")
            async with server.faults.unreachable(is_alice):
                await members(server)

    @pytest.mark.parametrize("code", ["client.close()", "await channel.detach()"])
    async def test_goodbye_needs_no_waiting(self, server: LocalServer, js: JsClients, code: str) -> None:
        async with realtime(server) as watcher:
            inbox = await follow(watcher.channels.get("ai:wf"))
            client = await js.open(server, clientId="alice")
            await on_channel(client, f"await channel.presence.enter('a'); {code}")
            assert await told(inbox, 2) == [(ENTER, "alice", "a"), (LEAVE, "alice", "a")]


class TestRest:
    async def test_members_and_history(self, server: LocalServer, js: JsClients) -> None:
        client = await js.open(server)
        for who in ("alice", "bob", "carol"):
            await on_channel(client, f"await channel.presence.enterClient('{who}', '{who[0]}')")
        await on_channel(client, "await channel.presence.leaveClient('bob')")
        async with rest(server) as reader:
            presence = reader.channels.get("ai:wf").presence
            assert await self._pages(await presence.get(limit=1)) == [["alice"], ["carol"]]
            assert await self._pages(await presence.history(limit=3, direction="forwards")) == [
                ["alice", "bob", "carol"],
                ["bob"],
            ]
        found = await client.run(
            """
            const rest = new Ably.Rest(client.options);
            const { presence } = rest.channels.get('ai:wf');
            const page = await presence.history({ limit: 3 });
            const names = (result) => result.items.map((item) => `${item.action} ${item.clientId}`);
            return [names(await presence.get({ clientId: 'carol' })), names(page), names(await page.next())];
            """
        )
        assert found == [["present carol"], ["leave bob", "enter carol", "enter bob"], ["enter alice"]]

    async def _pages(self, page: Any) -> list[list[str]]:
        found = [[item.client_id for item in page.items]]
        while page.has_next():
            page = await page.next()
            found.append([item.client_id for item in page.items])
        return found

    async def test_channel_status(self, server: LocalServer, js: JsClients) -> None:
        client = await js.open(server, clientId="alice")
        await on_channel(client, "await channel.presence.enter()")
        status = await on_channel(client, "return await channel.status()")
        assert status["channelId"] == "ai:wf"
        assert status["status"]["isActive"] is True
        assert status["status"]["occupancy"]["metrics"]["presenceMembers"] == 1
