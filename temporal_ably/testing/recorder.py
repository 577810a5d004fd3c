"""``AblyRecorder``: what stands in Ably's place in a user's test, and what it has seen, as sessions and envelopes."""

from __future__ import annotations

import asyncio
import threading
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from temporal_ably._session.attempts import judged
from temporal_ably._session.fold import Fold
from temporal_ably._session.transcript import transcript
from temporal_ably._temporal.invocation import Invocation
from temporal_ably.testing.client import cancel, newest_run, say
from temporal_ably.testing.connection import RecordingConnection
from temporal_ably.testing.faults import Fate, Fault
from temporal_ably.testing.memory import Memory
from temporal_ably.testing.reading import check_known, read

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from temporal_ably._session.model import Session
    from temporal_ably.envelope import Envelope

_PATIENCE = timedelta(seconds=10)
# What begins a message stands in it, but says nothing.
_EMPTY_KINDS = ("start", "start-step")


class AblyRecorder:
    """Records what the interceptor publishes: no server, no network, no key, no rate limits.

    Use the pytest fixture ``ably_recorder``, or make one::

        async with AblyRecorder() as recorder:
            ably = AblyInterceptor(recorder=recorder)

    When an activity has returned, what it streamed is here. What follows its workflow's end (the end of the run) comes
    a moment later: wait for it with ``wait_ended``. It may be read from any thread; its ``str`` is all sessions, as
    indented lines.
    """

    def __init__(self) -> None:
        self._memory = Memory()
        self._lock = threading.Lock()
        self._folds: dict[str, tuple[Fold, int]] = {}
        self._closing: list[Callable[[], None]] = []

    # What the interceptor uses.

    def connect(self) -> RecordingConnection:
        """Give a connection. The interceptor calls this."""
        return RecordingConnection(self._memory)

    def on_close(self, close: Callable[[], None]) -> None:
        """Call a function when the recorder closes, to let go of it. The interceptor calls this."""
        self._closing.append(close)

    # What was published.

    @property
    def channels(self) -> list[str]:
        """The channels, in the order in which they were first published to."""
        return self._memory.names

    @property
    def envelopes(self) -> list[Envelope]:
        """All messages of all channels, each once and as it is now, in the order of their serials."""
        found = [each for channel in self.channels for each in self.envelopes_of(channel)]
        return sorted(found, key=lambda each: each.serial)

    def envelopes_of(self, channel: str) -> list[Envelope]:
        """Give the messages of a channel, as ``envelopes`` does.

        Raises:
            UnknownChannelError: if nothing was published to it.
        """
        check_known(channel, self.channels)
        return judged(read(self._memory.messages(channel), channel))

    @property
    def operations(self) -> list[Envelope]:
        """Every create, append and update, in order; an append holds only the text that it adds."""
        found = [each for channel in self.channels for each in judged(read(self._memory.log(channel), channel))]
        return sorted(found, key=lambda each: each.version)

    @property
    def canonical(self) -> list[Envelope]:
        """The parts of agents that count, one envelope a part, in the order of their serials.

        What only begins a message (``start``, ``start-step``) is left out.
        """
        return [each for each in self._parts() if not each.superseded]

    @property
    def superseded(self) -> list[Envelope]:
        """The parts that no longer count, because a later attempt replaced theirs; otherwise as ``canonical``."""
        return [each for each in self._parts() if each.superseded]

    def session(self, channel: str) -> Session:
        """Give the session as a client shows it now.

        Raises:
            UnknownChannelError: if nothing was published to it.
        """
        check_known(channel, self.channels)
        return self._session(channel)

    def transcript(self, channel: str) -> list[str]:
        """Give the session as indented lines.

        Raises:
            UnknownChannelError: if nothing was published to it.
        """
        return transcript(self.session(channel))

    def __str__(self) -> str:
        """Give all sessions as indented lines."""
        lines: list[str] = []
        for channel in self.channels:
            lines += [channel, *(f"  {line}" for line in transcript(self._session(channel)))]
        return "\n".join(lines or ["nothing was published"])

    def __repr__(self) -> str:
        """Give all sessions as indented lines: it is what a failing assertion shows."""
        return f"<AblyRecorder\n{self}\n>"

    # Waiting.

    async def wait_for(
        self, condition: Callable[[Session], bool], *, channel: str, timeout: timedelta = _PATIENCE
    ) -> Session:
        """Wait until a session fulfils a condition, and give it.

        Args:
            condition: asked now and after each operation; before the first one the session is empty.
            channel: the session's channel.
            timeout: how long to wait.

        Raises:
            TimeoutError: if it does not in time; the text shows the session.
        """
        loop, changed = asyncio.get_running_loop(), asyncio.Event()
        deadline = loop.time() + timeout.total_seconds()

        def tell() -> None:
            loop.call_soon_threadsafe(changed.set)

        self._memory.listen(tell)
        try:
            while True:
                changed.clear()
                session = self._session(channel)
                if condition(session):
                    return session
                if not await _happens(changed, deadline - loop.time()):
                    raise TimeoutError(
                        f"unable to see what the test waits for on {channel} within {timeout}; "
                        f"the recorder has:\n{self}"
                    )
        finally:
            self._memory.unlisten(tell)

    async def wait_ended(self, channel: str, *, timeout: timedelta = _PATIENCE) -> Session:
        """Wait until the newest run of a session has ended, and give the session.

        Raises:
            TimeoutError: if it does not in time; the text shows the session.
        """
        return await self.wait_for(_has_ended, channel=channel, timeout=timeout)

    # What clients do.

    def say(self, channel: str, text: str, *, client_id: str = "alice", run_id: str | None = None) -> Invocation:
        """Say something, as the user of a chat page does.

        Args:
            channel: the session's channel.
            text: what the user says.
            client_id: who says it.
            run_id: the run that it is said to while that goes on, for ``current_stream().steers()``; ``None`` for
                what is to be answered.

        Returns:
            What the page would post: a workflow with it as first argument answers this.
        """
        name = str(uuid.uuid4())
        self._memory.send(channel, say(self._session(channel), text, name, client_id=client_id, run_id=run_id or ""))
        return Invocation(inputEventId=name, sessionName=channel)

    def cancel(self, channel: str, run_id: str | None = None) -> None:
        """Stop a run, as the user of a chat page does.

        Args:
            channel: the session's channel.
            run_id: the run; ``None`` for the one that began last.

        Raises:
            LookupError: if there is none.
        """
        stopped = run_id or newest_run(self._session(channel), channel)
        self._memory.send(channel, cancel(stopped, str(uuid.uuid4())))

    # Faults.

    def fail_publish(self, n: int = 1, *, code: int = 40000, channel: str | None = None) -> None:
        """Have an operation refused.

        With the default code that one operation's text is lost to viewers, which ``ABLY_ON_FAILURE=fail`` makes
        a failure of the attempt. 42913 is a rate limit: the text waits. 40160 (capability) and 93002 (channel
        rule) are final: nothing more is sent for a while.

        Args:
            n: which of the operations from now on, counted from 1.
            code: Ably's error code.
            channel: count only the operations of this channel.
        """
        self._memory.order(Fault(Fate.REFUSED, n, code, channel))

    def lose_publish(self, n: int = 1, *, applied: bool, channel: str | None = None) -> None:
        """Have the connection break during an operation, so that the publisher cannot know what became of it.

        Args:
            n: which of the operations from now on, counted from 1.
            applied: whether it took effect.
            channel: count only the operations of this channel.
        """
        self._memory.order(Fault(Fate.APPLIED if applied else Fate.LOST, n, channel=channel))

    def away(self) -> Away:
        """Be out of reach during a ``with`` or ``async with`` block: connections break, and none can be made."""
        return Away(self._memory)

    # Its life.

    def clear(self) -> None:
        """Forget everything, faults too. Do it between two acts of a test, while nothing is streaming."""
        with self._lock:
            self._memory.clear()
            self._folds.clear()

    def close(self) -> None:
        """Have the interceptors let go of the recorder; what was recorded can still be read."""
        while self._closing:
            self._closing.pop()()

    def __enter__(self) -> AblyRecorder:
        """Give the recorder."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    async def __aenter__(self) -> AblyRecorder:
        """Give the recorder."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        # It waits for the interceptors' own thread.
        await asyncio.to_thread(self.close)

    # Reading.

    def _session(self, channel: str) -> Session:
        with self._lock:
            fold, count = self._folds.get(channel) or (Fold(), 0)
            new = self._memory.log(channel, count)
            for envelope in read(new, channel):
                fold.apply(envelope)
            self._folds[channel] = fold, count + len(new)
            return fold.session

    def _parts(self) -> list[Envelope]:
        own = [each for each in self.envelopes if each.event == "part"]
        return [each for each in own if each.part is not None and each.part.kind not in _EMPTY_KINDS]


class Away:
    """A time out of reach."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def __enter__(self) -> None:
        """Leave."""
        self._memory.leave()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Come back."""
        self._memory.come_back()

    async def __aenter__(self) -> None:
        """Leave."""
        self._memory.leave()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Come back."""
        self._memory.come_back()


async def _happens(event: asyncio.Event, timeout_s: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), timeout_s)
    except asyncio.TimeoutError:
        return False
    return True


def _has_ended(session: Session) -> bool:
    return bool(session.runs) and session.runs[-1].ended != ""
