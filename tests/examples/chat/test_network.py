"""Each user's way to Ably, and what a cut does to it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from examples.chat.api import BadRequestError
from examples.chat.backstage import network as room
from examples.chat.backstage.network import Network

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

LONG, SHORT = timedelta(minutes=2), timedelta(milliseconds=200)


@asynccontextmanager
async def echoes() -> AsyncGenerator[Network]:
    """A network whose far end says everything again."""
    served: list[asyncio.Task[None] | None] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())
        with suppress(ConnectionError):
            while line := await reader.readline():
                writer.write(line)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with Network(f"127.0.0.1:{port}") as network:
            yield network
        await asyncio.gather(*filter(None, served))


class Connection:
    """A connection of a user's."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def works(self) -> bool:
        """Whether what is said is said again."""
        try:
            self.writer.write(b"hello\n")
            return await self.reader.readline() == b"hello\n"
        except ConnectionError:
            return False


@asynccontextmanager
async def connected(network: Network, user: str) -> AsyncGenerator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", network.port(user))
    yield Connection(reader, writer)
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def works(network: Network, user: str) -> bool:
    """Whether a new connection works."""
    async with connected(network, user) as connection:
        return await connection.works()


async def wait_past(time: timedelta) -> None:
    """Wait until what was to be done after this time, counted from now, is done."""
    past = asyncio.Event()
    asyncio.get_running_loop().call_later(2 * time.total_seconds(), past.set)
    await past.wait()


async def test_a_cut_ends_a_users_connections_and_lets_no_new_one_through_until_it_is_over() -> None:
    async with echoes() as network, connected(network, "alice") as alice, connected(network, "bob") as bob:
        assert await alice.works()
        assert await bob.works()
        network.cut("alice", LONG)
        assert network.cut_off == {"alice": True}
        assert not await alice.works()
        assert not await works(network, "alice")
        assert await bob.works()
        network.cut("alice", timedelta(0))
        assert network.cut_off == {}
        assert await works(network, "alice")


async def test_a_cut_is_over_by_itself() -> None:
    async with echoes() as network:
        network.port("alice")
        network.cut("alice", SHORT)
        assert not await works(network, "alice")
        await wait_past(SHORT)
        assert await works(network, "alice")


async def test_a_cut_goes_before_an_earlier_one() -> None:
    async with echoes() as network:
        network.port("alice")
        network.cut("alice", SHORT)
        network.cut("alice", LONG)
        await wait_past(SHORT)
        assert network.cut_off == {"alice": True}
        network.cut("alice", SHORT)
        await wait_past(SHORT)
        assert network.cut_off == {}


async def test_nobody_is_cut_off_by_another_name() -> None:
    async with echoes() as network:
        network.cut("mallory", LONG)
        assert network.cut_off == {}


async def test_a_far_end_that_is_gone_is_told_at_once() -> None:
    async with Network("127.0.0.1:1") as network:
        assert not await works(network, "alice")


async def test_users_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_MAX_USERS", 1)
    async with echoes() as network:
        network.port("alice")
        network.port("alice")
        with pytest.raises(BadRequestError, match="too many"):
            network.port("bob")
