"""The publisher: runs a schedule against connections.

It lives on the engine's loop. The user's side talks to it through a deque and one wake a batch,
from any thread, and never waits for it except at an attempt's end.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
from contextlib import aclosing, suppress
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from temporal_ably._publisher.accounts import Accounts
from temporal_ably._publisher.attempt import Attempt
from temporal_ably._publisher.inbox import Inbox
from temporal_ably._publisher.lanes import Lanes
from temporal_ably._publisher.listening import Listening
from temporal_ably._publisher.marking import Marking
from temporal_ably._publisher.marks import Marks
from temporal_ably._publisher.outcome import Delivery, Ending, Endings, Outcome
from temporal_ably._publisher.reports import Reports, report_unexpected
from temporal_ably._publisher.schedule import Rates, Schedule
from temporal_ably._publisher.telemetry import telemetry
from temporal_ably._transport.base import Timeouts
from temporal_ably._wire.parts import size_bytes
from temporal_ably.errors import ConnectionLostError, MessageTooLargeError, PublishError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from temporal_ably._publisher.engine import Engine
    from temporal_ably._publisher.outbox import Outbox, Ticket
    from temporal_ably._publisher.run_end import RunEnd
    from temporal_ably._publisher.suspension import Suspension
    from temporal_ably._publisher.telemetry import Account
    from temporal_ably._transport.base import Connection, Stored
    from temporal_ably._wire.events import StepReason
    from temporal_ably._wire.operations import Operation
    from temporal_ably._wire.parts import Whole

logger = logging.getLogger("temporal_ably")

_RATE_CODES = range(42900, 43000)
# What Ably says of a channel's rate; other rate errors are about the connection or the account.
_CHANNEL_RATE_CODES = (42913, 42914)
# Runs whose opening need not be published again; forgetting one costs a message that does no harm.
_REMEMBERED_RUNS = 10_000
# Each costs time in every pump, whatever it holds: this bounds what a long absence of Ably costs.
_KEPT_ATTEMPTS = 1000
# So long the end of a span waits for the channel's history, which may name attempts to link.
_LINKS_S = 2.0
# And so long a drain waits for marks, of which there may be hundreds, each a message of the budget.
_MARKS_S = 2.0


class Publisher:
    """Everything that is published with one set of credentials.

    Args:
        engine: where it lives.
        connect: makes an unopened connection; called on the engine's loop.
        rates: the budgets.
        buffer_bytes: how much text is held before new text is lost, as a visible gap.
        timeouts: how long it waits.
    """

    def __init__(
        self,
        engine: Engine,
        connect: Callable[[], Connection],
        *,
        rates: Rates,
        buffer_bytes: int,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
    ) -> None:
        self.engine = engine
        self._connect = connect
        self._buffer_bytes = buffer_bytes
        self._timeouts = timeouts
        self._schedule = Schedule(rates)
        self._reports = Reports(timeouts.refused_pause_s)
        self._lanes = Lanes(self._schedule, connect, self._reconnected, self._reports, timeouts)
        self.listening = Listening(self._schedule, self._lanes, self.spawn, self._pump, self._reports)
        self._inbox = Inbox(partial(engine.call, self._pump), buffer_bytes)
        self._held_bytes = 0
        self._endings = Endings()
        self._current: dict[tuple[str, str, str], Attempt] = {}
        self._opened_runs: dict[tuple[str, str, str], None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._changed = asyncio.Event()
        self._refusals: dict[str, PublishError] = {}
        self._abandoned: WeakKeyDictionary[Attempt, PublishError] = WeakKeyDictionary()
        self._marking = Marking(self)
        self._finished: dict[Attempt, None] = {}
        self._accounts = Accounts()
        telemetry.watch(self)

    # Called from any thread.

    def post(self, command: Callable[[float], None]) -> None:
        """Have ``command(now)`` run on the engine's loop, in order."""
        self._inbox.post(command)

    def post_text(self, attempt: Attempt, key: int, text: str) -> None:
        """Hand over text. Where the buffer is full it becomes a gap."""
        size = len(text.encode("utf-8", "surrogatepass"))
        if self._inbox.reserve(size):
            self.post(partial(self._text, attempt, key, text, size))
        else:
            self.post(partial(self._lose, attempt, key, len(text)))

    def post_part(self, attempt: Attempt, message: int, part: Whole) -> None:
        """Hand over a whole part. Where the buffer is full it is lost."""
        size = size_bytes(part)
        if self._inbox.reserve(size):
            self.post(partial(self._part, attempt, message, part, size))
        else:
            self.post(partial(self._lose, attempt, None, 1))

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
        self._inbox.post_surely(partial(self._finish, Ending(attempt, future, patient), reason))
        return future

    def post_told(self, attempt: Attempt) -> None:
        """Say that the end of an attempt is told to telemetry; its span may seek links for a while yet."""
        self._inbox.post_surely(partial(self._limit_seeking, attempt))

    @property
    def buffered_bytes(self) -> int:
        """Bytes that are not acknowledged, of attempts that telemetry listens to."""
        return self._inbox.held_bytes + self._accounts.held_bytes

    # Called on the engine's loop.

    def add(self, outbox: Outbox, now: float) -> None:
        """Take an outbox in."""
        self._schedule.add(outbox, now)

    def add_attempt(self, attempt: Attempt, now: float, account: Account | None = None) -> None:
        """Take an attempt in; of two attempts of a step in this process the earlier one is fenced.

        Args:
            attempt: the attempt.
            now: seconds of the engine's clock.
            account: what telemetry is told of it, ``None`` where nothing listens.
        """
        self._accounts.add(attempt, account)
        plan = attempt.plan
        place = (plan.channel, plan.run.id, plan.step)
        other = self._current.get(place, attempt)
        if other.plan.origin.started_us > plan.origin.started_us:
            # One that should be dead, and streams its first chunk only now.
            self._supersede(attempt, now)
        elif other is not attempt:
            self._supersede(other, now)
        if not attempt.muted:
            self._current[place] = attempt
        if (plan.channel, plan.run.id, plan.run.invocation) in self._opened_runs:
            attempt.run_is_open()
        self._schedule.add(attempt, now)

    def _supersede(self, attempt: Attempt, now: float) -> None:
        attempt.fence(now, superseded=True)
        self._accounts.superseded(attempt)

    def links_found(self, attempt: Attempt, traceparents: Iterable[str]) -> None:
        """Link the span of an attempt to those that it replaced; its end waits no more."""
        self._accounts.link(attempt, traceparents)
        self._note_change()

    def add_marks(self, marks: Marks) -> None:
        """Take marks in."""
        if not marks.done:
            self._schedule.add(marks, self.engine.loop.time())
            self._pump()

    def end_run(self, end: RunEnd, now: float) -> None:
        """Publish a run's end once its own outboxes are empty; what is still being written is cut off."""
        self._cut(end.run_id, now)
        ended = (end.channel, end.run_id)
        for opened in [opened for opened in self._opened_runs if opened[:2] == ended]:
            del self._opened_runs[opened]
        self._schedule.add(end, now)

    def suspend_run(self, suspension: Suspension, now: float) -> None:
        """Publish that a run waits for a client; where its workflow is done, what is still being written is cut off."""
        if suspension.reason == "handed-over":
            self._cut(suspension.run_id, now)
        self._schedule.add(suspension, now)

    def _cut(self, run_id: str, now: float) -> None:
        for outbox in self._schedule.outboxes():
            if isinstance(outbox, Attempt) and outbox.run_id == run_id and not outbox.finished:
                outbox.fence(now)

    async def settled(self, channel: str) -> None:
        """Wait until all is on a channel that ended activities wrote there."""
        self._pump()
        while any(isinstance(each, Attempt) and each.finished for each in self._outboxes_of(channel)):
            await self._changed.wait()

    def is_away(self, channel: str) -> bool:
        """Tell whether something waits for a channel that is out of reach."""
        return any(not self._within_reach(each) for each in self._outboxes_of(channel))

    def _outboxes_of(self, channel: str) -> list[Outbox]:
        return [each for each in self._schedule.outboxes() if each.channel == channel and not each.done]

    async def history(
        self, channel: str, limit: int | None = None, *, until: Callable[[Stored], bool] = lambda _: False
    ) -> list[Stored]:
        """Read a channel's messages, newest first.

        Args:
            channel: the channel.
            limit: how many at the most; ``None`` for all that can be had.
            until: asked about each, whether no older ones are needed.

        Raises:
            HistoryError: if they cannot be read.
        """
        found: list[Stored] = []
        async with aclosing(self._connect().history(channel)) as messages:
            async for stored in messages:
                found.append(stored)
                if until(stored) or len(found) == limit:
                    break
        return found

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Run something beside the pump, on the engine's loop."""
        task = self.engine.loop.create_task(_reported(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def wake(self) -> None:
        """Look again at what can be sent."""
        self._pump()

    async def drain(self, timeout_s: float) -> None:
        """Wait until everything that was finished is published, while Ably is within reach.

        Marks on replaced output are waited for a moment only.
        """
        deadline = self.engine.loop.time() + timeout_s
        self._pump()
        await self.wait_while(self._has_output, deadline)
        await self.wait_while(self._has_marks, min(deadline, self.engine.loop.time() + _MARKS_S))
        for attempt in self._accounts.ended_and_seeking:
            self._accounts.link(attempt, ())

    async def wait_while(self, condition: Callable[[], bool], deadline: float) -> None:
        """Wait while a condition holds, until a time of the loop's clock; asked again whenever something happens."""
        while condition() and (left_s := deadline - self.engine.loop.time()) > 0:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._changed.wait(), left_s)

    def _has_output(self) -> bool:
        over = [outbox for outbox in self._schedule.outboxes() if _is_over(outbox)]
        return any(self._within_reach(outbox) for outbox in (*over, *self._accounts.ended_and_seeking))

    def _has_marks(self) -> bool:
        outboxes = self._schedule.outboxes()
        return any(isinstance(outbox, Marks) and self._within_reach(outbox) for outbox in outboxes)

    async def close_if_idle(self) -> None:
        """Let go of all connections, unless something is still being written, or listened to."""
        if not self._schedule.lanes_with_work():
            await self._lanes.end()

    async def close(self) -> None:
        """Let go of all connections and publish nothing more, whatever is held."""
        self.listening.stop()
        await self._lanes.end(for_good=True)
        self._endings.settle(self._outcome)

    # Commands.

    def _limit_seeking(self, attempt: Attempt, now: float) -> None:
        if self._accounts.seeks_links(attempt):
            self.engine.loop.call_at(now + _LINKS_S, self.links_found, attempt, ())

    def _text(self, attempt: Attempt, key: int, text: str, size: int, now: float) -> None:
        self._inbox.release(size)
        if self._has_room(size):
            self._held_bytes += size
            attempt.text(key, text, now)
            self._accounts.took(attempt, len(text))
        else:
            self._lose(attempt, key, len(text), now)

    def _part(self, attempt: Attempt, message: int, part: Whole, size: int, now: float) -> None:
        self._inbox.release(size)
        if self._has_room(size):
            self._held_bytes += size
            attempt.emit(message, part, now)
            self._accounts.took(attempt, 0)
        else:
            self._lose(attempt, None, 1, now)

    def _has_room(self, size: int) -> bool:
        # The count grows with what comes in; what went out is only looked up where it matters.
        if self._held_bytes + size > self._buffer_bytes:
            self._held_bytes = sum(o.held_bytes for o in self._schedule.outboxes() if isinstance(o, Attempt))
        return self._held_bytes + size <= self._buffer_bytes

    def _lose(self, attempt: Attempt, key: int | None, count: int, now: float) -> None:
        del now
        if not attempt.muted and attempt.lost == 0:
            logger.error(
                "unable to hold more output for %s; ABLY_BUFFER_BYTES=%d is full; output of step %s is lost to "
                "viewers, the activity's result is not",
                attempt.channel,
                self._buffer_bytes,
                attempt.plan.step,
            )
        attempt.lose(key, count)

    def _finish(self, ending: Ending, reason: StepReason, now: float) -> None:
        ending.attempt.finish(reason, now)
        self._endings.add(ending)
        self._finished[ending.attempt] = None
        if len(self._finished) > _KEPT_ATTEMPTS:
            self._forget_finished()

    def _forget_finished(self) -> None:
        while len(self._finished) > _KEPT_ATTEMPTS:
            oldest = next(iter(self._finished))
            del self._finished[oldest]
            oldest.give_up()
            self._reports.full(_KEPT_ATTEMPTS)

    # The pump.

    def _reconnected(self) -> None:
        self.listening.tend()
        self._pump()

    def _pump(self) -> None:
        now = self.engine.loop.time()
        self._inbox.run(now)
        self._lanes.start()
        connections = self._lanes.connections
        for number, ticket in self._schedule.take(now, connections):
            self.spawn(self._deliver(number, connections[number], ticket, ticket.outbox.take(ticket, now)))
        self._accounts.flush()
        self._forget_done()
        self._endings.settle(self._outcome)
        self._arm(now)
        self._note_change()

    def _note_change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _deliver(self, lane: int, connection: Connection, ticket: Ticket, operation: Operation) -> None:
        outbox = ticket.outbox
        try:
            serials = await connection.send(outbox.channel, operation)
        except ConnectionLostError as err:
            outbox.doubted(ticket)
            self._accounts.failed(ticket, operation, err, doubted=True)
        except PublishError as err:
            self._refused(ticket, err)
            self._accounts.failed(ticket, operation, err, doubted=False)
        except Exception as err:  # noqa: BLE001 - what is in flight must not stay so for ever
            report_unexpected("publish", err)
            outbox.doubted(ticket)
            self._accounts.failed(ticket, operation, err, doubted=True)
            await connection.close()
        else:
            self._lanes.delivered(lane)
            self._accounts.acked(ticket, operation, self.engine.loop.time())
            self._acked(ticket, serials)
        self._pump()

    def _acked(self, ticket: Ticket, serials: tuple[str, ...]) -> None:
        outbox = ticket.outbox
        outbox.acked(ticket, serials, self.engine.loop.time())
        if not self._schedule.is_paused(outbox.channel, self.engine.loop.time()):
            # Without the channel rule creates are taken beside appends that are refused.
            self._refusals.pop(outbox.channel, None)
        if not isinstance(outbox, Attempt):
            return
        if outbox.opened:
            self._opened_runs[outbox.channel, outbox.run_id, outbox.plan.run.invocation] = None
            if len(self._opened_runs) > _REMEMBERED_RUNS:
                del self._opened_runs[next(iter(self._opened_runs))]
        if outbox.begins_to_replace():
            self._marking.mark_replaced_by(outbox)

    def _refused(self, ticket: Ticket, err: PublishError) -> None:
        outbox, now = ticket.outbox, self.engine.loop.time()
        if err.code in _RATE_CODES:
            logger.debug("%s; the rate limit is taken into account, text waits and is joined", err)
            outbox.unsent(ticket)
            self._schedule.limited(outbox.channel, connection=err.code not in _CHANNEL_RATE_CODES, now=now)
        elif isinstance(outbox, Marks):
            logger.debug("%s; what was replaced there is not marked", err)
            outbox.abandon(ticket)
        elif err.retryable or isinstance(err, MessageTooLargeError):
            logger.error("%s; that part of the output is lost to viewers, the activity's result is not", err)
            outbox.abandon(ticket)
            if isinstance(outbox, Attempt):
                self._abandoned[outbox] = err
        else:
            outbox.unsent(ticket)
            self._schedule.pause(outbox.channel, now + self._timeouts.refused_pause_s)
            self._refusals[outbox.channel] = err
            self._reports.refused(err)

    def _forget_done(self) -> None:
        for place in [place for place, attempt in self._current.items() if attempt.done]:
            del self._current[place]
        for attempt in [attempt for attempt in self._finished if attempt.done]:
            del self._finished[attempt]
        for channel, number in self._schedule.drop_done():
            self._refusals.pop(channel, None)
            self._reports.forget(channel)
            self._lanes.release(number, channel)

    def _outcome(self, ending: Ending) -> Outcome | None:
        """Give what became of an attempt, ``None`` while it is worth waiting."""
        attempt = ending.attempt
        if attempt.done:
            return Outcome(Delivery.DELIVERED, attempt.lost, self._abandoned.get(attempt))
        if self._lanes.closed:
            return Outcome(Delivery.HELD, attempt.lost)
        if self._within_reach(attempt):
            return None
        error = self._refusals.get(attempt.channel) or self._lanes.error_of(attempt.channel)
        if ending.patient and (error is None or error.retryable):
            return None
        return Outcome(Delivery.HELD, attempt.lost, error)

    def _within_reach(self, outbox: Outbox) -> bool:
        paused = self._schedule.is_paused(outbox.channel, self.engine.loop.time())
        return self._lanes.within_reach(outbox.channel) and not paused

    def _arm(self, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wakeup = self._schedule.next_wakeup()
        if wakeup is not None:
            self._timer = self.engine.loop.call_at(max(wakeup, now), self._pump)


async def _reported(work: Coroutine[object, object, None]) -> None:
    try:
        await work
    except Exception as err:  # noqa: BLE001 - nobody awaits it
        report_unexpected("do something in the background", err)


def _is_over(outbox: Outbox) -> bool:
    return outbox.finished if isinstance(outbox, Attempt) else not isinstance(outbox, Marks)
