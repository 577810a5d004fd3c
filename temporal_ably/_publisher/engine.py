"""The engine: one daemon thread with its own event loop, shared by the whole process.

A user who blocks the worker's loop does not stall streams, and a blocking call inside the SDK
does not stall workers. It starts at first need and is drained when the interpreter exits.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import os
import threading
from typing import TYPE_CHECKING, TypeVar

from temporal_ably._publisher.reports import report_unexpected
from temporal_ably._transport.secrets import ENGINE_THREAD, report_loop_error

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Awaitable, Callable, Coroutine

T = TypeVar("T")


class Engine:
    """The thread and its loop."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._context = contextvars.Context()
        self.loop.set_exception_handler(report_loop_error)
        self._pid = os.getpid()
        self._drains: list[Callable[[], Awaitable[None]]] = []
        self._thread = threading.Thread(target=self._run, name=ENGINE_THREAD, daemon=True)
        self._thread.start()
        atexit.register(self._drain_at_exit)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def submit(self, work: Coroutine[object, object, T]) -> concurrent.futures.Future[T]:
        """Run a coroutine on the engine's loop, from any thread."""
        # Nor in the caller's context; one that runs already cannot be entered here.
        return self._context.copy().run(asyncio.run_coroutine_threadsafe, work, self.loop)

    def call(self, function: Callable[[], None]) -> None:
        """Run a function on the engine's loop, from any thread."""
        # Not in the caller's context: what starts here would keep an activity's or a workflow's alive.
        self.loop.call_soon_threadsafe(function, context=self._context)

    def on_exit(self, drain: Callable[[], Awaitable[None]]) -> None:
        """Await ``drain`` before the interpreter exits, after those added later. It bounds its own time."""
        self._drains.append(drain)

    def forget(self, drain: Callable[[], Awaitable[None]]) -> None:
        """Do not await ``drain`` any more."""
        self._drains.remove(drain)

    def _drain_at_exit(self) -> None:
        if self._pid != os.getpid():
            # A forked child inherits the exit handler, but not the thread.
            return
        for drain in reversed(self._drains):
            try:
                self.submit(_awaited(drain)).result()
            except Exception as err:  # noqa: BLE001, PERF203 - the others are drained all the same
                report_unexpected("publish what is left before exit", err)


async def _awaited(drain: Callable[[], Awaitable[None]]) -> None:
    await drain()


_lock = threading.Lock()
_engines: dict[int, Engine] = {}


def engine() -> Engine:
    """Give the process's engine; a forked child gets its own."""
    with _lock:
        found = _engines.get(os.getpid())
        if found is None:
            found = _engines[os.getpid()] = Engine()
        return found
