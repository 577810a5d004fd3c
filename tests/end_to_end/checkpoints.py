"""Checkpoints: an activity, in this process or another, stops where a story wants it, and goes on when told to.

An activity connects to the story, names the place it has come to, and waits until the connection is closed. So nobody
polls, and a process that is killed or stopped there behaves as it would anywhere.
"""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from temporalio import activity

if TYPE_CHECKING:
    from typing_extensions import Self

ADDRESS = "STORY_CHECKPOINTS"
WAIT_S = 30.0
BEAT_S = 0.1


async def checkpoint(place: str, *, beating: bool = False) -> str:
    """Wait here until the story says so. It may be cancelled like any await.

    Args:
        place: what the story calls it.
        beating: whether to heartbeat meanwhile.

    Returns:
        What the story had to say.
    """
    reader, writer = await asyncio.open_connection(*_address())
    heart = asyncio.ensure_future(_beat()) if beating else None
    try:
        writer.write(f"{place}\n".encode())
        return (await reader.read()).decode()
    finally:
        writer.close()
        if heart:
            heart.cancel()


async def _beat() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(BEAT_S)


def checkpoint_in_a_thread(place: str, *, beating: bool = False) -> None:
    """Wait here, in a thread, until the story says so; see `checkpoint`."""
    with socket.create_connection(_address()) as connection:
        connection.sendall(f"{place}\n".encode())
        connection.settimeout(BEAT_S if beating else None)
        while not _is_over(connection):
            activity.heartbeat()


def _is_over(connection: socket.socket) -> bool:
    try:
        connection.recv(1)
    except TimeoutError:
        return False
    return True


def _address() -> tuple[str, int]:
    host, _, port = os.environ[ADDRESS].rpartition(":")
    return host, int(port)


@dataclass
class Visit:
    """An activity that waits at a checkpoint."""

    left: asyncio.Event = field(default_factory=asyncio.Event)
    word: str = ""

    def go_on(self, word: str = "") -> None:
        """Let the activity go on, with a word."""
        self.word = word
        self.left.set()


class Checkpoints:
    """The story's side; an async context manager."""

    def __init__(self) -> None:
        self._places: dict[str, asyncio.Queue[Visit]] = {}
        self._visits: list[Visit] = []
        self._open: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """What the environment variable `ADDRESS` must be for activities."""
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    async def reached(self, place: str) -> Visit:
        """Wait until an activity is at a place.

        Raises:
            AssertionError: none came there.
        """
        try:
            return await asyncio.wait_for(self._place(place).get(), WAIT_S)
        except asyncio.TimeoutError:
            raise AssertionError(f"no activity came to {place!r}") from None

    def _place(self, place: str) -> asyncio.Queue[Visit]:
        return self._places.setdefault(place, asyncio.Queue())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        place = (await reader.readline()).decode().strip()
        visit = Visit()
        self._visits.append(visit)
        self._place(place).put_nowait(visit)
        await visit.left.wait()
        writer.write(visit.word.encode())
        writer.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for visit in self._visits:
            visit.go_on()
        await asyncio.gather(*self._open)
