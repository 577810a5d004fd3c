"""What all attempts of one interceptor share: settings turned into options, publisher, watchers."""

from __future__ import annotations

import asyncio
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from temporal_ably._publisher.engine import engine
from temporal_ably._publisher.preparation import Preparation
from temporal_ably._publisher.publisher import Publisher
from temporal_ably._publisher.recollection import Recollection
from temporal_ably._publisher.schedule import Rates
from temporal_ably._publisher.wakeups import wake_up_name
from temporal_ably._temporal.following import Owned
from temporal_ably._temporal.open_runs import OpenRuns
from temporal_ably._temporal.watcher import Watchers
from temporal_ably._transport.base import Timeouts
from temporal_ably._transport.realtime import RealtimeConnection
from temporal_ably._wire.events import Run
from temporal_ably.settings import credentials

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import timedelta
    from typing import TypeAlias

    from temporalio import activity
    from temporalio.client import Client

    from temporal_ably._temporal.redaction import OnPart
    from temporal_ably._temporal.workflow import Suspended, TurnEnded
    from temporal_ably._transport.base import AuthCallback, Connection, Connector, Credentials
    from temporal_ably._wire.identity import Binding
    from temporal_ably.settings import AblySettings, CancelMode

    AgentName: TypeAlias = str | Callable[[activity.Info], str]

# Messages a second.
_UNLIMITED = 1e6


@dataclass(frozen=True)
class Hooks:
    """What only code can give: see ``AblyInterceptor``."""

    auth_callback: AuthCallback | None = None
    on_part: OnPart | None = None
    agent_name: AgentName | None = None
    recorder: Connector | None = None


@dataclass(frozen=True)
class Options:
    """What an attempt must know of the settings."""

    template: str
    fail: bool
    flush_timeout: timedelta
    full_tags: bool
    on_part: OnPart | None = None
    agent_name: AgentName | None = None


@dataclass(frozen=True)
class Route:
    """One publisher a route: interceptors with equal routes share it."""

    credentials: Credentials
    recorder: Connector | None = field(hash=False)
    rates: Rates
    buffer_bytes: int
    expose_errors: bool
    cancel: CancelMode
    timeouts: Timeouts


@dataclass(frozen=True)
class Shared:
    """A publisher, what it learnt from channels, and the watchers of the runs that it writes."""

    publisher: Publisher
    preparation: Preparation
    recollection: Recollection
    watchers: Watchers
    open_runs: OpenRuns
    users: set[Runtime] = field(default_factory=lambda: set[Runtime]())

    async def drain(self, timeout_s: float) -> None:
        """End the runs that are over, and publish what is finished, within a time."""
        await self.watchers.settle(timeout_s)
        await self.publisher.drain(timeout_s)
        await self.publisher.close_if_idle()

    async def drain_at_exit(self, timeout_s: float) -> None:
        """Drain for the last time, and leave no call to Temporal open: its answer would find nobody."""
        await self.drain(timeout_s)
        await self.watchers.stop()
        # Nobody listens any more.
        await self.publisher.close_if_idle()

    async def close(self) -> None:
        """Watch and publish nothing more, whatever is held."""
        await self.watchers.stop()
        await self.publisher.close()


def open_run(bound: Binding) -> Run:
    """Give the run of a binding, so far as it is known without the input that it answers.

    Its parent is not on the channel, so a stock client takes the run as the root of its own group
    and shows all runs of a session; alternatives of one run share it.
    Source: @ably/ai-transport 0.8.0, ``src/core/transport/tree.ts``, sibling groups.
    """
    invocation = wake_up_name(bound.run, bound.resumed) if bound.resumed else ""
    return Run(bound.run, f"{bound.run}/in", bound.client_id, invocation=invocation)


def owned_by(bound: Binding, workflow_run_id: str | None) -> Owned:
    """Give the run of a binding with its owner. ``workflow_run_id``: the owner's, where it is known to be open."""
    return Owned(
        channel=bound.session,
        run=open_run(bound),
        owner_id=bound.owner_id,
        owner_run_id=workflow_run_id,
        chain=bound.owner_chain,
        update=bound.update,
        turn=bool(bound.turn),
        input=bound.input,
        name=bound.run,
    )


# By process: a forked child has a copy of this, but not the engine's thread.
_shared: dict[tuple[int, Route], Shared] = {}
_lock = threading.Lock()


class Runtime:
    """Options, and the publisher at first need.

    Args:
        settings: valid settings.
        hooks: what only code can give.
        timeouts: how long the publisher waits for Ably.
    """

    def __init__(
        self,
        settings: AblySettings,
        hooks: Hooks = Hooks(),
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
    ) -> None:
        rates = Rates(
            settings.messages_per_second_channel, settings.messages_per_second_connection, settings.max_connections
        )
        if hooks.recorder is not None:
            # Nobody limits what a test records.
            rates = Rates(_UNLIMITED, _UNLIMITED, 1)
        self.options = Options(
            template=settings.session_template,
            fail=settings.on_failure == "fail",
            flush_timeout=settings.flush_timeout,
            full_tags=settings.tags == "full",
            on_part=hooks.on_part,
            agent_name=hooks.agent_name,
        )
        self._route = Route(
            credentials(settings, hooks.auth_callback),
            hooks.recorder,
            rates,
            settings.buffer_bytes,
            settings.expose_errors,
            settings.cancel,
            timeouts,
        )
        self.streamed_activities: set[str] = set()
        self._client: Client | None = None

    def adopt(self, client: Client) -> None:
        """Know a worker's client, for the ends of runs that this process did not open."""
        self._client = client

    @property
    def active(self) -> Shared | None:
        """What is shared, if anything was ever streamed on this route."""
        return _shared.get((os.getpid(), self._route))

    def shared(self) -> Shared:
        """Give what is shared; the first call of the process starts the engine."""
        shared = self.active or self._make_shared()
        shared.users.add(self)
        return shared

    def _make_shared(self) -> Shared:
        with _lock:
            found = self.active
            if found is None:
                found = self._new_shared()
                _shared[os.getpid(), self._route] = found
            return found

    def _new_shared(self) -> Shared:
        route, runs_on = self._route, engine()

        def connect() -> Connection:
            if route.recorder is not None:
                return route.recorder.connect()
            return RealtimeConnection(route.credentials, route.timeouts)

        publisher = Publisher(
            runs_on, connect, rates=route.rates, buffer_bytes=route.buffer_bytes, timeouts=route.timeouts
        )
        preparation = Preparation(publisher)
        open_runs = OpenRuns(publisher, route.cancel)
        watchers = Watchers(publisher, preparation, open_runs, expose_errors=route.expose_errors)
        agent = "" if route.recorder is not None else route.credentials.client_id
        shared = Shared(publisher, preparation, Recollection(connect, agent), watchers, open_runs)
        timeout_s = self.options.flush_timeout.total_seconds()

        def drain() -> Awaitable[None]:
            return shared.drain_at_exit(timeout_s)

        def close() -> None:
            if _shared.pop((os.getpid(), route), None) is not None:
                runs_on.forget(drain)
                runs_on.submit(shared.close()).result()

        runs_on.on_exit(drain)
        if route.recorder is not None:
            route.recorder.on_close(close)
        return shared

    def workflow_closed(self, bound: Binding, run_id: str, workflow_type: str) -> None:
        """React to a workflow that seems to have closed. Called on a workflow's thread: it never blocks."""
        shared = self._shared_for(bound)
        if shared is not None:
            owned = owned_by(bound, run_id)
            shared.publisher.engine.call(lambda: shared.watchers.hint(owned, workflow_type, self._client))

    def suspended(self, said: Suspended) -> None:
        """React to a workflow that waits for a client. Called on a workflow's thread: it never blocks."""
        shared = self.shared() if self._client is not None else self.active
        if shared is not None:
            owned = owned_by(said.binding, said.run_id)
            shared.publisher.engine.call(lambda: shared.watchers.suspended(owned, said, self._client))

    def turn_ended(self, ended: TurnEnded) -> None:
        """React to a turn that seems to be over. Called on a workflow's thread: it never blocks."""
        shared = self._shared_for(ended.binding)
        if shared is not None:
            owned = owned_by(ended.binding, ended.run_id)
            shared.publisher.engine.call(lambda: shared.watchers.turn_ended(owned, ended, self._client))

    def _shared_for(self, bound: Binding) -> Shared | None:
        # Where a run answers somebody, a worker that runs no activities ends it, too.
        answers = bool(bound.input) and self._client is not None
        return self.shared() if answers else self.active

    async def drain(self) -> None:
        """Publish what is finished and let go of the connections, if anything was streamed.

        The watchers of open runs stop with the last interceptor that drains.
        """
        shared = self.active
        if shared is not None:
            shared.users.discard(self)
            timeout_s = self.options.flush_timeout.total_seconds()
            work = shared.drain(timeout_s) if shared.users else shared.drain_at_exit(timeout_s)
            await asyncio.wrap_future(shared.publisher.engine.submit(work))
