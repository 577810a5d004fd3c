"""The publisher without Temporal: real SDK, local server, JavaScript client. For faults that must hit one operation."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from temporal_ably._publisher.attempt import Attempt
from temporal_ably._publisher.engine import engine
from temporal_ably._publisher.plan import Plan
from temporal_ably._publisher.publisher import Publisher
from temporal_ably._publisher.run_end import RunEnd
from temporal_ably._publisher.schedule import Rates
from temporal_ably._transport.base import Credentials, Timeouts
from temporal_ably._transport.realtime import RealtimeConnection
from temporal_ably._wire.events import Run, RunClosed, RunReason, StepReason
from temporal_ably._wire.parts import Streamed
from temporal_ably._wire.tags import Origin

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence

    from temporal_ably._publisher.outcome import Outcome
    from temporal_ably.server import LocalServer
    from temporal_ably.server.protocol import Connection as ServerConnection
    from tests.end_to_end.viewer import Viewer, Viewers

# Budgets that never make a test wait.
FAST = Rates(channel_per_s=1000, connection_per_s=1000)

CLIENT_ID = "temporal-ably"

TEXT = Streamed("text", "", {"id": ""})

Wire = dict[str, Any]
T = TypeVar("T")


def is_append(message: Wire) -> bool:
    """Match an append that carries text and does not close its part."""
    return message.get("action") == 5 and header(message, "status") == "streaming"


def is_create(message: Wire) -> bool:
    """Match the publish that opens a message."""
    return message.get("name") == "ai-output" and not message.get("action")


def header(message: Wire, name: str) -> str | None:
    """A transport header of a message in wire form."""
    return message["extras"]["ai"]["transport"].get(name)


def is_publisher(about: Wire) -> bool:
    """Match the publisher's connection, not a viewer's."""
    return about["clientId"] == CLIENT_ID


class Seen:
    """A match that knows whether it has met its operation."""

    def __init__(self, match: Callable[[Wire], bool]) -> None:
        self._match = match
        self.met = False

    def __call__(self, message: Wire) -> bool:
        found = self._match(message)
        self.met = self.met or found
        return found


class Writer:
    """What an activity is to the publisher: one attempt with one text part."""

    def __init__(self, line: Line, attempt: Attempt) -> None:
        self._line = line
        self.attempt = attempt
        self._text = ""
        line.publisher.post(partial(line.publisher.add_attempt, attempt))
        line.publisher.post(partial(attempt.open_part, 1, 0, TEXT))

    def say(self, text: str) -> None:
        """Stream text; it goes into the engine's queue."""
        self._text += text
        self._line.publisher.post_text(self.attempt, 1, text)

    async def heard(self) -> None:
        """Wait until all that was said is on the channel."""
        await self._line.server.wait_for(lambda _: self._text in self._line.stored_texts())

    async def lost_on_the_way(self, text: str, *, applied: bool = False) -> None:
        """Say something that the server takes in and never acknowledges."""
        seen = Seen(is_append)
        self._line.server.faults.ignore(match=seen, apply=applied)
        self.say(text)
        await self._line.server.wait_for(lambda _: seen.met)

    async def told(self, text: str) -> None:
        """Say something and wait until it is on the channel."""
        self.say(text)
        await self.heard()

    def finish(self, reason: StepReason = "complete", *, patient: bool = True) -> asyncio.Future[Outcome]:
        """End the attempt; the future tells what became of its output."""
        return asyncio.wrap_future(self._line.publisher.post_finish(self.attempt, reason, patient=patient))


class Line:
    """A publisher and a channel with one run."""

    def __init__(self, server: LocalServer, viewers: Viewers, channel: str, timeouts: Timeouts, rates: Rates) -> None:
        self.server = server
        self.channel = channel
        self.connections: list[RealtimeConnection] = []
        self._viewers = viewers
        self._timeouts = timeouts
        self._steps = itertools.count(1)
        self._loop = asyncio.get_running_loop()
        self._connecting = asyncio.Event()
        self._run = Run(f"{channel}-run", f"{channel}-run/in")
        self.publisher = Publisher(engine(), self._connect, rates=rates, buffer_bytes=1 << 24, timeouts=timeouts)

    def _connect(self) -> RealtimeConnection:
        credentials = Credentials(self.server.key, self.server.endpoint, tls=False, client_id=CLIENT_ID)
        connection = RealtimeConnection(credentials, self._timeouts)
        self.connections.append(connection)
        self._loop.call_soon_threadsafe(self._connecting.set)
        return connection

    async def connection_number(self, number: int) -> RealtimeConnection:
        """Wait until the publisher begins its n-th connection, counted from 1."""
        while len(self.connections) < number:
            self._connecting.clear()
            await self._connecting.wait()
        return self.connections[number - 1]

    @property
    def server_side(self) -> ServerConnection | None:
        """The server's end of the publisher's connection."""
        found = [each for each in self.server._hub.connections if each.identity.client_id == CLIENT_ID]
        return found[-1] if found else None

    def send_frame(self, frame: Wire) -> None:
        """Have the server send the publisher something out of turn."""
        assert self.server_side is not None
        self.server_side.send(frame)
        self.server.pump()

    async def on_engine(self, work: Coroutine[object, object, T]) -> T:
        """Run something on the publisher's thread."""
        return await asyncio.wrap_future(self.publisher.engine.submit(work))

    def begin(self) -> Writer:
        """Begin another step of the run."""
        number = next(self._steps)
        origin = Origin(self.channel, self.channel, "Line", str(number), "speak", 1, number, "speak", "default", "line")
        plan = Plan(self.channel, self._run, f":0:{number}", origin, self.channel, self.channel)
        return Writer(self, Attempt(plan))

    def again(self, writer: Writer) -> Writer:
        """Begin another attempt of a writer's step."""
        plan = writer.attempt.plan
        later = replace(plan.origin, attempt=plan.origin.attempt + 1, started_us=plan.origin.started_us + 1)
        return Writer(self, Attempt(replace(plan, origin=later)))

    def end_run(self, reason: RunReason = "complete") -> None:
        """End the run, as the watcher does."""
        end = RunEnd(self.channel, RunClosed(self._run, reason), self.channel, self.channel)
        self.publisher.post(partial(self.publisher.end_run, end))

    async def view(self) -> Viewer:
        """Open the session as a page that has just been loaded."""
        return await self._viewers.open(self.server.endpoint, self.channel, key=self.server.key)

    def stored(self, matches: Callable[[Wire], bool] = lambda _: True) -> list[Wire]:
        """Messages of the channel as they are now."""
        return [message for message in self.server.messages(self.channel) if matches(message)]

    def stored_texts(self) -> list[str]:
        """The text of each streamed part, as it is now."""
        return [each.get("data") or "" for each in self.stored() if header(each, "stream") == "true"]

    async def assert_shown(self, live: Viewer, texts: Sequence[str]) -> None:
        """End the run; live and from history everybody sees exactly these messages, and nothing is there twice."""
        self.end_run()
        await live.wait_settled_text(texts)
        fresh = await self._viewers.open(self.server.endpoint, self.channel, key=self.server.key, client_id="bob")
        await fresh.wait_settled_text(texts)
        self.assert_nothing_twice()

    def assert_nothing_twice(self) -> None:
        """Every message is on the channel once: told apart by name, step, attempt, message and part."""
        seen = [
            (message["name"], *(header(message, name) for name in _IDENTITY), _kind(message))
            for message in self.stored()
        ]
        assert len(seen) == len(set(seen)), f"something is on the channel twice: {seen}"


_IDENTITY = ("step-id", "step-start-serial", "codec-message-id", "stream-id")


def _kind(message: Wire) -> object:
    return message["extras"]["ai"].get("codec", {}).get("kind"), message["extras"]["headers"].get("temporal-started")


@asynccontextmanager
async def open_line(
    server: LocalServer,
    viewers: Viewers,
    channel: str,
    *,
    timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
    rates: Rates = FAST,
) -> AsyncGenerator[Line]:
    """Open a line; at the end it lets go of everything."""
    line = Line(server, viewers, channel, timeouts, rates)
    yield line
    await line.on_engine(line.publisher.drain(10.0))
    await line.on_engine(line.publisher.close_if_idle())
    assert line.publisher._lanes.idle, "the line still has something to send"
