"""``SessionReader``: a session as it stands, and as it goes on, for Python programs. ``read_session``: once.

The SDK runs on the publisher's thread, so that what the reader's own loop is busy with never costs a connection.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from temporal_ably._publisher.engine import engine
from temporal_ably._session.fold import Fold
from temporal_ably._transport.feed import Feed, read_history
from temporal_ably._transport.realtime import RealtimeConnection
from temporal_ably.envelope import Envelope
from temporal_ably.errors import DecodeError, SettingsError, StreamClosedError
from temporal_ably.settings import check_function, check_recorder, credentials, load

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from types import TracebackType

    from temporal_ably._session.model import Session
    from temporal_ably._transport.base import AuthCallback, Connection, Connector, Stored
    from temporal_ably.settings import AblySettings


class SessionReader:
    """Reads a session: its history, then live, without a gap however often the network fails.

    ::

        async with SessionReader("ai:chat-42") as reader:
            async for session in reader.changes():
                print(session.text)

    To open it is to wait until all of the history is read. Where Ably cannot be reached later on, the reader goes on
    trying, and reads again what it missed. It publishes nothing; its key needs the capabilities history and subscribe.

    Args:
        channel: the session's channel, as ``session_name`` gives it.
        settings: all settings; ``None`` reads them from the environment (``ABLY_API_KEY`` and so on).
        agent_client_id: the client id that agents publish with, which is the workers' ``ABLY_CLIENT_ID``; what looks
            like an agent's output and comes from another client is left out. By default everybody is believed: give
            it wherever clients may publish to the channel, as users of a chat do.
        auth_callback: gives Ably tokens, as that of ``AblyInterceptor``, on the same thread.
        recorder: an ``AblyRecorder`` to read from, for tests. It knows no client ids.
        overrides: single settings by field name, which go before either.

    Raises:
        SettingsError: if a setting or argument is missing or wrong; the text names it.
    """

    def __init__(
        self,
        channel: str,
        settings: AblySettings | None = None,
        *,
        agent_client_id: str = "",
        auth_callback: AuthCallback | None = None,
        recorder: Connector | None = None,
        **overrides: object,
    ) -> None:
        self._channel = channel
        self._connect = _connector(settings, auth_callback, recorder, overrides)
        self._fold = Fold(agent_client_id="" if recorder is not None else agent_client_id)
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self._waking = False
        self._closed = False
        self._error: BaseException | None = None
        # Of the engine's loop.
        self._feed: Feed | None = None
        self._missed: list[Envelope] = []
        self._following: asyncio.Task[None] | None = None

    # What is read.

    @property
    def session(self) -> Session:
        """The session as it stands. May be asked for on any thread."""
        with self._lock:
            return self._fold.session

    @property
    def live(self) -> bool:
        """Whether the session is followed live; while Ably is out of reach it stays as it was."""
        return self._feed is not None and self._feed.live

    async def changes(self) -> AsyncGenerator[Session, None]:
        """Yield the session as it stands, and then whenever it has changed, until the reader is closed.

        Who is slow misses what lay between, never the newest: there is no backlog.

        Raises:
            PublishError: if Ably refuses to go on, as when a capability is revoked; what was read stays readable.
            HistoryError: if the history may not be read any more.
            StreamClosedError: if the reader was not opened.
        """
        self._check_open()
        shown: Session | None = None
        while True:
            changed, error, closed = self._changed, self._error, self._closed
            session = self.session
            if session != shown:
                shown = session
                yield session
            elif error is not None:
                raise error.with_traceback(None)
            elif closed:
                return
            else:
                await changed.wait()

    async def until(self, condition: Callable[[Session], bool]) -> Session:
        """Wait until the session fulfils a condition, and give it.

        Args:
            condition: asked now, after each change, and whenever ``live`` changes. A time limit is the caller's, as
                with ``asyncio.wait_for``.

        Raises:
            PublishError: as ``changes``.
            HistoryError: as ``changes``.
            StreamClosedError: if the reader is not open, or is closed meanwhile.
        """
        self._check_open()
        while True:
            changed, error, closed = self._changed, self._error, self._closed
            session = self.session
            if condition(session):
                return session
            if error is not None:
                raise error.with_traceback(None)
            if closed:
                raise StreamClosedError("unable to wait any longer; the reader was closed; keep it open meanwhile")
            await changed.wait()

    def _check_open(self) -> None:
        if self._loop is None:
            raise StreamClosedError("unable to read; the reader is not open; use it in `async with`")

    # Its life.

    async def __aenter__(self) -> SessionReader:
        """Connect, read the history, and give the reader.

        Raises:
            PublishError: if Ably cannot be reached (``ConnectionLostError``), or refuses.
            HistoryError: if the history cannot be read.
            StreamClosedError: if it was opened before.
        """
        if self._loop is not None:
            raise StreamClosedError("unable to open a reader twice; it was opened before; make a new one")
        self._loop = asyncio.get_running_loop()
        try:
            await asyncio.wrap_future(engine().submit(self._start()))
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the connection; what was read stays readable."""
        await self._close()

    async def _close(self) -> None:
        await asyncio.wrap_future(engine().submit(self._stop()))
        self._closed = True
        self._wake()

    # On the engine's loop.

    async def _start(self) -> None:
        began = asyncio.Event()

        def note() -> None:
            began.set()
            self._catch_up()

        self._feed = Feed(self._channel, self._connect, self._take, note)
        self._following = asyncio.ensure_future(self._feed.run())
        beginning = asyncio.ensure_future(began.wait())
        try:
            await asyncio.wait({self._following, beginning}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            beginning.cancel()
        if self._following.done():
            self._following.result()
        self._following.add_done_callback(self._ended)

    async def _stop(self) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait({self._following})

    def _ended(self, following: asyncio.Task[None]) -> None:
        if not following.cancelled():
            self._error = following.exception()
            self._note_change()

    def _take(self, stored: Stored) -> None:
        envelope = _read(stored, self._channel)
        if envelope is None or self._feed is None:
            return
        if not self._feed.live:
            self._missed.append(envelope)
            return
        with self._lock:
            changed = self._fold.apply(envelope)
        if changed:
            self._note_change()

    def _catch_up(self) -> None:
        # All at once: of history the newest comes first, and no end of a run was ever there without its text.
        missed, self._missed = self._missed, []
        if self._feed is not None and self._feed.live:
            with self._lock:
                for envelope in missed:
                    self._fold.apply(envelope)
        self._note_change()

    def _note_change(self) -> None:
        with self._lock:
            if self._waking or self._loop is None:
                return
            self._waking = True
        try:
            self._loop.call_soon_threadsafe(self._wake)
        except RuntimeError:
            # Its loop has closed, with the reader open.
            return

    # On the reader's loop.

    def _wake(self) -> None:
        with self._lock:
            self._waking = False
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


async def read_session(
    channel: str,
    settings: AblySettings | None = None,
    *,
    agent_client_id: str = "",
    auth_callback: AuthCallback | None = None,
    recorder: Connector | None = None,
    **overrides: object,
) -> Session:
    """Give a session as it stands now, from its history alone.

    Args:
        channel: the session's channel, as ``session_name`` gives it.
        settings: all settings; ``None`` reads them from the environment (``ABLY_API_KEY`` and so on).
        agent_client_id: the client id that agents publish with; see ``SessionReader``.
        auth_callback: gives Ably tokens, as that of ``AblyInterceptor``.
        recorder: an ``AblyRecorder`` to read from, for tests.
        overrides: single settings by field name, which go before either.

    Raises:
        HistoryError: if the history cannot be read.
        SettingsError: if a setting or argument is missing or wrong; the text names it.
    """
    connect = _connector(settings, auth_callback, recorder, overrides)
    fold = Fold(agent_client_id="" if recorder is not None else agent_client_id)

    def take(stored: Stored) -> None:
        envelope = _read(stored, channel)
        if envelope is not None:
            fold.apply(envelope)

    async def read() -> Session:
        connection = connect()
        try:
            await read_history(connection, channel, take)
        finally:
            await connection.close()
        return fold.session

    return await asyncio.wrap_future(engine().submit(read()))


def _read(stored: Stored, channel: str) -> Envelope | None:
    try:
        return Envelope.of(stored, channel=channel)
    except DecodeError:
        return None  # Whatever else is published to the channel.


def _connector(
    settings: AblySettings | None,
    auth_callback: AuthCallback | None,
    recorder: Connector | None,
    overrides: dict[str, object],
) -> Callable[[], Connection]:
    check_function("auth_callback", auth_callback)
    check_recorder(recorder)
    # ABLY_ENABLED is about publishing.
    loaded = load(settings, overrides, needs_key=False)
    if recorder is not None:
        return recorder.connect
    if loaded.api_key is None and auth_callback is None:
        raise SettingsError(
            "unable to read from Ably; ABLY_API_KEY is not set; set it to a key of your Ably app with the capabilities "
            "history and subscribe, pass auth_callback=, or run a local server with `temporal-ably dev`"
        )
    given = credentials(loaded, auth_callback)
    return lambda: RealtimeConnection(given)
