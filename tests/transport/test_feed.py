"""A channel's messages over one connection after another: the real SDK on the local server."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from temporal_ably._transport.base import Credentials, Stored
from temporal_ably._transport.feed import Feed, read_history
from temporal_ably._transport.realtime import RealtimeConnection
from temporal_ably._wire.operations import Append, Message, Publish
from temporal_ably.errors import ConnectionLostError, HistoryError, PublishError
from temporal_ably.server import LocalServer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

CHANNEL = "ai:wf"
WAIT_S = 30


class Reading:
    """A feed on the test's own loop, and what it gave."""

    def __init__(self, server: LocalServer, *operations: str) -> None:
        self.taken: list[Stored] = []
        self.news: list[bool] = []
        self.away = False
        self._server = server
        self._changed = asyncio.Event()
        self._operations = list(operations) or ["*"]
        self.feed = Feed(CHANNEL, self._connect, self._take, self._note)

    def _connect(self) -> RealtimeConnection:
        async def token(_: object) -> str:
            return self._server.token("reader", {"*": self._operations})

        return RealtimeConnection(
            Credentials("", self._server.endpoint, tls=False, client_id="reader", auth_callback=token)
        )

    def _take(self, message: Stored) -> None:
        self.taken.append(message)
        self._changed.set()

    def _note(self) -> None:
        self.news.append(self.live)
        self._changed.set()

    @property
    def live(self) -> bool:
        return self.feed.live

    def allow(self, *operations: str) -> None:
        self._operations = list(operations)

    def texts(self) -> set[object]:
        return {each.data for each in self.taken}

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), WAIT_S)


@pytest.fixture
async def server() -> AsyncGenerator[LocalServer]:
    async with LocalServer() as started:
        yield started


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("temporal_ably._transport.backoff._PAUSES_S", (0.01,))


@asynccontextmanager
async def running(reading: Reading) -> AsyncGenerator[asyncio.Task[None]]:
    task = asyncio.ensure_future(reading.feed.run())
    yield task
    task.cancel()
    await asyncio.wait({task})


@asynccontextmanager
async def writer(server: LocalServer) -> AsyncGenerator[RealtimeConnection]:
    made = RealtimeConnection(Credentials(server.key, server.endpoint, tls=False, client_id="writer"))
    await made.open()
    yield made
    await made.close()


def says(*texts: str) -> Publish:
    return Publish(tuple(Message("plain", text, {}) for text in texts))


async def test_history_comes_first_and_then_what_is_published(server: LocalServer) -> None:
    reading = Reading(server)
    async with writer(server) as out, running(reading):
        await out.send(CHANNEL, says("a", "b"))
        await reading.until(lambda: reading.live)
        assert {"a", "b"} <= reading.texts()
        await out.send(CHANNEL, says("c"))
        await reading.until(lambda: "c" in reading.texts())
    assert reading.news == [True, False]
    await server.wait_for(lambda _: server.connection_count == 0)


async def test_what_is_published_while_the_history_is_read_is_not_missed(server: LocalServer) -> None:
    """The channel is attached before; each message comes at least once, at every moment of a start."""
    async with writer(server) as out:
        sending = asyncio.ensure_future(_send_numbers(out, 60))
        for _ in range(5):
            reading = Reading(server)
            async with running(reading):
                await reading.until(lambda reading=reading: reading.live)
                seen = len(server.messages(CHANNEL))
                await reading.until(lambda reading=reading, seen=seen: len({m.serial for m in reading.taken}) >= seen)
        await sending


async def _send_numbers(out: RealtimeConnection, count: int) -> None:
    for number in range(count):
        await out.send(CHANNEL, says(str(number)))


async def test_long_history_comes_whole(server: LocalServer) -> None:
    async with writer(server) as out:
        for number in range(11):
            await out.send(CHANNEL, says(*(f"{number}-{each}" for each in range(100))))
    taken: list[Stored] = []
    reader = RealtimeConnection(Credentials(server.key, server.endpoint, tls=False, client_id="reader"))
    await read_history(reader, CHANNEL, taken.append)
    assert [each.serial for each in taken] == [each["serial"] for each in reversed(server.messages(CHANNEL))]


async def test_after_a_cut_what_was_missed_is_read(server: LocalServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "temporal_ably")
    reading = Reading(server)
    async with writer(server) as out, running(reading):
        (serial,) = await out.send(CHANNEL, says("a"))
        await reading.until(lambda: reading.live)
        for text in ("b", "c"):
            server.faults.drop_connections(lambda about: about["clientId"] == "reader")
            await out.send(CHANNEL, says(text))
            await out.send(CHANNEL, Append(serial, Message("plain", text, {})))
            await reading.until(lambda text=text: text in reading.texts())
        await reading.until(lambda: "abc" in reading.texts())
    assert len([record for record in caplog.records if record.name == "temporal_ably"]) == 1


async def test_after_a_long_absence_what_was_missed_is_read(server: LocalServer) -> None:
    reading = Reading(server)
    async with writer(server) as out, running(reading):
        await reading.until(lambda: reading.live)
        reading.away = True
        server.faults.drop_connections(lambda about: about["clientId"] == "reader")
        await reading.until(lambda: not reading.live)
        await out.send(CHANNEL, says("a"))
        reading.away = False
        await reading.until(lambda: "a" in reading.texts())
        await reading.until(lambda: reading.live)


async def test_gap_has_the_history_read_again(server: LocalServer) -> None:
    reading = Reading(server)
    async with running(reading):
        await reading.until(lambda: reading.live)
        (accepted,) = server._hub.connections
        accepted._drop(CHANNEL)
        async with writer(server) as out:
            await out.send(CHANNEL, says("a"))
        error = {"code": 80020, "statusCode": 400, "message": "continuity lost"}
        accepted.send({"action": 11, "channel": CHANNEL, "flags": 1 << 18, "channelSerial": "1", "error": error})
        server.faults._shell.pump()
        await reading.until(lambda: "a" in reading.texts())
        await reading.until(lambda: reading.live)
    assert reading.news == [True, False, True, False]


# What ends it.


async def test_first_failure_ends_it_though_time_might_mend_it(server: LocalServer) -> None:
    reading = Reading(server)
    await server.stop_listening()
    async with running(reading) as task:
        with pytest.raises(ConnectionLostError, match="ABLY_ENDPOINT"):
            await task


@pytest.mark.parametrize(
    ("operations", "error", "said"),
    [(["history"], PublishError, "capability subscribe"), (["subscribe"], HistoryError, "history capability")],
)
async def test_missing_capability_ends_it_and_is_named(
    server: LocalServer, operations: list[str], error: type[Exception], said: str
) -> None:
    async with running(Reading(server, *operations)) as task:
        with pytest.raises(error, match=said):
            await task
    await server.wait_for(lambda _: server.connection_count == 0)


@pytest.mark.parametrize(("left", "error"), [("history", PublishError), ("subscribe", HistoryError)])
async def test_capability_that_is_taken_away_ends_it(server: LocalServer, left: str, error: type[Exception]) -> None:
    reading = Reading(server)
    async with running(reading) as task:
        await reading.until(lambda: reading.live)
        reading.allow(left)
        server.faults.drop_connections()
        with pytest.raises(error):
            await task
    assert reading.news == [True, False]


async def test_unforeseen_error_is_told_and_it_goes_on(
    server: LocalServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = Reading(server)
    async with running(reading):
        await reading.until(lambda: reading.live)

        async def fail(*_: object) -> None:
            monkeypatch.setattr(RealtimeConnection, "open", genuine)
            raise ZeroDivisionError

        genuine = RealtimeConnection.open
        monkeypatch.setattr(RealtimeConnection, "open", fail)
        server.faults.drop_connections()
        await reading.until(lambda: not reading.live)
        await reading.until(lambda: reading.live)
    assert "ZeroDivisionError" in caplog.text


async def test_cancelling_at_any_moment_leaves_no_connection(server: LocalServer) -> None:
    for turns in (0, 1, 2, 5, 10, 20, 40):
        async with running(Reading(server)):
            for _ in range(turns):
                await asyncio.sleep(0)
    await server.wait_for(lambda _: server.connection_count == 0)
