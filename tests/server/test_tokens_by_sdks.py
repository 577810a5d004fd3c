"""Tokens and their renewal as the real SDKs have them: ably-python and ably-js."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from temporal_ably.server import LocalServer
from tests.end_to_end.node_process import ViewerError
from tests.server.sdk import TIMEOUT_S, AblyException, error_of, publish, realtime, rest, unconnected

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from temporal_ably.server.auth import Capability
    from tests.server.node import JsClients

BOTH_FORMATS = pytest.mark.parametrize("binary", [True, False], ids=["msgpack", "json"])
WIDE, NARROW = {"ai:wf": ["*"], "ai:b": ["*"]}, {"ai:b": ["*"]}


@pytest.fixture
async def server() -> AsyncIterator[LocalServer]:
    async with LocalServer() as running:
        yield running


def authors(server: LocalServer, channel: str = "ai:wf") -> list[object]:
    return [message.get("clientId") for message in server.messages(channel)]


def give(tokens: Sequence[str], client_id: str = "alice") -> Callable[[object], Awaitable[object]]:
    """Make a callback that gives these, one after the other, the last again and again.

    ably-python wants to be told whose a token is; without it, it takes the first and none after.
    """
    left = list(tokens)

    async def callback(_: object) -> object:
        return {"token": left.pop(0) if len(left) > 1 else left[0], "issued": 0, "clientId": client_id}

    return callback


class TestTokenRequests:
    @BOTH_FORMATS
    async def test_javascript_signs_and_connects(self, server: LocalServer, js: JsClients, *, binary: bool) -> None:
        client = await js.open(server, signs_with=server.key, clientId="alice", useBinaryProtocol=binary)
        await client.run("await client.channels.get('ai:wf').publish('n', 'a')")
        assert authors(server) == ["alice"]
        token = await client.run("return client.auth.tokenDetails")
        assert token["clientId"] == "alice"
        assert token["expires"] - token["issued"] == 3_600_000

    @BOTH_FORMATS
    async def test_python_signs_and_publishes(self, server: LocalServer, *, binary: bool) -> None:
        async def sign(params: dict[str, object]) -> Any:
            # Its REST client refuses a key over plain HTTP, but a realtime client signs with it.
            async with unconnected(server, auto_connect=False, binary=binary) as signer:
                return await signer.auth.create_token_request({**params, "client_id": "alice"})

        async with rest(server, binary=binary, auth_callback=sign) as client:
            await client.channels.get("ai:wf").publish("n", "a")
            details = client.auth.token_details
        async with realtime(server, binary=binary, token_details=details) as client:
            await publish(client.channels.get("ai:wf"), "b")
        assert authors(server) == ["alice", "alice"]

    async def test_a_token_serves_the_socket_and_rest(self, server: LocalServer, js: JsClients) -> None:
        issuer = await js.open(server)
        details = await issuer.run(
            """
            const { key, ...options } = client.options;
            const rest = new Ably.Rest({ ...options, key });
            return await rest.auth.requestToken({ clientId: 'alice', capability: { 'ai:wf': ['publish', 'history'] } });
            """
        )
        client = await js.open(server, token=details["token"])
        found = await client.run(
            """
            const channel = client.channels.get('ai:wf');
            await channel.publish('n', 'a');
            const rest = new Ably.Rest(client.options);
            await rest.channels.get('ai:wf').publish('n', 'b');
            return (await rest.channels.get('ai:wf').history()).items.map((item) => item.data);
            """
        )
        assert found == ["b", "a"]
        assert authors(server) == ["alice", "alice"]
        with pytest.raises(ViewerError, match="40160"):
            await client.run("await client.channels.get('ai:b').publish('n', 'a')")
        async with realtime(server, token=details["token"]) as other:
            await publish(other.channels.get("ai:wf"), "c")
        assert authors(server) == ["alice"] * 3

    async def test_a_wrong_signature_is_refused(self, server: LocalServer, js: JsClients) -> None:
        client = await js.open(server, signs_with=f"{server.key}x", autoConnect=False)
        reason = await client.run(
            "client.connect(); return (await client.connection.once('disconnected')).reason.cause.code"
        )
        assert reason == 40101


class TestRenewal:
    """The server asks for another token; the SDK shows one; the connection stays."""

    @BOTH_FORMATS
    async def test_by_javascript(self, server: LocalServer, js: JsClients, *, binary: bool) -> None:
        tokens = [server.token("alice", ttl=timedelta(minutes=minutes)) for minutes in (10, 20)]
        client = await js.open(server, tokens=tokens, useBinaryProtocol=binary)
        await client.run("await client.connection.whenState('connected'); await client.channels.get('ai:wf').attach()")
        await client.run("kept.updated = client.connection.once('update'); kept.before = client.connection.id")
        server.faults.ask_for_token()
        await client.run("await kept.updated; await client.channels.get('ai:wf').publish('n', 'a')")
        assert await client.run("return client.connection.id === kept.before")
        assert await client.run("return client.auth.tokenDetails.token") == tokens[1]
        assert server.connections_total == 1

    @BOTH_FORMATS
    async def test_by_python_again_and_again(self, server: LocalServer, *, binary: bool) -> None:
        tokens = [server.token("alice", ttl=timedelta(minutes=minutes)) for minutes in (10, 20, 30)]
        async with realtime(server, auth_callback=give(tokens), binary=binary) as client:
            channel = client.channels.get("ai:wf")
            await channel.presence.enter("a")
            for token in tokens[1:]:
                updated = client.connection.once_async("update")
                server.faults.ask_for_token()
                await asyncio.wait_for(updated, TIMEOUT_S)
                assert client.auth.token_details.token == token
            await publish(channel, "a")
            # It attaches anew after each renewal, and must find its members again.
            found = await asyncio.wait_for(channel.presence.get(), TIMEOUT_S)
            assert [member.client_id for member in found] == ["alice"]
        assert server.connections_total == 1

    async def test_a_short_lived_token_is_renewed_without_a_gap(self, server: LocalServer, js: JsClients) -> None:
        tokens = [server.token("alice", ttl=timedelta(seconds=7)), server.token("alice")]
        client = await js.open(server, tokens=tokens, autoConnect=False)
        await client.run("client.connect(); await client.connection.once('update')")
        assert await client.run("return client.auth.tokenDetails.token") == tokens[1]
        assert server.connections_total == 1

    async def test_another_client_id_is_final(self, server: LocalServer, js: JsClients) -> None:
        client = await js.open(server, tokens=[server.token("alice"), server.token("bob")])
        await client.run(
            "await client.connection.whenState('connected'); kept.failed = client.connection.once('failed')"
        )
        server.faults.ask_for_token()
        assert await client.run("return (await kept.failed).reason.code") == 40102


class TestReducedCapability:
    """A channel that the new token does not allow fails; the others stay."""

    def tokens(self, server: LocalServer) -> list[str]:
        capabilities: list[Capability] = [WIDE, NARROW]
        return [server.token("alice", capability) for capability in capabilities]

    async def test_in_javascript(self, server: LocalServer, js: JsClients) -> None:
        client = await js.open(server, tokens=self.tokens(server))
        await client.run(
            """
            kept.a = client.channels.get('ai:wf');
            kept.b = client.channels.get('ai:b');
            await Promise.all([kept.a.attach(), kept.b.attach()]);
            kept.failed = kept.a.once('failed');
            """
        )
        server.faults.ask_for_token()
        assert await client.run("return (await kept.failed).reason.code") == 40160
        await client.run("await kept.b.publish('n', 'a')")
        assert await client.run("return kept.b.state") == "attached"

    async def test_in_python(self, server: LocalServer) -> None:
        async with realtime(server, auth_callback=give(self.tokens(server))) as client:
            a, b = (client.channels.get(name) for name in ("ai:wf", "ai:b"))
            for channel in (a, b):
                await channel.attach()
            failed = a.once_async("failed")
            server.faults.ask_for_token()
            assert (await asyncio.wait_for(failed, TIMEOUT_S)).reason.code == 40160
            await publish(b, "a")
            with pytest.raises(AblyException) as caught:
                await a.publish("n", "a")
            assert error_of(caught)[0] in (40160, 90001)


async def test_without_another_token_the_connection_ends(server: LocalServer, js: JsClients) -> None:
    client = await js.open(server, token=server.token("alice", ttl=timedelta(seconds=3)), autoConnect=False)
    codes = await client.run(
        """
        client.connect();
        const changes = ['disconnected', 'failed'].map((state) => client.connection.once(state));
        return (await Promise.all(changes)).map((change) => change.reason.code);
        """
    )
    # 40142: the server says so. 40171: the client has no means to get another one.
    assert codes == [40142, 40171]
