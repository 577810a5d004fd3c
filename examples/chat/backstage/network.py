"""A way to Ably for each user's browser, which can be cut: what a train does to a phone in a tunnel."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from examples.chat.api import BadRequestError

if TYPE_CHECKING:
    from datetime import timedelta

    from typing_extensions import Self

_HOST = "127.0.0.1"
_MAX_USERS = 100
_CHUNK_BYTES = 64 * 1024


class Network:
    """Forwards connections to one address, from a port for each user; a context manager.

    Args:
        target: ``host:port``.
    """

    def __init__(self, target: str) -> None:
        self._host, _, self._port = target.rpartition(":")
        self._ways: dict[str, _Way] = {}

    async def __aenter__(self) -> Self:
        """Forward nothing yet."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Cut all, for good."""
        for way in self._ways.values():
            await way.close()

    @property
    def cut_off(self) -> dict[str, bool]:
        """The users who are cut off now."""
        return {user: True for user, way in self._ways.items() if way.cut}

    def port(self, user: str) -> int:
        """Give the port on 127.0.0.1 that the user's browser connects to.

        Raises:
            BadRequestError: if there are too many users.
        """
        if user not in self._ways:
            if len(self._ways) == _MAX_USERS:
                raise BadRequestError("unable to connect another user; there are too many; start the demo anew")
            self._ways[user] = _Way(self._host, int(self._port))
        return self._ways[user].port

    def cut(self, user: str, time: timedelta) -> None:
        """Cut all connections of a user, and let none through for a time from now, in place of any earlier cut.

        No time at all ends a cut. Nothing happens to a user who is unknown.
        """
        way = self._ways.get(user)
        if way is not None:
            way.cut_for(time.total_seconds())


class _Way:
    """The way of one user."""

    def __init__(self, host: str, port: int) -> None:
        self.cut = False
        self._target = (host, port)
        self._writers: set[asyncio.StreamWriter] = set()
        self._connections: set[asyncio.Task[None]] = set()
        self._mend: asyncio.TimerHandle | None = None
        listener = socket.create_server((_HOST, 0))
        self.port: int = listener.getsockname()[1]
        # It listens from here on: who connects before the next line has run waits a moment.
        self._serving = asyncio.create_task(asyncio.start_server(self._accept, sock=listener))

    def cut_for(self, seconds: float) -> None:
        if self._mend is not None:
            self._mend.cancel()
        if not seconds:
            self._restore()
            return
        self._mend = asyncio.get_running_loop().call_later(seconds, self._restore)
        self.cut = True
        self._abort()

    async def close(self) -> None:
        if self._mend is not None:
            self._mend.cancel()
        (await self._serving).close()
        self._abort()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _restore(self) -> None:
        self.cut, self._mend = False, None

    def _abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        connection = asyncio.create_task(self._pass_on(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.cut:
                return
            there_reader, there_writer = await asyncio.open_connection(*self._target)
            self._writers.add(there_writer)
            try:
                await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))
            finally:
                self._writers.discard(there_writer)
                there_writer.transport.abort()
        except OSError:
            return  # one end is gone
        finally:
            self._writers.discard(writer)
            writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry bytes one way until an end closes."""
    while chunk := await reader.read(_CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    with suppress(OSError):
        writer.write_eof()
