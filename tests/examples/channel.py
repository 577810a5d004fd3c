"""Puts messages with our tags on a channel of the local server, by ably-python."""

# ably-python ships no types for what is used here.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from ably import AblyRealtime
from ably.types.message import Message

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from temporal_ably.server import LocalServer
    from tests.examples.plain_client import Json


class Player:
    """Plays messages that a `Writer` wrote, each operation in its turn."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._serials: dict[str, str] = {}

    async def play(self, messages: Sequence[Json]) -> None:
        """Perform the operations; serials become those that the server gives."""
        for message in messages:
            action = message["action"].removeprefix("message.")
            if action == "create":
                created = Message(name="any", data=message["data"], extras=message["extras"])
                self._serials[message["serial"]] = (await self._channel.publish([created])).serials[0]
                continue
            change = Message(
                serial=self._serials[message["serial"]], data=message["data"] or "", extras=message["extras"]
            )
            await getattr(self._channel, f"{action}_message")(change)


@asynccontextmanager
async def player_on(server: LocalServer, channel: str) -> AsyncGenerator[Player]:
    client = AblyRealtime(key=server.key, endpoint=server.endpoint, tls=False, client_id="temporal-ably")
    try:
        yield Player(client.channels.get(channel))
    finally:
        await client.close()
