"""``AblyPlugin``: the interceptor as one plugin of a client or worker.

The rule of the file: a plugin changes how a worker runs, never what it records. It registers no
activities and no workflows: with activities a worker for workflows only would poll for activities,
and take its neighbours' tasks.
"""

from __future__ import annotations

import dataclasses
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from temporalio.plugin import SimplePlugin
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from temporal_ably._temporal.interceptor import AblyInterceptor

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from temporalio.client import Client
    from temporalio.worker import WorkerConfig, WorkflowRunner

    from temporal_ably._temporal.redaction import OnPart
    from temporal_ably._temporal.runtime import AgentName
    from temporal_ably._transport.base import AuthCallback, Connector
    from temporal_ably.settings import AblySettings


class AblyPlugin(SimplePlugin):
    """Streams what activities yield to Ably: ``AblyInterceptor`` as a plugin.

    Give it to the ``Client``, whose workers then have it too, or to a ``Worker``::

        client = await Client.connect(..., plugins=[AblyPlugin()])

    Beside what the interceptor does it keeps ``temporal_ably`` out of the workflow sandbox's reloading,
    publishes what is held when the last of its workers stops, and lets a worker that serves workflows
    only end their runs. It works beside other plugins and interceptors in any order, also beside others
    of its own kind: of several the outermost works.

    Args:
        settings: as in ``AblyInterceptor``, like all that follow.
        auth_callback: gives Ably tokens, for workers that hold no key.
        on_part: asked about each part before it leaves the worker.
        agent_name: who speaks.
        recorder: takes what would go to Ably, for tests.
        overrides: single settings by field name, which go before either.

    Raises:
        SettingsError: if a setting or argument is missing or wrong; the text names it.
    """

    def __init__(
        self,
        settings: AblySettings | None = None,
        *,
        auth_callback: AuthCallback | None = None,
        on_part: OnPart | None = None,
        agent_name: AgentName | None = None,
        recorder: Connector | None = None,
        **overrides: object,
    ) -> None:
        self._ably = _Interceptor(
            settings,
            auth_callback=auth_callback,
            on_part=on_part,
            agent_name=agent_name,
            recorder=recorder,
            **overrides,
        )
        self._running = 0
        self._lock = threading.Lock()
        # Temporal leaves the type of activities open, here and in a worker's configuration.
        super().__init__(  # pyright: ignore[reportUnknownMemberType]
            "temporal_ably.AblyPlugin",
            interceptors=[self._ably],
            workflow_runner=_with_passthrough,
            run_context=self._drained,
        )

    def configure_worker(self, config: WorkerConfig) -> WorkerConfig:
        """See base class."""
        if "client" in config:
            self._ably.adopt(config["client"])
        return super().configure_worker(config)

    @asynccontextmanager
    async def _drained(self) -> AsyncGenerator[None, None]:
        # Nothing that may fail or wait stands before the worker: Temporal would hang. The Replayer comes here, too.
        self._count(1)
        try:
            yield
        finally:
            if self._count(-1) == 0:
                await self._drain()

    async def _drain(self) -> None:
        from temporal_ably._publisher.reports import report_unexpected

        try:
            await self._ably.drain()
        except Exception as err:  # noqa: BLE001 - it would become the worker's
            report_unexpected("publish what is left when a worker stops", err)

    def _count(self, change: int) -> int:
        # Workers of one client may run on several threads.
        with self._lock:
            self._running += change
            return self._running


class _Interceptor(AblyInterceptor):
    """Knows the client of its worker, which an interceptor of workflows is not told."""

    def adopt(self, client: Client) -> None:
        if self._runtime is not None:
            self._runtime.adopt(client)


def _with_passthrough(runner: WorkflowRunner | None) -> WorkflowRunner:
    chosen = SandboxedWorkflowRunner() if runner is None else runner
    if not isinstance(chosen, SandboxedWorkflowRunner):
        return chosen
    return dataclasses.replace(chosen, restrictions=chosen.restrictions.with_passthrough_modules("temporal_ably"))
