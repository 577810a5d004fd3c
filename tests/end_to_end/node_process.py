"""The Node process behind the viewers: JSON commands in; replies and events out.

A thread reads what Node writes and wakes the coroutines that wait for it, so any event loop may use the process.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import threading
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

SCRIPT = Path(__file__).parent / "js" / "view.mjs"
WAIT_S = 30.0

Json = dict[str, Any]


class ViewerError(Exception):
    """The JavaScript client refused a command, or died."""


class NodeProcess:
    """The Node process: commands in, replies and events out."""

    def __init__(self, node: str, script: Path = SCRIPT) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own script
            [node, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", bufsize=1
        )
        self._ids = itertools.count(1)
        self._replies: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self._wakers: set[Callable[[], object]] = set()
        self.listeners: dict[str, Callable[[Json], None]] = {}
        """What to call, in the reading thread, with each event of a session."""
        self.failure: str | None = None
        """Why the process is of no more use, if it is not."""
        self._reader = threading.Thread(target=self._read, name="viewer", daemon=True)
        self._reader.start()

    async def call(self, command: str, session: str, **arguments: object) -> Any:
        """Send a command and return the result of its reply.

        Raises:
            ViewerError: the command was refused, or Node died.
        """
        reply: Future[Any] = Future()
        with self._lock:
            if self.failure:
                raise ViewerError(self.failure)
            number = next(self._ids)
            self._replies[number] = reply
            line = json.dumps({"id": number, "command": command, "session": session, **arguments})
            assert self._process.stdin is not None
            self._process.stdin.write(line + "\n")
        return await asyncio.wait_for(asyncio.wrap_future(reply), WAIT_S)

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition, asked again after each line that Node writes."""
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # The waiter's loop may end while Node writes.
                loop.call_soon_threadsafe(changed.set)

        with self._lock:
            self._wakers.add(wake)
        try:
            while not condition():
                await changed.wait()
                changed.clear()
        finally:
            with self._lock:
                self._wakers.discard(wake)

    def stop(self) -> None:
        """Close standard input, which tells Node to quit, and wait until it has."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(WAIT_S)
        self._reader.join(WAIT_S)
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._take(json.loads(line))
        self._fail("the Node process ended; its standard error says why")

    def _take(self, line: Json) -> None:
        if line["event"] == "crash":
            self._fail(f"the JavaScript client threw: {line['stack'] or line['message']}")
        elif line["event"] == "reply":
            reply = self._replies.pop(line["id"], None)
            if reply is not None and reply.set_running_or_notify_cancel():
                _settle(reply, line)
        else:
            self.listeners[line["session"]](line)
        self._wake()

    def _fail(self, reason: str) -> None:
        with self._lock:
            self.failure = self.failure or reason
            replies = list(self._replies.values())
            self._replies.clear()
        for reply in replies:
            if reply.set_running_or_notify_cancel():
                reply.set_exception(ViewerError(reason))
        self._wake()

    def _wake(self) -> None:
        with self._lock:
            wakers = list(self._wakers)
        for wake in wakers:
            wake()


def _settle(reply: Future[Any], line: Json) -> None:
    if "error" in line:
        reply.set_exception(ViewerError(f"{line['error']['message']} (code {line['error']['code']})"))
    else:
        reply.set_result(line["result"])


class _Client(Protocol):
    async def close(self) -> None: ...


ClientT = TypeVar("ClientT", bound=_Client)


class NodeClients(Generic[ClientT]):
    """Clients in one Node process, which is started at need; use as a context manager, which ends the process."""

    script = SCRIPT

    def __init__(self, node: str = "node") -> None:
        self._command = node
        self._node: NodeProcess | None = None
        self._names = itertools.count(1)
        self._open: list[ClientT] = []

    def _running(self) -> NodeProcess:
        if self._node is None or self._node.failure:
            self.stop()
            self._node = NodeProcess(self._command, self.script)
        return self._node

    async def close_all(self) -> None:
        """Close every client that is open; the Node process stays, for the next test."""
        clients, self._open = self._open, []
        for client in clients:
            with suppress(ViewerError):
                await client.close()

    def stop(self) -> None:
        """End the Node process; a later `open` starts another."""
        if self._node is not None:
            self._node.stop()
            self._node = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
