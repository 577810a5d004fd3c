"""The real, unpatched `ably` SDK, as the tests of the server use it; it comes without type information."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ably  # pyright: ignore[reportMissingTypeStubs]
from ably.types.message import Message  # pyright: ignore[reportMissingTypeStubs]

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from temporal_ably.server import LocalServer

TIMEOUT_S = 30
AblyException: type[Exception] = ably.AblyException


def error_of(caught: Any) -> tuple[int, int]:
    """Give code and status of an error that the SDK raised."""
    return caught.value.code, caught.value.status_code


@dataclass
class Inbox:
    """Messages that a subscriber received."""

    messages: list[Any] = field(default_factory=list[Any])
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, message: object) -> None:
        """Take a message in."""
        self.messages.append(message)
        self._arrived.set()

    async def wait(self, count: int) -> list[Any]:
        """Wait for a number of messages; give all received so far, and forget them."""
        while len(self.messages) < count:
            self._arrived.clear()
            await asyncio.wait_for(self._arrived.wait(), TIMEOUT_S)
        found, self.messages = self.messages, []
        return found

    async def take(self, count: int) -> list[tuple[int, object]]:
        """Wait as `wait` does; give action and data of each message."""
        return [(int(message.action), message.data) for message in await self.wait(count)]


@asynccontextmanager
async def realtime(server: LocalServer, *, binary: bool = True, **options: Any) -> AsyncGenerator[Any]:
    """Connect a realtime client."""
    async with unconnected(server, binary=binary, **options) as client:
        await reached(client, "connected")
        yield client


@asynccontextmanager
async def unconnected(server: LocalServer, *, binary: bool = True, **options: Any) -> AsyncGenerator[Any]:
    """Start a realtime client."""
    credentials = {} if {"token", "token_details", "auth_callback", "key"} & options.keys() else {"key": server.key}
    settings: dict[str, Any] = {"endpoint": server.endpoint, "tls": False, "use_binary_protocol": binary}
    client: Any = ably.AblyRealtime(**settings, **credentials, **options)
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def rest(
    server: LocalServer, *, binary: bool = True, token: str | None = None, **options: Any
) -> AsyncGenerator[Any]:
    """Make a REST client; it takes no key, since the SDK refuses one without TLS."""
    host, _, port = server.endpoint.rpartition(":")
    settings: dict[str, Any] = {"endpoint": host, "port": int(port), "tls": False, "use_binary_protocol": binary}
    credentials = {} if "auth_callback" in options else {"token": token or server.token("alice")}
    client: Any = ably.AblyRest(**settings, **credentials, **options)
    async with client:
        yield client


async def reached(client: Any, state: str) -> Any:
    """Wait until a realtime client is in a state; give the error that brought it there."""
    if client.connection.state == state:
        return client.connection.error_reason
    change = await asyncio.wait_for(client.connection.once_async(state), TIMEOUT_S)
    return change.reason


async def subscribe(channel: Any) -> Inbox:
    """Attach and collect what arrives."""
    inbox = Inbox()
    await asyncio.wait_for(channel.subscribe(inbox.put), TIMEOUT_S)
    return inbox


async def publish(channel: Any, data: object, name: str | None = None) -> str:
    """Publish one message; give its serial."""
    result = await asyncio.wait_for(channel.publish(name, data), TIMEOUT_S)
    return str(result.serials[0])


async def append(channel: Any, serial: str, data: str, **fields: Any) -> str | None:
    """Append to a message; give the serial of the new version."""
    message = Message(serial=serial, data=data, **fields)
    result = await asyncio.wait_for(channel.append_message(message), TIMEOUT_S)
    return result.version_serial


async def all_pages(page: Any) -> list[list[object]]:
    """Read the data of a paginated result, page by page."""
    found = [[item.data for item in page.items]]
    while page.has_next():
        page = await page.next()
        found.append([item.data for item in page.items])
    return found
