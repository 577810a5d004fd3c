"""The network of one client cut, and the window after which its connection is lost, as the real SDKs have them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from temporal_ably.server import LocalServer
from tests.end_to_end.node_process import ViewerError
from tests.server.sdk import TIMEOUT_S, publish, realtime
from tests.server.test_app import post_fault

if TYPE_CHECKING:
    from temporal_ably.server.wire import Wire
    from tests.server.node import JsClient, JsClients


def is_bob(about: Wire) -> bool:
    return about.get("clientId") == "bob"


async def listen(client: JsClient) -> None:
    """Attach, and keep the data of what arrives, and each change of state."""
    await client.run(
        """
        kept.data = [];
        kept.changes = [];
        kept.id = await client.connection.whenState('connected').then(() => client.connection.id);
        kept.channel = client.channels.get('ai:wf');
        kept.until = (wanted) => new Promise((done) => {
          const look = () => kept.data.includes(wanted) && done();
          kept.channel.subscribe(look);
          look();
        });
        await kept.channel.subscribe((message) => kept.data.push(message.data));
        kept.channel.on((change) => kept.changes.push([change.current, change.resumed, change.reason?.code ?? 0]));
        """
    )


async def heard(client: JsClient, until: str) -> list[str]:
    """Wait for a message; give the data of all so far."""
    return await client.run(f"await kept.until('{until}'); return kept.data")


class TestOneClientCutOff:
    async def test_others_go_on_and_it_misses_nothing(self, js: JsClients) -> None:
        async with LocalServer() as server, realtime(server, client_id="carol") as writer:
            channel = writer.channels.get("ai:wf")
            alice, bob = [await js.open(server, token=server.token(name)) for name in ("alice", "bob")]
            for client in (alice, bob):
                await listen(client)
            await publish(channel, "before")
            assert await heard(bob, "before") == ["before"]
            async with server.faults.unreachable(is_bob):
                await asyncio.wait_for(server.wait_for(lambda running: running.connection_count == 2), TIMEOUT_S)
                await publish(channel, "meanwhile")
                assert await heard(alice, "meanwhile") == ["before", "meanwhile"]
                await self._cannot_read(bob)
            await publish(channel, "after")
            assert await heard(bob, "after") == ["before", "meanwhile", "after"]
            assert await bob.run("return client.connection.id === kept.id")
            assert ["attached", True, 0] in await bob.run("return kept.changes")
            assert await alice.run("return kept.changes") == []

    async def _cannot_read(self, client: JsClient) -> None:
        with pytest.raises(ViewerError):
            await client.run("await new Ably.Rest(client.options).channels.get('ai:wf').history()")

    async def test_over_http_for_a_while(self, js: JsClients) -> None:
        async with LocalServer(http_faults=True) as server:
            bob = await js.open(server, token=server.token("bob"))
            await listen(bob)
            body = {"fault": "unreachable", "match": {"clientId": "bob"}, "seconds": 0.2}
            cutting = asyncio.ensure_future(post_fault(server, body))
            await asyncio.wait_for(server.wait_for(lambda running: running.connection_count == 0), TIMEOUT_S)
            assert await cutting == 204
            await asyncio.wait_for(server.wait_for(lambda running: running.connection_count == 1), TIMEOUT_S)

    async def test_without_credentials_it_is_nobody(self) -> None:
        async with LocalServer() as server, server.faults.unreachable(is_bob), aiohttp.ClientSession() as client:
            async with client.get(f"http://{server.endpoint}/time") as response:
                assert response.status == 200
            headers = {"Authorization": f"Bearer {server.token('bob')}"}
            with pytest.raises(aiohttp.ClientConnectionError):
                await client.get(f"http://{server.endpoint}/time", headers=headers)


class TestWindow:
    """Away for longer than the window, a client gets a new connection, and its channels are told what they lost."""

    WINDOW = timedelta(seconds=2)

    async def _cut(self, server: LocalServer, bob: JsClient, channel: Any) -> None:
        await publish(channel, "before")
        await heard(bob, "before")
        async with server.faults.unreachable(is_bob):
            await asyncio.wait_for(server.wait_for(lambda running: running.connection_count == 1), TIMEOUT_S)
            await publish(channel, "meanwhile")
            await bob.run("await client.connection.whenState('suspended')")
            await asyncio.sleep(self.WINDOW.total_seconds())  # The message grows older than the window.
        await bob.run("await client.connection.whenState('connected'); await kept.channel.attach()")

    async def test_beyond_it(self, js: JsClients) -> None:
        async with LocalServer(connection_state_ttl=self.WINDOW) as server, realtime(server) as writer:
            bob = await js.open(server, token=server.token("bob"))
            await listen(bob)
            await self._cut(server, bob, writer.channels.get("ai:wf"))
            assert not await bob.run("return client.connection.id === kept.id")
            # 90003: messages of the channel are no longer retained.
            assert (await bob.run("return kept.changes"))[-1] == ["attached", False, 90003]
            history = await bob.run("return (await kept.channel.history()).items.map((item) => item.data)")
            assert history == ["meanwhile", "before"]
            assert await bob.run("return kept.data") == ["before"]

    async def test_a_client_is_told_of_it(self, js: JsClients) -> None:
        async with LocalServer(connection_state_ttl=timedelta(seconds=7)) as server:
            client = await js.open(server)
            await client.run("await client.connection.whenState('connected')")
            ttl = await client.run("return client.connection.connectionManager.connectionStateTtl")
            assert ttl == 7000
