"""The publisher: runs a schedule against connections.

It lives on the engine's loop. The user's side talks to it through a deque and one wake a batch,
from any thread, and never waits for it except at an attempt's end.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

from temporal_ably._publisher.attempt import Attempt
from temporal_ably._publisher.schedule import Rates, Schedule
from temporal_ably.errors import ConnectionLostError, MessageTooLargeError, PublishError

if TYPE_CHECKING:
    from temporal_ably._publisher.attempt import Plan
    from temporal_ably._publisher.engine import Engine
    from temporal_ably._publisher.outbox import Outbox, Ticket
    from temporal_ably._publisher.run_end import RunEnd
    from temporal_ably._transport.base import Connection, Stored
    from temporal_ably._wire.events import StepReason
    from temporal_ably._wire.operations import Operation

logger = logging.getLogger("temporal_ably")

REFUSED_PAUSE_S = 60.0
IDLE_S = 30.0
_BACKOFF_S = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
_CONNECTION_RATE = 42911
_KEY_CODES = range(40100, 40200)


class Delivery(Enum):
    """How an attempt's output stands when its end has been waited for."""

    DELIVERED = "delivered"
    HELD = "held"


@dataclass(frozen=True)
class Outcome:
    """The end of an attempt: what became of its output, and the last error, if any."""

    delivery: Delivery
    lost_chars: int = 0
    error: PublishError | None = None

    @property
    def whole(self) -> bool:
        """Whether all of the output is on the channel."""
        return self.delivery is Delivery.DELIVERED and self.lost_chars == 0 and self.error is None


@dataclass
class _Lane:
    connection: Connection | None = None
    failures: int = 0
    task: asyncio.Task[None] | None = None


@dataclass
class _Ending:
    attempt: Attempt
    future: concurrent.futures.Future[Outcome]
    patient: bool


@dataclass
class _Inbox:
    """Commands on their way to the engine, with the bytes of text among them."""

    commands: deque[Callable[[float], None]] = field(default_factory=deque[Callable[[float], None]])
    held_bytes: int = 0
    woken: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class Publisher:
    """Everything that is published with one set of credentials.

    Args:
        engine: where it lives.
        connect: makes an unopened connection; called on the engine's loop.
        rates: the budgets.
        buffer_bytes: how much text is held before new text is lost, as a visible gap.
    """

    def __init__(self, engine: Engine, connect: Callable[[], Connection], *, rates: Rates, buffer_bytes: int) -> None:
        self.engine = engine
        self._connect = connect
        self._buffer_bytes = buffer_bytes
        self._schedule = Schedule(rates)
        self._lanes: dict[int, _Lane] = {}
        self._inbox = _Inbox()
        self._held_bytes = 0
        self._endings: list[_Ending] = []
        self._current: dict[tuple[str, str, str], Attempt] = {}
        self._opened_runs: set[tuple[str, str]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()
        self._error: PublishError | None = None
        self._reported: set[tuple[str, int]] = set()

    # Called from any thread.

    def post(self, command: Callable[[float], None]) -> None:
        """Have ``command(now)`` run on the engine's loop, in order."""
        inbox = self._inbox
        inbox.commands.append(command)
        if not inbox.woken:
            inbox.woken = True
            self.engine.call(self._pump)

    def post_text(self, attempt: Attempt, key: int, text: str) -> None:
        """Hand over text. Where the buffer is full it becomes a gap."""
        size = len(text.encode("utf-8", "surrogatepass"))
        with self._inbox.lock:
            fits = self._inbox.held_bytes + size <= self._buffer_bytes
            if fits:
                self._inbox.held_bytes += size
        if fits:
            self.post(partial(self._text, attempt, key, text, size))
        else:
            self.post(partial(self._lose, attempt, key, len(text)))

    def post_finish(self, attempt: Attempt, reason: StepReason, *, patient: bool) -> concurrent.futures.Future[Outcome]:
        """End an attempt.

        Args:
            attempt: the attempt.
            reason: how it ended.
            patient: whether the future also waits while Ably is out of reach.

        Returns:
            A future of what became of its output.
        """
        future: concurrent.futures.Future[Outcome] = concurrent.futures.Future()
        self.post(partial(self._finish, _Ending(attempt, future, patient), reason))
        return future

    # Called on the engine's loop.

    def add(self, outbox: Outbox, now: float) -> None:
        """Take an outbox in."""
        self._schedule.add(outbox, now)

    def add_attempt(self, attempt: Attempt, now: float) -> None:
        """Take an attempt in; an earlier one of the same step in this process is fenced."""
        plan = attempt.plan
        place = (plan.channel, plan.run.id, plan.step)
        earlier = self._current.get(place)
        if earlier is not None and not earlier.done:
            earlier.fence(now)
        self._current[place] = attempt
        if (plan.channel, plan.run.id) in self._opened_runs:
            attempt.run_is_open()
        self._schedule.add(attempt, now)

    def is_writing(self, plan: Plan) -> bool:
        """Tell whether this process writes the plan's step."""
        attempt = self._current.get((plan.channel, plan.run.id, plan.step))
        return attempt is not None and not attempt.done

    def end_run(self, end: RunEnd, now: float) -> None:
        """Publish a run's end once its own outboxes are empty; what is still being written is cut off."""
        for outbox in self._schedule.outboxes():
            if isinstance(outbox, Attempt) and outbox.run_id == end.run_id and not outbox.finished:
                outbox.fence(now)
        self._opened_runs.discard((end.channel, end.run_id))
        self._schedule.add(end, now)

    async def history(self, channel: str) -> list[Stored]:
        """Read a channel's messages, newest first.

        Raises:
            HistoryError: if they cannot be read.
        """
        return [stored async for stored in self._connect().history(channel)]

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Run something beside the pump, on the engine's loop."""
        task = self.engine.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def wake(self) -> None:
        """Look again at what can be sent."""
        self._pump()

    async def drain(self, timeout_s: float) -> None:
        """Wait until everything that was finished is published, while Ably is within reach."""
        deadline = self.engine.loop.time() + timeout_s
        self._pump()
        while any(_is_over(outbox) and self._within_reach(outbox) for outbox in self._schedule.outboxes()):
            remaining = deadline - self.engine.loop.time()
            if remaining <= 0:
                return
            try:
                await asyncio.wait_for(self._changed.wait(), remaining)
            except asyncio.TimeoutError:
                return

    async def close_if_idle(self) -> None:
        """Let go of all connections, unless something is still being written."""
        if self._schedule.outboxes():
            return
        for lane in list(self._lanes.values()):
            if lane.task is not None:
                lane.task.cancel()
                await asyncio.wait({lane.task})
        if self._timer is not None:
            self._timer.cancel()

    # Commands.

    def _text(self, attempt: Attempt, key: int, text: str, size: int, now: float) -> None:
        with self._inbox.lock:
            self._inbox.held_bytes -= size
        if self._held_bytes + size > self._buffer_bytes:
            self._held_bytes = sum(o.held_bytes for o in self._schedule.outboxes() if isinstance(o, Attempt))
        if self._held_bytes + size > self._buffer_bytes:
            self._lose(attempt, key, len(text), now)
        else:
            self._held_bytes += size
            attempt.text(key, text, now)

    def _lose(self, attempt: Attempt, key: int, chars: int, now: float) -> None:
        del now
        if not attempt.muted and attempt.lost_chars == 0:
            logger.error(
                "unable to hold more text for %s; ABLY_BUFFER_BYTES=%d is full; text of step %s is lost to viewers, "
                "the activity's result is not",
                attempt.channel,
                self._buffer_bytes,
                attempt.plan.step,
            )
        attempt.lose(key, chars)

    def _finish(self, ending: _Ending, reason: StepReason, now: float) -> None:
        ending.attempt.finish(reason, now)
        self._endings.append(ending)

    # The pump.

    def _pump(self) -> None:
        now = self.engine.loop.time()
        self._inbox.woken = False
        while self._inbox.commands:
            self._inbox.commands.popleft()(now)
        self._start_lanes()
        connected = {number: lane.connection for number, lane in self._lanes.items() if lane.connection is not None}
        for number, ticket in self._schedule.take(now, connected):
            self.spawn(self._deliver(connected[number], ticket, ticket.outbox.take(ticket, now)))
        self._forget_done()
        self._settle_endings()
        self._arm(now)
        self._changed.set()
        self._changed = asyncio.Event()

    def _start_lanes(self) -> None:
        for number in self._schedule.lanes_with_work() - self._lanes.keys():
            lane = self._lanes[number] = _Lane()
            lane.task = self.engine.loop.create_task(self._run_lane(number, lane))

    async def _deliver(self, connection: Connection, ticket: Ticket, operation: Operation) -> None:
        outbox = ticket.outbox
        try:
            serials = await connection.send(outbox.channel, operation)
        except ConnectionLostError:
            outbox.doubted(ticket)
        except PublishError as err:
            self._refused(ticket, err)
        else:
            outbox.acked(ticket, serials, self.engine.loop.time())
            if isinstance(outbox, Attempt) and outbox.opened:
                self._opened_runs.add((outbox.channel, outbox.run_id))
        self._pump()

    def _refused(self, ticket: Ticket, err: PublishError) -> None:
        channel, now = ticket.outbox.channel, self.engine.loop.time()
        self._error = err
        if 42900 <= err.code < 43000:
            ticket.outbox.unsent(ticket)
            self._schedule.limited(channel, connection=err.code == _CONNECTION_RATE, now=now)
        elif err.retryable or isinstance(err, MessageTooLargeError):
            logger.error("%s", err)
            ticket.outbox.abandon(ticket)
        else:
            ticket.outbox.unsent(ticket)
            self._schedule.pause(channel, now + REFUSED_PAUSE_S)
            self._report(err)

    def _forget_done(self) -> None:
        for place in [place for place, attempt in self._current.items() if attempt.done]:
            del self._current[place]
        for channel, number in self._schedule.drop_done():
            lane = self._lanes.get(number)
            if lane is not None and lane.connection is not None:
                lane.connection.release(channel)

    def _settle_endings(self) -> None:
        waiting: list[_Ending] = []
        for ending in self._endings:
            if ending.attempt.done:
                _resolve(
                    ending, Outcome(Delivery.DELIVERED, ending.attempt.lost_chars, self._gap_error(ending.attempt))
                )
            elif not ending.patient and not self._within_reach(ending.attempt):
                _resolve(ending, Outcome(Delivery.HELD, ending.attempt.lost_chars, self._error))
            else:
                waiting.append(ending)
        self._endings = waiting

    def _gap_error(self, attempt: Attempt) -> PublishError | None:
        return self._error if attempt.lost_chars or (attempt.muted and not attempt.opened) else None

    def _within_reach(self, outbox: Outbox) -> bool:
        number = self._schedule.lane_of(outbox.channel)
        lane = self._lanes.get(number) if number is not None else None
        return (lane is None or lane.failures == 0) and not self._schedule.is_paused(
            outbox.channel, self.engine.loop.time()
        )

    def _arm(self, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wakeup = self._schedule.next_wakeup()
        if wakeup is not None:
            self._timer = self.engine.loop.call_at(max(wakeup, now), self._pump)

    # Lanes.

    async def _run_lane(self, number: int, lane: _Lane) -> None:
        try:
            while number in self._schedule.lanes_with_work():
                await self._run_connection(number, lane, self._connect())
        finally:
            del self._lanes[number]

    async def _run_connection(self, number: int, lane: _Lane, connection: Connection) -> None:
        try:
            await connection.open()
            self._reached(lane)
            lane.connection = connection
            self._pump()
            await self._until_lost_or_idle(number, connection)
        except PublishError as err:
            self._unreachable(lane, err)
            await asyncio.sleep(_backoff_s(lane.failures) if err.retryable else REFUSED_PAUSE_S)
        finally:
            lane.connection = None
            await connection.close()

    async def _until_lost_or_idle(self, number: int, connection: Connection) -> None:
        while True:
            done, _ = await asyncio.wait({connection.lost}, timeout=IDLE_S)
            if done or number not in self._schedule.lanes_with_work():
                return

    def _reached(self, lane: _Lane) -> None:
        if lane.failures:
            logger.info("connected to Ably again; held text is being sent")
        lane.failures = 0
        self._error = None
        self._reported.clear()

    def _unreachable(self, lane: _Lane, err: PublishError) -> None:
        lane.failures += 1
        self._error = err
        if err.retryable and lane.failures == 1:
            logger.warning("%s; activities go on, their text is held and sent later", err)
        elif not err.retryable:
            self._report(err)
        self._pump()

    def _report(self, err: PublishError) -> None:
        if (err.channel, err.code) not in self._reported:
            self._reported.add((err.channel, err.code))
            logger.error("%s; activities go on; trying again every %.0f s", err, REFUSED_PAUSE_S)


def _is_over(outbox: Outbox) -> bool:
    return not isinstance(outbox, Attempt) or outbox.finished


def _backoff_s(failures: int) -> float:
    spread = random.uniform(0.75, 1.25)  # noqa: S311 - jitter, no secret
    return spread * _BACKOFF_S[min(failures, len(_BACKOFF_S)) - 1]


def _resolve(ending: _Ending, outcome: Outcome) -> None:
    if not ending.future.done():
        ending.future.set_result(outcome)
