"""The runs that are open in this process: their channels are listened to, and what clients ask of them is done.

A run is open from an attempt that writes to it, or the watcher of its owner, until its end. A client's cancel stops
the attempts of this process, and later ones as soon as they come; unless the run is a turn of a longer workflow, its
workflow is cancelled as well. Several processes may ask the server for that; it does it once.

The rule of the file: it lives on the engine's loop, waits for nobody, and nothing of it reaches the user's code but
the cut of an attempt.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import logging
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from temporalio.service import RPCError, RPCStatusCode

from temporal_ably._publisher.reports import report_unexpected
from temporal_ably._publisher.requests import Requests, Steer, stopped
from temporal_ably._temporal.cut import Cut
from temporal_ably.errors import HistoryError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from temporalio.client import Client

    from temporal_ably._publisher.attempt import Attempt
    from temporal_ably._publisher.publisher import Publisher
    from temporal_ably._temporal.following import Owned
    from temporal_ably._transport.base import Stored
    from temporal_ably.settings import CancelMode

logger = logging.getLogger("temporal_ably")

# So long an attempt that was cut waits for the server to ask for the same.
_OWNER_S = 20.0
# And so long who asks for steers waits for the history.
_STEERS_S = 2.0
_RETRY_S = (0.5, 1.0, 2.0, 5.0)

Place = tuple[str, str]


@dataclass(eq=False)
class _OpenRun:
    """One run.

    ``until`` is set once it is stopped, as ``time.monotonic()`` has it; ``cut`` once that stopped code. ``ready`` is
    set once its channel's history was read, or nobody need wait for that any more.
    """

    owned: Owned
    resumed: int
    requests: Requests
    client: Client | None = None
    watched: bool = False
    writers: set[Cut] = field(default_factory=set[Cut])
    until: float | None = None
    owner: concurrent.futures.Future[None] | None = None
    cut: bool = False
    end_listening: Callable[[], None] | None = None
    reading: asyncio.Task[None] | None = None
    unread: bool = False
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def open(self) -> bool:
        """Whether anything in this process goes on."""
        return self.watched or bool(self.writers)


class OpenRuns:
    """Listens for the open runs of a publisher. Lives on the engine's loop.

    Args:
        publisher: listens and reads.
        mode: what a client's cancel does.
    """

    def __init__(self, publisher: Publisher, mode: CancelMode) -> None:
        self._publisher = publisher
        self._mode = mode
        self._runs: dict[Place, _OpenRun] = {}
        self._touched: dict[Place, set[Cut]] = {}

    # Who holds a run open.

    def enter(self, owned: Owned, client: Client | None, cut: Cut | None, *, resumed: int = 0) -> None:
        """Take in an attempt that writes to a run, which need not be known for sure yet.

        Args:
            owned: the run, by the name that its workflow gives it.
            client: the worker's.
            cut: stops the attempt.
            resumed: how often the run went on after it was suspended.
        """
        run = self._opened(owned, resumed)
        run.client = run.client or client
        if cut is not None:
            run.writers.add(cut)
            if run.until is not None:
                cut.stop(run.until, run.owner)

    def located(self, owned: Owned, requests: Requests | None = None) -> None:
        """Say which run it is.

        Args:
            owned: the run, as it is.
            requests: what the channel's history already told of it.
        """
        run = self._runs.get(owned.place)
        if run is not None:
            run.owned = owned
            if requests is not None:
                run.requests.learn(requests)
            run.requests.know(owned.run)
            self._check(run)

    def watch(self, owned: Owned, client: Client) -> None:
        """Take in the watcher of a run, which is known by then."""
        run = self._opened(owned, 0)
        run.owned, run.watched, run.client = owned, True, run.client or client
        run.requests.know(owned.run)

    def unwatch(self, place: Place) -> None:
        """Let go of the watcher of a run: the run is over, or others watch it."""
        run = self._runs.get(place)
        if run is not None:
            run.watched = False
            self._forget_closed(run)

    def touch(self, place: Place, cut: Cut) -> None:
        """Take in an attempt that may yet write to a run; it holds nothing open."""
        self._touched.setdefault(place, set()).add(cut)
        run = self._runs.get(place)
        if run is not None and run.until is not None:
            cut.stop(run.until, run.owner)

    def leave(self, place: Place, cut: Cut) -> None:
        """Let go of an attempt."""
        touched = self._touched.get(place, set())
        touched.discard(cut)
        if not touched:
            self._touched.pop(place, None)
        run = self._runs.get(place)
        if run is not None:
            run.writers.discard(cut)
            run.cut = run.cut or cut.delivered
            self._forget_closed(run)

    def _opened(self, owned: Owned, resumed: int) -> _OpenRun:
        run = self._runs.get(owned.place)
        if run is None:
            run = self._runs[owned.place] = _OpenRun(owned, resumed, Requests(owned.input))
            if self._mode != "off":
                self._listen(run)
        elif resumed > run.resumed:
            # What was asked before the run was suspended is past.
            run.resumed, run.until, run.owner, run.cut = resumed, None, None, False
            run.requests = Requests(owned.input)
            self._note_unread(run)
        return run

    def _forget_closed(self, run: _OpenRun) -> None:
        if run.open:
            return
        del self._runs[run.owned.place]
        if run.end_listening is not None:
            run.end_listening()
        if run.reading is not None:
            run.reading.cancel()

    # Listening.

    def _listen(self, run: _OpenRun) -> None:
        listen = self._publisher.listening.listen
        run.end_listening = listen(run.owned.channel, partial(self._hear, run), partial(self._note_unread, run))

    def _hear(self, run: _OpenRun, message: Stored) -> None:
        run.requests.take(message)
        self._check(run)

    def _note_unread(self, run: _OpenRun) -> None:
        run.unread = True
        if run.end_listening is not None and (run.reading is None or run.reading.done()):
            run.reading = self._publisher.engine.loop.create_task(self._read(run))

    async def _read(self, run: _OpenRun) -> None:
        for tries in itertools.count():
            run.unread = False
            try:
                await self._publisher.history(run.owned.channel, until=run.requests.take)
            except HistoryError as err:
                logger.debug("%s; what clients ask of run %s is heard live alone", err, run.owned.name)
                run.unread = err.retryable
            except Exception as err:  # noqa: BLE001 - nobody awaits it
                report_unexpected("read what clients ask of a run", err)
            self._check(run)
            if not run.unread:
                run.ready.set()
                return
            await asyncio.sleep(_RETRY_S[min(tries, len(_RETRY_S) - 1)])

    # Steering.

    async def steers(self, place: Place, attempt: Attempt) -> list[Steer]:
        """Give what users said to a run, so far as no other step heeds it. It waits for the history at first alone.

        Args:
            place: the run's.
            attempt: of the step that asks.
        """
        run = self._runs.get(place)
        if run is None:
            return []
        if run.end_listening is None:
            self._listen(run)
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(run.ready.wait(), _STEERS_S)
        run.ready.set()
        return run.requests.steers(attempt.plan.step)

    def heed(self, place: Place, steers: Sequence[str], attempt: Attempt) -> None:
        """Note that an attempt heeds what users said: the other steps of this process need not."""
        run = self._runs.get(place)
        if run is not None:
            run.requests.heed(steers, attempt.plan.step)

    # Cancelling.

    def _check(self, run: _OpenRun) -> None:
        if self._mode == "off" or run.until is not None or not run.requests.cancelled_at:
            return
        logger.info("a client cancelled run %s of workflow %s", run.owned.run.id, run.owned.owner_id)
        run.until = time.monotonic() + _OWNER_S
        if self._mode == "workflow" and not run.owned.turn and run.client is not None:
            run.owner = concurrent.futures.Future()
            self._publisher.spawn(self._cancel_owner(run, run.client, run.owner))
        for cut in (*run.writers, *self._touched.get(run.owned.place, ())):
            cut.stop(run.until, run.owner)

    async def _cancel_owner(self, run: _OpenRun, client: Client, asked: concurrent.futures.Future[None]) -> None:
        owned = run.owned
        # Of a chain it is the run that is open now.
        handle = client.get_workflow_handle(
            owned.owner_id,
            run_id=None if owned.chain else owned.owner_run_id,
            first_execution_run_id=owned.chain,
        )
        try:
            for tries in itertools.count():
                try:
                    await handle.cancel(reason=f"a client of session {owned.channel} cancelled run {owned.run.id}")
                except RPCError as err:
                    if err.status == RPCStatusCode.NOT_FOUND or not run.open:
                        return
                    level = logging.DEBUG if tries else logging.WARNING
                    logger.log(
                        level, "unable to cancel workflow %s for a client; %s; trying again", owned.owner_id, err
                    )
                else:
                    return
                await asyncio.sleep(_RETRY_S[min(tries, len(_RETRY_S) - 1)])
        finally:
            asked.set_result(None)

    @property
    def stops(self) -> bool:
        """Whether a client's cancel stops anything."""
        return self._mode != "off"

    async def was_stopped(self, owned: Owned) -> bool:
        """Tell whether a client's cancel stopped what a run did, whose workflow is over; in doubt its channel tells."""
        if owned.stopped or not self.stops:
            return owned.stopped
        run = self._runs.get(owned.place)
        if run is None:
            return False
        if run.cut or any(cut.delivered for cut in run.writers):
            return True
        if not run.requests.cancelled_at:
            return False
        # Another process may have done it.
        try:
            return stopped(await self._publisher.history(owned.channel), owned.run, owned.input)
        except HistoryError as err:
            logger.debug("%s", err)
            return False
