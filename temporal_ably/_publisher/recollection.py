"""The sessions that activities of this process speak in, as far as an agent has to know them.

A turn's session is read once; who asks later in the turn, another step or another attempt, has only that read what was
created since the turn began. So each asks as often as it likes, and never misses what a step before it said.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from temporal_ably._session.fold import Fold
from temporal_ably._session.model import Session
from temporal_ably._transport.feed import read_history
from temporal_ably._transport.subscription import retrieve
from temporal_ably.envelope import Envelope
from temporal_ably.errors import DecodeError, HistoryError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from temporal_ably._transport.base import Connection, Stored

logger = logging.getLogger("temporal_ably")

_RETRY_S = (0.5, 1.0, 2.0)
# Whoever asked may have been faster than his message.
_INPUT_S = (0.1, 0.2, 0.4, 0.8, 1.5, 2.0)
# Messages of a channel, of which an answer takes some ten.
_READ = 5000
# Of all turns together; and turns.
_KEPT = 10_000
_TURNS = 100
# Two times of Ably may come from two clocks.
_SLACK_MS = 10_000


class Turn(NamedTuple):
    """What is answered: a run of a channel, and the event id of the input, empty without one."""

    channel: str
    run: str
    input: str


@dataclass(eq=False)
class _Known:
    """What is known of a turn. ``read_at`` is when the last reading began, as ``time.monotonic()`` has it."""

    fold: Fold
    session: Session = field(default_factory=Session)
    count: int = 0
    since_ms: int = 0
    read_at: float = float("-inf")
    waited: bool = False
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    def waits_for(self, event_id: str) -> bool:
        """Whether the input may still come."""
        known = not event_id or any(each.event_id == event_id for each in self.session.inputs)
        return not (known or self.waited)


class Recollection:
    """Reads sessions for agents. Lives on the engine's loop.

    Args:
        connect: makes an unopened connection.
        agent_client_id: the client id that agents publish with, empty to believe all.
    """

    def __init__(self, connect: Callable[[], Connection], agent_client_id: str) -> None:
        self._connect = connect
        self._agent = agent_client_id
        self._turns: OrderedDict[Turn, _Known] = OrderedDict()

    async def session(self, turn: Turn, not_before: float) -> Session:
        """Give the session of a turn.

        Args:
            turn: the turn.
            not_before: a time, as ``time.monotonic()`` has it; what was on the channel by then is there.

        Raises:
            HistoryError: if it cannot be read.
        """
        # Who gives up waiting does not end what others wait for as well.
        reading = asyncio.ensure_future(self._session(turn, not_before))
        reading.add_done_callback(retrieve)
        return await asyncio.shield(reading)

    async def _session(self, turn: Turn, not_before: float) -> Session:
        known = self._turns.setdefault(turn, _Known(Fold(agent_client_id=self._agent)))
        self._turns.move_to_end(turn)
        async with known.reading:
            if known.read_at < not_before:
                await self._read(turn, known)
        self._forget()
        return known.session

    async def _read(self, turn: Turn, known: _Known) -> None:
        await self._read_once(turn, known)
        for delay_s in _INPUT_S:
            if not known.waits_for(turn.input):
                return
            await asyncio.sleep(delay_s)
            await self._read_once(turn, known)
        known.waited = True

    async def _read_once(self, turn: Turn, known: _Known) -> None:
        began = time.monotonic()
        stored = await self._history(turn.channel, known.since_ms)
        # Beside the loop, which has streams to serve.
        await asyncio.to_thread(_take, known, turn, stored)
        known.read_at = began

    async def _history(self, channel: str, since_ms: int) -> list[Stored]:
        for delay_s in (*_RETRY_S, None):
            found: list[Stored] = []
            try:
                await read_history(self._connect(), channel, found.append, since_ms=since_ms, limit=_READ)
            except HistoryError as err:
                if delay_s is None or not err.retryable:
                    raise
                logger.debug("%s; trying again", err)
                await asyncio.sleep(delay_s)
            else:
                return found
        return []

    def _forget(self) -> None:
        """Forget turns that nobody asked about for longest, but the last one."""
        while len(self._turns) > 1 and (len(self._turns) > _TURNS or self._count > _KEPT):
            turn = next(iter(self._turns))
            if self._turns[turn].reading.locked():
                return
            del self._turns[turn]

    @property
    def _count(self) -> int:
        return sum(known.count for known in self._turns.values())


def _take(known: _Known, turn: Turn, stored: Sequence[Stored]) -> None:
    """Fold messages, newest first, and note since when they may change in the turn's time."""
    since_ms = known.since_ms
    for message in stored:
        envelope = _envelope(message, turn.channel)
        if envelope is None:
            continue
        known.fold.apply(envelope)
        own = envelope.event_id == turn.input if turn.input else envelope.session_run == turn.run
        if own or not since_ms:
            since_ms = (message.timestamp or 0) - _SLACK_MS
    known.count = max(known.count, len(stored))
    known.since_ms = max(since_ms, 0)
    known.session = known.fold.session


def _envelope(message: Stored, channel: str) -> Envelope | None:
    try:
        return Envelope.of(message, channel=channel)
    except DecodeError:
        return None  # Whatever else is published to the channel.
