"""Sessions as Ably's own JavaScript client shows them: one Node process (`js/view.mjs`) that serves many viewers.

A viewer keeps every view it was ever told of: a test can say what was shown, and what was never shown.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.end_to_end.node_process import WAIT_S, Json, NodeClients, NodeProcess

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence


@dataclass(frozen=True)
class Message:
    """One message of the view: a `UIMessage` of the Vercel AI SDK and the id it has on the wire."""

    id: str
    codec_message_id: str
    role: str
    metadata: Mapping[str, Any]
    parts: tuple[Mapping[str, Any], ...]

    @property
    def text(self) -> str:
        """The message's text parts, joined."""
        return "".join(part["text"] for part in self.parts if part["type"] == "text")

    @property
    def content(self) -> Json:
        """What every reader must agree on; the id is the same in both tiers."""
        assert self.id == self.codec_message_id
        return {"id": self.id, "metadata": self.metadata, "parts": list(self.parts)}


@dataclass(frozen=True)
class Step:
    """One step of a run: its canonical attempt's status and how many attempts the client saw."""

    id: str
    status: str
    attempt_count: int


@dataclass(frozen=True)
class Run:
    """One visible run; `error` is the text shown for a failed one."""

    id: str
    status: str
    steps: tuple[Step, ...]
    error: str | None


@dataclass(frozen=True)
class View:
    """What a user interface shows at one moment; `received` is the version of the newest message taken in."""

    messages: tuple[Message, ...] = ()
    runs: tuple[Run, ...] = ()
    received: str = ""

    @property
    def texts(self) -> list[str]:
        """The text of each assistant message, in the order shown."""
        return [message.text for message in self.messages if message.role == "assistant"]


def _message(data: Json) -> Message:
    return Message(
        id=data["id"],
        codec_message_id=data["codecMessageId"],
        role=data["role"],
        metadata=data.get("metadata") or {},
        parts=tuple(data["parts"]),
    )


def _run(data: Json) -> Run:
    steps = tuple(Step(step["id"], step["status"], step["attemptCount"]) for step in data["steps"])
    return Run(data["id"], data["status"], steps, data["error"]["message"] if data["error"] else None)


def _view(data: Json) -> View:
    return View(tuple(map(_message, data["messages"])), tuple(map(_run, data["runs"])), data["received"])


@dataclass
class _Record:
    """What Node has told of one session. Written by the reading thread, read by tests: lists only grow."""

    views: list[View] = field(default_factory=lambda: [View()])
    connection: list[str] = field(default_factory=list[str])
    errors: list[Json] = field(default_factory=list[Json])
    steered: dict[str, Json] = field(default_factory=dict[str, Json])
    failure: str | None = None

    def apply(self, line: Json) -> None:
        if line["event"] == "view":
            self.views.append(_view(line))
        elif line["event"] == "error":
            self.errors.append(line)
        elif line["event"] == "steered":
            self.steered[line["message"]] = line["outcome"]
        else:
            self.connection.append(line["state"])
            if line["state"] == "failed":
                self.failure = f"the connection failed: {line['reason']}"


class Viewer:
    """One client session with the view that a user interface would show."""

    def __init__(self, node: NodeProcess, name: str) -> None:
        self._node = node
        self._name = name
        self._record = _Record()
        node.listeners[name] = self._record.apply

    @property
    def view(self) -> View:
        """The latest view."""
        return self._record.views[-1]

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages shown now."""
        return self.view.messages

    @property
    def texts(self) -> list[str]:
        """The text of each assistant message shown now."""
        return self.view.texts

    @property
    def run_statuses(self) -> dict[str, str]:
        """The status of each visible run, by run id, in the order shown."""
        return {run.id: run.status for run in self.view.runs}

    @property
    def history_of_views(self) -> Sequence[View]:
        """Every view shown so far, oldest first."""
        return tuple(self._record.views)

    @property
    def errors(self) -> Sequence[Json]:
        """The `error` events of the session: `code`, `message`."""
        return tuple(self._record.errors)

    @property
    def connection_states(self) -> Sequence[str]:
        """Every state of the connection so far, oldest first."""
        return tuple(self._record.connection)

    async def wait_for(self, condition: Callable[[View], bool], *, timeout: float = WAIT_S) -> View:
        """Return the first view, from now on, for which the condition holds; none is skipped, however short-lived.

        Raises:
            AssertionError: no such view came in time, the connection failed, or Node died.
        """
        position = len(self._record.views) - 1
        found: list[View] = []

        def met() -> bool:
            nonlocal position
            while not found and position < len(self._record.views):
                view = self._record.views[position]
                position += 1
                if condition(view):
                    found.append(view)
            return bool(found)

        await self._wait(met, "the condition never held", timeout)
        return found[0]

    async def wait_settled_text(self, texts: Sequence[str], *, status: str = "complete") -> None:
        """Wait until every visible run has the status and the assistant messages read exactly so."""
        expected = list(texts)

        def settled(view: View) -> bool:
            return bool(view.runs) and all(run.status == status for run in view.runs) and view.texts == expected

        await self._wait(lambda: settled(self.view), f"the view never settled at {expected}", WAIT_S)

    async def wait_received(self, version: str) -> View:
        """Return the view at which the client has taken in the message with this version serial, shown or not."""
        return await self.wait_for(lambda view: view.received >= version)

    async def snapshot(self) -> View:
        """Ask the client for what it shows at this moment."""
        await self._node.call("snapshot", self._name)
        return self.view

    async def plain_runs(self) -> dict[str, Json]:
        """What the plain client of `examples/plain-client` makes of the same deliveries: its runs, by id."""
        session = await self._node.call("plain", self._name)
        return {run["id"]: run for run in session["runs"]}

    async def drop(self) -> None:
        """Cut the connection as a failing network does, and wait until the client has it again."""
        await self._call_and_wait_for_state("drop", "connected")

    @asynccontextmanager
    async def offline(self) -> AsyncGenerator[None]:
        """Cut the connection and let no new one through until the block ends; then wait until the client is back."""
        await self._call_and_wait_for_state("offline", "disconnected")
        yield
        await self._call_and_wait_for_state("online", "connected")

    async def edit(self, target: str, text: str, *, message_id: str) -> Json:
        """Replace a prompt, named by its codec message id, and give what `send` gives."""
        return await self._node.call("edit", self._name, target=target, text=text, messageId=message_id)

    async def regenerate(self, target: str) -> Json:
        """Have an answer, named by its codec message id, made again, and give what `send` gives."""
        return await self._node.call("regenerate", self._name, target=target)

    async def cancel(self, sent: Json) -> None:
        """Stop the run of what was sent, by the handle of it; `sent` is what `send` gave."""
        await self._node.call("cancel", self._name, input=sent["inputCodecMessageId"])

    async def cancel_run(self, run_id: str) -> None:
        """Stop a run that anybody began, by its id."""
        await self._node.call("cancelRun", self._name, run=run_id)

    async def steer(self, sent: Json, text: str, *, message_id: str) -> None:
        """Say something to the run of what was sent, while it goes on; returns once it is on the channel."""
        await self._node.call("steer", self._name, input=sent["inputCodecMessageId"], text=text, messageId=message_id)

    async def outcome_of_steer(self, message_id: str) -> Json:
        """Wait until the client knows whether the agent heeded what was said."""
        await self._wait(lambda: message_id in self._record.steered, f"nobody told of steer {message_id}", WAIT_S)
        return self._record.steered[message_id]

    async def send(self, text: str, *, message_id: str) -> Json:
        """Send a prompt as this user; returns `inputCodecMessageId` and the `invocation` that an agent would get."""
        return await self._node.call("send", self._name, text=text, messageId=message_id)

    async def close(self) -> None:
        """Leave the session and end its connection."""
        await self._node.call("close", self._name)

    async def _call_and_wait_for_state(self, command: str, state: str) -> None:
        states = self._record.connection
        before = len(states)
        await self._node.call(command, self._name)
        await self._wait(lambda: state in states[before:], f"the connection was never {state} after {command}", WAIT_S)

    async def _wait(self, met: Callable[[], bool], complaint: str, timeout_s: float) -> None:
        def done() -> bool:
            return met() or bool(self._record.failure or self._node.failure)

        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._node.wait_until(done), timeout_s)
        if not met():
            raise AssertionError(f"{complaint}; {self._picture()}")

    def _picture(self) -> str:
        failure = self._node.failure or self._record.failure
        messages = [(message.role, message.codec_message_id, message.text) for message in self.messages]
        return (
            f"failure: {failure}; connection: {list(self.connection_states)}; errors: {list(self.errors)}; "
            f"runs: {self.run_statuses}; messages: {messages}"
        )


class Viewers(NodeClients[Viewer]):
    """Opens viewers in one Node process; use as a context manager, which ends the process."""

    async def open(
        self,
        endpoint: str,
        channel: str,
        *,
        key: str | None = None,
        token: str | None = None,
        client_id: str = "alice",
        binary: bool = True,
    ) -> Viewer:
        """Open a session like a page that has just been loaded: connect, attach, then read the whole history.

        Args:
            endpoint: "host:port" of a local server.
            channel: the session's channel.
            key: API key; else `token`.
            token: a token or JWT.
            client_id: the user's client id.
            binary: msgpack, not JSON.

        Raises:
            ViewerError: the client could not connect, attach or read the history.
        """
        node = self._running()
        name = f"viewer-{next(self._names)}"
        viewer = Viewer(node, name)
        self._open.append(viewer)
        host, _, port = endpoint.rpartition(":")
        options = {"host": host, "port": int(port), "tls": False, "key": key, "token": token}
        await node.call("open", name, channel=channel, clientId=client_id, binary=binary, **_without_none(options))
        return viewer


def _without_none(options: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}
