"""``reconcile``: ends the runs that every process died on.

The rule of the file: in doubt it leaves a run alone. It may run at any time, beside living workers and
beside itself: it asks Temporal first, reads the channel once more right before it writes, and its ends
bear the ids that workers use.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio.service import RPCError

from temporal_ably._publisher.courier import Courier
from temporal_ably._publisher.handover import standing
from temporal_ably._publisher.plan import Plan
from temporal_ably._publisher.recall import recall, tombstones
from temporal_ably._publisher.requests import stopped
from temporal_ably._publisher.unfinished import Unfinished, last_words, unfinished_runs
from temporal_ably._publisher.wakeups import owner_of
from temporal_ably._temporal.following import Closed, sweep_of
from temporal_ably._temporal.reconciliation import ReconciledRun, Reconciliation, RunOutcome
from temporal_ably._temporal.sessions_of import sessions_of
from temporal_ably._temporal.standing import UnknownOwnerError, how_ended
from temporal_ably._transport.realtime import RealtimeConnection
from temporal_ably._wire.events import RunClosed
from temporal_ably._wire.tags import Origin
from temporal_ably.errors import HistoryError, PublishError
from temporal_ably.settings import credentials, load

if TYPE_CHECKING:
    from collections.abc import Iterable

    from temporalio.client import Client

    from temporal_ably._publisher.handover import Standing
    from temporal_ably._transport.base import AuthCallback, Connection, Connector, Stored
    from temporal_ably._wire.events import Run, RunReason
    from temporal_ably.settings import AblySettings

_AT_ONCE = 8


async def reconcile(
    client: Client,
    channels: Iterable[str] = (),
    *,
    query: str | None = None,
    missing_after: timedelta | None = None,
    grace: timedelta = timedelta(minutes=1),
    dry_run: bool = False,
    settings: AblySettings | None = None,
    auth_callback: AuthCallback | None = None,
    recorder: Connector | None = None,
    **overrides: object,
) -> Reconciliation:
    """End the runs whose workflow has closed while nobody was left to say so.

    A worker ends its runs by itself, and so does another one that has streamed for the same run. This is
    for what is left when all of them were killed. It may run at any time, twice, and beside living
    workers: a run goes on while its workflow does, or its update, and a suspended one waits for its client.

    Args:
        client: of the workflows' namespace.
        channels: the sessions to look at.
        query: sessions of the workflows that Temporal's visibility finds by this list filter, too, such as
            ``ExecutionStatus != "Running" AND CloseTime > "2026-01-01T00:00:00Z"``.
        missing_after: end a run in error whose workflow Temporal does not know any more, when nothing was
            written to it for so long; ``None`` leaves it open. Give at least the namespace's retention.
        grace: leave a run alone whose workflow closed, or that was written to, so recently: its worker may
            still be at it.
        dry_run: only tell what would be done.
        settings: as for ``AblyInterceptor``, like all that follow; the client id must be that of the workers
            for what they left unfinished to be closed.
        auth_callback: gives Ably tokens.
        recorder: takes what would go to Ably, for tests.
        overrides: single settings by field name, which go before either.

    Returns:
        What was found and done.

    Raises:
        SettingsError: if a setting is missing or wrong.
        RPCError: if Temporal cannot be asked at all.
    """
    needs_key = auth_callback is None and recorder is None
    # ABLY_ENABLED is about workers.
    loaded = load(settings, {**overrides, "enabled": True}, needs_key=needs_key)

    def connect() -> Connection:
        return RealtimeConnection(credentials(loaded, auth_callback)) if recorder is None else recorder.connect()

    named = dict.fromkeys(channels)
    if query is not None:
        named |= dict.fromkeys(await sessions_of(client, query, loaded.session_template))
    per_s = min(loaded.messages_per_second_channel, loaded.messages_per_second_connection)
    courier = Courier(connect, per_s)
    work = _Work(client, courier, loaded, missing_after, grace, dry_run=dry_run)
    try:
        return await work.reconcile(list(named))
    finally:
        await courier.close()


@dataclass(frozen=True)
class _Due:
    """How a run is to be ended, or that it is to be suspended.

    ``retried``: workflow runs that repeat what was written before them.
    """

    reason: RunReason
    error: str | None = None
    why: str = ""
    retried: tuple[str, ...] = ()
    suspended: Standing | None = None


class _Work:
    """One call of ``reconcile``."""

    def __init__(
        self,
        client: Client,
        courier: Courier,
        settings: AblySettings,
        missing_after: timedelta | None,
        grace: timedelta,
        *,
        dry_run: bool,
    ) -> None:
        self._client = client
        self._courier = courier
        self._settings = settings
        self._missing_after = missing_after
        self._grace = grace
        self._dry_run = dry_run
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def reconcile(self, channels: list[str]) -> Reconciliation:
        """Look at all channels, some of them at once."""
        found = await asyncio.gather(*map(self._channel, channels))
        return Reconciliation(
            tuple(run for each in found if not isinstance(each, str) for run in each),
            tuple((channel, each) for channel, each in zip(channels, found, strict=True) if isinstance(each, str)),
            len(channels),
            self._dry_run,
        )

    async def _channel(self, channel: str) -> list[ReconciledRun] | str:
        """Give the open runs of a channel, or why it cannot be read."""
        async with self._at_once:
            try:
                stored = await self._courier.history(channel)
                seen = unfinished_runs(stored, channel)
                judged = [(each, await self._judge(each, channel, stored)) for each in seen]
                due = any(isinstance(verdict, _Due) for _, verdict in judged)
                stored = await self._courier.history(channel) if due and not self._dry_run else []
            except HistoryError as err:
                return str(err)
            return [await self._carry_out(channel, each, verdict, stored) for each, verdict in judged]

    async def _judge(self, unfinished: Unfinished, channel: str, stored: list[Stored]) -> _Due | tuple[RunOutcome, str]:
        if unfinished.suspended:
            return "waiting", ""
        if unfinished.namespace not in ("", self._client.namespace):
            return "unknown", f"its workflow is in namespace {unfinished.namespace}"
        try:
            closed = await how_ended(self._client, unfinished, channel)
        except UnknownOwnerError as err:
            return self._judge_unknown(unfinished, str(err))
        except RPCError as err:
            return "failed", f"Temporal does not tell how its workflow stands ({err})"
        verdict = self._judge_closed(unfinished, closed) if closed is not None else ("running", "")
        if isinstance(verdict, _Due):
            return self._as_the_channel_has_it(verdict, unfinished.run, stored)
        return verdict

    def _judge_closed(self, unfinished: Unfinished, closed: Closed) -> _Due | tuple[RunOutcome, str]:
        if max(self._written_at(unfinished), closed.at_us / 1e6) + self._grace.total_seconds() > time.time():
            return "recent", ""
        error = closed.error if self._settings.expose_errors else None
        return _Due(closed.reason, error or None, retried=closed.retried)

    def _as_the_channel_has_it(self, due: _Due, run: Run, stored: list[Stored]) -> _Due:
        """Take into account what a workflow that completed need not know: what a client did, or is to do."""
        if due.reason != "complete":
            return due
        if self._settings.cancel != "off" and stopped(stored, run):
            return replace(due, reason="cancelled")
        stands = standing(stored, run, owner_of(run.invocation or run.id)) if run.input_id else None
        return replace(due, suspended=stands if stands is not None and stands.hands_over else None)

    def _judge_unknown(self, unfinished: Unfinished, why: str) -> _Due | tuple[RunOutcome, str]:
        limit = self._missing_after
        if limit is None or self._written_at(unfinished) + limit.total_seconds() > time.time():
            return "unknown", why
        return _Due("error", why=why)

    @staticmethod
    def _written_at(unfinished: Unfinished) -> float:
        # When nobody says, it may have been just now.
        return time.time() if unfinished.written_ms is None else unfinished.written_ms / 1e3

    async def _carry_out(
        self,
        channel: str,
        seen: Unfinished,
        verdict: _Due | tuple[RunOutcome, str],
        stored: list[Stored],
    ) -> ReconciledRun:
        def told(outcome: RunOutcome, reason: RunReason | None = None, why: str = "") -> ReconciledRun:
            return ReconciledRun(channel, seen.run.id, seen.owner_id, seen.owner_run_id, outcome, reason or "", why)

        if not isinstance(verdict, _Due):
            return told(verdict[0], why=verdict[1])
        done = told("suspended") if verdict.suspended else told("ended", verdict.reason, verdict.why)
        if self._dry_run:
            return done
        current = {each.run.id: each for each in unfinished_runs(stored, channel)}.get(seen.run.id)
        if current is None:
            return told("gone")
        if current != seen:
            # Somebody has just written to it.
            return told("recent")
        try:
            await self._sweep(channel, current, verdict.retried, stored)
            await self._end(channel, current, verdict)
        except (PublishError, RPCError, HistoryError) as err:
            return told("failed", why=str(err))
        return done

    async def _end(self, channel: str, dead: Unfinished, due: _Due) -> None:
        event = due.suspended or RunClosed(dead.run, due.reason, due.error)
        closes, end = last_words(dead, channel, event, self._settings.client_id)
        for operation in closes:
            # What is refused stays as its writer left it; the end counts.
            with suppress(PublishError):
                await self._courier.send(channel, operation)
        await self._courier.send(channel, end)

    async def _sweep(self, channel: str, dead: Unfinished, retried: tuple[str, ...], stored: list[Stored]) -> None:
        sweeps = [await sweep_of(self._client, dead.owner_id, run_id) for run_id in retried]
        if not sweeps:
            return
        origin = Origin(dead.owner_id, dead.owner_run_id, "", "", "", 0, 0, "", "", "")
        plan = Plan(channel, dead.run, "", origin, dead.owner_id, dead.owner_run_id)
        for tombstone in tombstones(plan, tuple(sweeps), recall(stored, dead.run.id)):
            tombstone.open(0.0)
            tombstone.finish("complete", 0.0)
            await self._courier.deliver(tombstone)
