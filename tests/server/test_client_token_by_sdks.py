"""What the holder of a `client_token` may do, as the real SDKs find out: ably-js and ably-python."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from temporal_ably import client_token
from temporal_ably.server import LocalServer
from tests.end_to_end.node_process import ViewerError
from tests.server.sdk import TIMEOUT_S, AblyException, append, error_of, publish, realtime, rest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.server.node import JsClient, JsClients

SESSION = "ai:chat-42"


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LocalServer]:
    async with LocalServer() as running:
        monkeypatch.setenv("ABLY_API_KEY", running.key)
        yield running


async def agent_says(server: LocalServer, words: str) -> str:
    async with realtime(server, client_id="temporal-ably") as agent:
        return await publish(agent.channels.get(SESSION), words, "ai-output")


class TestJavaScript:
    async def alice(self, server: LocalServer, js: JsClients) -> JsClient:
        return await js.open(server, token=client_token(SESSION, client_id="alice"))

    async def refused(self, client: JsClient, code: str) -> str:
        with pytest.raises(ViewerError) as caught:
            await client.run(f"const channel = client.channels.get('{SESSION}'); {code}")
        return str(caught.value).rpartition("code ")[2].rstrip(")")

    async def test_it_publishes_reads_and_is_present(self, server: LocalServer, js: JsClients) -> None:
        await agent_says(server, "hello")
        client = await self.alice(server, js)
        found = await client.run(
            f"""
            const channel = client.channels.get('{SESSION}');
            await channel.attach();
            await channel.publish('ai-input', 'hi');
            await channel.presence.enter('here');
            const history = (await channel.history()).items.map((item) => [item.clientId, item.data]);
            return [history, (await channel.presence.get()).map((member) => member.clientId)];
            """
        )
        assert found == [[["alice", "hi"], ["temporal-ably", "hello"]], ["alice"]]

    @pytest.mark.parametrize("method", ["appendMessage", "updateMessage", "deleteMessage"])
    async def test_it_changes_no_message_not_even_its_own(
        self, server: LocalServer, js: JsClients, method: str
    ) -> None:
        serial = await agent_says(server, "hello")
        client = await self.alice(server, js)
        changed = f"await channel.{method}({{ serial: '{serial}', data: 'forged' }})"
        assert await self.refused(client, changed) == "40160"
        mine = "const { serials } = await channel.publish('n', 'mine');"
        own = f"{mine} await channel.{method}({{ serial: serials[0] }})"
        assert await self.refused(client, own) == "40160"
        assert [message["data"] for message in server.messages(SESSION)] == ["hello", "mine"]

    async def test_it_is_nobody_else(self, server: LocalServer, js: JsClients) -> None:
        client = await self.alice(server, js)
        forged = "await channel.publish({ name: 'ai-output', data: 'x', clientId: 'temporal-ably' })"
        assert await self.refused(client, forged) == "40012"
        assert await self.refused(client, "await channel.presence.enterClient('bob')") == "40012"
        assert server.channels == []

    async def test_it_reaches_no_other_channel(self, server: LocalServer, js: JsClients) -> None:
        client = await self.alice(server, js)
        for name in ("ai:chat-43", "ai:chat-42:more", "ai"):
            for action in ("publish('n', 'x')", "attach()", "history()"):
                assert await self.refused(client, f"await client.channels.get('{name}').{action}") == "40160"

    async def test_a_claimed_client_id_is_refused_at_once(self, server: LocalServer, js: JsClients) -> None:
        token = client_token(SESSION, client_id="alice")
        client = await js.open(server, token=token, clientId="temporal-ably", autoConnect=False)
        code = await client.run("client.connect(); return (await client.connection.once('failed')).reason.code")
        assert code == 40102

    async def test_without_presence_it_only_watches_who_is_there(self, server: LocalServer, js: JsClients) -> None:
        client = await js.open(server, token=client_token(SESSION, client_id="alice", presence=False))
        assert await self.refused(client, "await channel.presence.enter()") == "40160"
        assert await client.run(f"return await client.channels.get('{SESSION}').presence.get()") == []


class TestPython:
    async def refused(self, action: Any) -> int:
        with pytest.raises(AblyException) as caught:
            await asyncio.wait_for(action, TIMEOUT_S)
        return error_of(caught)[0]

    async def test_it_may_and_may_not_the_same(self, server: LocalServer) -> None:
        serial = await agent_says(server, "hello")
        token = client_token(SESSION, client_id="alice")
        async with realtime(server, token=token) as client:
            channel = client.channels.get(SESSION)
            await publish(channel, "hi", "ai-input")
            assert await self.refused(append(channel, serial, "forged")) == 40160
            assert await self.refused(publish(client.channels.get("ai:chat-43"), "x")) == 40160
        async with rest(server, token=token) as client:
            page = await client.channels.get(SESSION).history()
            assert [item.data for item in page.items] == ["hi", "hello"]
            assert await self.refused(client.channels.get("ai:chat-43").history()) == 40160
        assert [message["clientId"] for message in server.messages(SESSION)] == ["temporal-ably", "alice"]
