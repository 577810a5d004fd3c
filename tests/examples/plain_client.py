"""The plain client as tests drive it, and messages as a channel with our tags would deliver them."""

from __future__ import annotations

import asyncio
import itertools
import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.end_to_end.node_process import NodeProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SCRIPT = Path(__file__).parent / "js" / "plain.mjs"
WAIT_S = 30.0

Json = dict[str, Any]

CALL: Json = {"toolCallId": "c1", "toolName": "getWeather"}
SHOWN_CALL: Json = {"type": "tool-getWeather", "toolCallId": "c1"}


class PlainClient:
    """The Node process that runs `examples/plain-client`."""

    def __init__(self, node: str) -> None:
        self.node = NodeProcess(node, SCRIPT)
        self._followers: list[Follower] = []
        self._pages: list[Page] = []
        self._names = itertools.count(1)

    async def fold(self, *lists: Sequence[Json]) -> list[Json]:
        """Fold each list of messages into a session of its own."""
        return await self.node.call("fold", "", lists=[list(messages) for messages in lists])

    async def fold_one(self, messages: Sequence[Json]) -> Json:
        """Fold messages into a session with one run; returns the run."""
        (run,) = (await self.fold(messages))[0]["runs"]
        return run

    async def follow(self, endpoint: str, channel: str, auth: str) -> Follower:
        """Watch a channel, as `watch.mjs` does; returns when all up to now was taken in."""
        follower = Follower(self.node, f"follower-{next(self._names)}")
        self._followers.append(follower)
        await self.node.call("follow", follower.name, endpoint=endpoint, channel=channel, auth=auth)
        return follower

    async def open_page(
        self, url: str, *, executable: str, scheme: str = "light", width: int = 1000, height: int = 800
    ) -> Page:
        """Open a page in a browser."""
        page = Page(self.node, f"page-{next(self._names)}")
        self._pages.append(page)
        size = {"width": width, "height": height}
        await self.node.call("open", page.name, url=url, executable=executable, scheme=scheme, **size)
        return page

    async def close_all(self) -> None:
        """Stop all watching and close all pages; the Node process, and its browser, stay."""
        followers, self._followers = self._followers, []
        pages, self._pages = self._pages, []
        for each in (*followers, *pages):
            await each.close()


class Follower:
    """A session that is being watched. `sessions` are all that it ever was, oldest first."""

    def __init__(self, node: NodeProcess, name: str) -> None:
        self.name = name
        self.sessions: list[Json] = [{"runs": []}]
        self._node = node
        node.listeners[name] = lambda line: self.sessions.append(line["value"])

    async def wait_for(self, condition: Callable[[Json], bool]) -> Json:
        """Wait until the session is as wanted."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(
                self._node.wait_until(lambda: bool(self._node.failure) or condition(self.sessions[-1])), WAIT_S
            )
        assert condition(self.sessions[-1]), (self._node.failure, self.sessions[-1])
        return self.sessions[-1]

    async def wait_ended(self) -> Json:
        """Wait until every run has ended."""

        def ended(session: Json) -> bool:
            return bool(session["runs"]) and all(run["status"] != "active" for run in session["runs"])

        return await self.wait_for(ended)

    async def close(self) -> None:
        """Stop watching."""
        await self._node.call("unfollow", self.name)


class Page:
    """A page in a browser."""

    def __init__(self, node: NodeProcess, name: str) -> None:
        self.name = name
        self._node = node

    async def wait(self, expression: str) -> None:
        """Wait until an expression of JavaScript is true."""
        await self._node.call("wait", self.name, expression=expression)

    async def wait_for_text(self, text: str) -> None:
        """Wait until the page shows a text."""
        await self.wait(f"document.body.innerText.includes({json.dumps(text)})")

    async def read(self, expression: str) -> Any:
        """Give the value of an expression of JavaScript."""
        return await self._node.call("read", self.name, expression=expression)

    async def complaints(self) -> list[str]:
        """Give the errors on the browser's console."""
        return await self._node.call("complaints", self.name)

    async def picture(self, path: Path) -> None:
        """Take a picture of the whole page."""
        await self._node.call("picture", self.name, path=str(path))

    async def close(self) -> None:
        """Close the page."""
        await self._node.call("close", self.name)


class Writer:
    """Writes what a channel would deliver: `messages`, each as the `ably` package for JavaScript gives it."""

    def __init__(self, run: str = "run") -> None:
        self.messages: list[Json] = []
        self._run = run
        self._clock = itertools.count(1)

    def _deliver(self, action: str, serial: str, version: str, data: object, tags: dict[str, str]) -> None:
        message = {"action": f"message.{action}", "serial": serial, "version": {"serial": version}, "data": data}
        self.messages.append({**message, "extras": {"headers": tags}})

    def _tick(self) -> str:
        return f"{next(self._clock):06}"

    def create(self, event: str, data: object = None, **tags: str) -> str:
        """Publish a message; tags are named without their prefix and with underscores. Returns its serial."""
        serial = self._tick()
        common = {"v": "1", "event": event, "session-run": self._run}
        self._deliver("create", serial, serial, data, _tagged({**common, **tags}))
        return serial

    def operate(self, action: str, serial: str, data: object = None, **tags: str) -> None:
        """Append to a message, update or delete it; the tags overlay those that it had."""
        before = next(each for each in reversed(self.messages) if each["serial"] == serial)
        self._deliver(action, serial, self._tick(), data, {**before["extras"]["headers"], **_tagged(tags)})

    def attempt(self, number: int = 1, step: str = ":0:1", started: int | None = None, **tags: str) -> Attempt:
        """Open an attempt of a step."""
        own = {"step": step, "attempt": str(number), "started": str(1000 * number if started is None else started)}
        origin = {"workflow-id": "wf", "run-id": "r1", "activity-id": step, "length": "0", **own}
        named = {"activity-type": "speak", "workflow-type": "Chat", "agent": "Chat"}
        self.create("step-start", **{**origin, **named, **tags})
        return Attempt(self, {**origin, **tags})

    def end(self, reason: str = "complete", **tags: str) -> None:
        """End the run."""
        self.create("run-end", reason=reason, **tags)


class Attempt:
    """Writes the messages of one attempt."""

    def __init__(self, writer: Writer, tags: dict[str, str]) -> None:
        self._writer = writer
        self._tags = tags

    def part(self, kind: str, data: object = "", *, message: int = 0, **fields: object) -> str:
        """Publish a whole part."""
        part = json.dumps({"type": kind, **fields})
        return self._writer.create("part", data, **self._tags, message=str(message), part=part)

    def begin(self, *, message: int = 0, **metadata: object) -> None:
        """Begin a message as every message begins."""
        self.part("start", message=message, messageMetadata=metadata)
        self.part("start-step", message=message)

    def stream(
        self, kind: str, *deltas: str, message: int = 0, status: str = "complete", lost: int = 0, **fields: object
    ) -> str:
        """Stream a part; `status` empty leaves it open."""
        part, said = json.dumps({"type": kind, **fields}), lost
        tags = {**self._tags, "message": str(message), "part": part, "status": "streaming"}
        serial = self._writer.create("part", "", **tags)
        for delta in deltas:
            said += len(delta)
            self._writer.operate("append", serial, delta, length=str(said))
        if status:
            self._writer.operate("append", serial, "", length=str(said), status=status)
        return serial

    def end(self, reason: str = "complete") -> None:
        """End the attempt."""
        self._writer.create("step-end", **self._tags, reason=reason)


def _tagged(tags: dict[str, str]) -> dict[str, str]:
    return {f"temporal-{name.replace('_', '-')}": value for name, value in tags.items()}


def history(messages: Sequence[Json]) -> list[Json]:
    """Give the messages as history has them: the latest whole version of each, newest message first."""
    latest: dict[str, Json] = {}
    for message in messages:
        known = latest.get(message["serial"])
        if message["action"] == "message.append" and known is not None:
            data = (known["data"] or "") + message["data"]
            latest[message["serial"]] = {**message, "action": "message.update", "data": data}
        else:
            latest[message["serial"]] = message
    return [latest[serial] for serial in sorted(latest, reverse=True)]


def retried() -> Writer:
    """A run whose first attempt failed in mid-sentence and whose second called a tool, beside a child's step."""
    writer = Writer()
    writer.create("run-start", workflow_id="wf")
    first = writer.attempt(1)
    first.begin(attempt=1)
    dead = first.stream("text", "Let me ", "gue", status="cancelled", id="0")
    first.end("failed")
    child = writer.attempt(1, step="0.1:0:1", agent="Researcher")
    child.begin(attempt=1)
    second = writer.attempt(2)
    second.begin(attempt=2)
    writer.operate("update", dead, "Let me gue", superseded_by="2000")
    second.stream("reasoning", "think", "ing", id="0")
    child.stream("text", "I ", "found ", "it.", id="0")
    second.stream("tool-input", '{"city":', '"Oslo"}', **CALL)
    second.part("data-progress", {"percent": 10}, id="p")
    second.part("tool-output-available", {"output": {"temp": 3}}, toolCallId="c1")
    second.part("data-progress", {"percent": 100}, id="p")
    second.stream("text", "3 °C, ", "🌧.", id="1")
    second.end()
    child.end()
    writer.end()
    return writer


def texts(run: Json) -> list[str]:
    """The text of each message."""
    return ["".join(part.get("text", "") for part in message["parts"]) for message in run["messages"]]
