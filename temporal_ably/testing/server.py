"""The local Ably server on a thread of its own, for tests whatever event loop they run, or none."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, TypeVar

from temporal_ably._session.attempts import judged
from temporal_ably._session.transcript import transcript
from temporal_ably.server import LocalServer
from temporal_ably.testing.reading import check_known, fold, read

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from temporal_ably._session.model import Session
    from temporal_ably.envelope import Envelope

T = TypeVar("T")


class ServerThread:
    """Runs a ``LocalServer`` in the background; a context manager, plain or async.

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

    async def __aenter__(self) -> ServerThread:
        """Start to listen."""
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cut every socket and stop."""
        await asyncio.to_thread(self.__exit__, kind, error, trace)

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
        return judged(read(self.run(lambda server: server.messages(channel)), channel))

    def session(self, channel: str) -> Session:
        """Give the session as a client that has just joined shows it.

        Raises:
            UnknownChannelError: if nothing was published to it.
        """
        check_known(channel, self.run(lambda server: server.channels))
        return fold(self.envelopes(channel))

    def transcript(self, channel: str) -> list[str]:
        """Give the session as indented lines.

        Raises:
            UnknownChannelError: if nothing was published to it.
        """
        return transcript(self.session(channel))


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
