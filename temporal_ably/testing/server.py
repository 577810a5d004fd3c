"""The local Ably server on a thread of its own, for tests whatever event loop they run, or none."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, TypeVar

from temporal_ably.envelope import Envelope
from temporal_ably.errors import DecodeError
from temporal_ably.server import LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

T = TypeVar("T")


class ServerThread:
    """Runs a ``LocalServer`` in the background; a plain context manager.

    ```python
    with ServerThread() as ably:
        interceptor = AblyInterceptor(api_key=ably.key, endpoint=ably.endpoint, tls=False)
    ```
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ably-server", daemon=True)
        self._server: LocalServer

    def __enter__(self) -> ServerThread:
        """Start to listen."""
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(_start(), self._loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cut every socket and stop."""
        asyncio.run_coroutine_threadsafe(_stop(self._server), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def endpoint(self) -> str:
        """``host:port``, the value of ``ABLY_ENDPOINT``."""
        return self._server.endpoint

    @property
    def key(self) -> str:
        """The API key, the value of ``ABLY_API_KEY``."""
        return self._server.key

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables by which ``AblyInterceptor()`` finds the server."""
        return {"ABLY_API_KEY": self.key, "ABLY_ENDPOINT": self.endpoint, "ABLY_TLS": "0"}

    def run(self, function: Callable[[LocalServer], T]) -> T:
        """Call a function with the server, on the server's thread, and give what it returns.

        Args:
            function: for example ``lambda server: server.faults.refuse(code=93002)``.
        """
        return asyncio.run_coroutine_threadsafe(_call(function, self._server), self._loop).result()

    def envelopes(self, channel: str) -> list[Envelope]:
        """Give the messages of a channel as they are now, in the order of their serials.

        What is no message of a session is left out.
        """
        found = (_read(each, channel) for each in self.run(lambda server: server.messages(channel)))
        return [each for each in found if each is not None]


def _read(message: Mapping[str, object], channel: str) -> Envelope | None:
    try:
        return Envelope.of(message, channel=channel)
    except DecodeError:
        return None


async def _start() -> LocalServer:
    return await LocalServer().__aenter__()


async def _stop(server: LocalServer) -> None:
    await server.__aexit__()
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


async def _call(function: Callable[[LocalServer], T], server: LocalServer) -> T:
    return function(server)
