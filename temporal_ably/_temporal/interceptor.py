"""``AblyInterceptor``: options only; fresh objects do the work of each workflow and attempt.

The rule of the file: light at import, because a workflow's sandbox may load it.
"""

from __future__ import annotations

import inspect
import os
from typing import TYPE_CHECKING, Any, cast

import temporalio.client
import temporalio.worker
from temporalio import workflow
from temporalio.worker import ActivityInboundInterceptor

from temporal_ably._temporal.streaming import active_stream, nowhere, reset_current, set_current
from temporal_ably.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping
    from types import TracebackType

    from temporalio.worker import (
        ExecuteActivityInput,
        WorkflowInboundInterceptor,
        WorkflowInterceptorClassInput,
    )

    from temporal_ably._temporal.redaction import OnPart
    from temporal_ably._temporal.runtime import AgentName, Runtime
    from temporal_ably._transport.base import AuthCallback, Connector
    from temporal_ably._wire.identity import Binding
    from temporal_ably.settings import AblySettings


class AblyInterceptor(temporalio.client.Interceptor, temporalio.worker.Interceptor):
    """Streams what activities yield to Ably, so that clients see it live and from history.

    Give it to the ``Worker`` or to the ``Client`` (whose workers then have it too); in both it still
    works once. As an async context manager it publishes what is held before it exits::

        async with AblyInterceptor() as ably:
            async with Worker(client, ..., interceptors=[ably]):
                ...

    Args:
        settings: all settings; ``None`` reads them from the environment (``ABLY_API_KEY`` and so on).
        auth_callback: gives Ably tokens, for workers that hold no key: an async function of the token
            parameters (a dict, mostly empty) that returns a token or JWT, token details, or a token request. It
            is called whenever a connection is made or a token expires, on the publisher's own thread and event
            loop. The token must allow the client id ``ABLY_CLIENT_ID``.
        on_part: asked about each part before it leaves the worker, in the activity's context: a function of
            a ``UIMessage`` chunk (a mapping with ``type``; text comes as ``text-delta``, piece by piece as it is
            streamed, the input of a tool as a whole) that returns it, another of the same type, or ``None`` to
            drop it. What raises is dropped. What goes to Ably does not pass Temporal's payload codec.
        agent_name: who speaks, in the metadata of messages and in ``temporal-agent``: a name, or a function of
            the activity's ``Info``. By default the type of the child workflow, else of the activity.
        recorder: takes what would go to Ably, for tests; see ``temporal_ably.testing``. No key is needed then.
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
        from temporal_ably._temporal.runtime import Hooks, Runtime
        from temporal_ably.settings import check_function, check_recorder, load

        check_function("auth_callback", auth_callback)
        check_function("on_part", on_part)
        if agent_name is not None and not isinstance(agent_name, str):
            check_function("agent_name", agent_name)
        if inspect.iscoroutinefunction(on_part):
            raise SettingsError("unable to use the argument on_part; it is async; pass a plain function")
        check_recorder(recorder)
        loaded = load(settings, overrides, needs_key=auth_callback is None and recorder is None)
        hooks = Hooks(auth_callback, on_part, agent_name, recorder)
        # Who passes a recorder wants to see something, whatever the environment says of Ably.
        enabled = loaded.enabled or recorder is not None
        self._runtime: Runtime | None = Runtime(loaded, hooks) if enabled else None
        if enabled and recorder is None and not workflow.unsafe.in_sandbox():
            # Loaded at need, by the engine's thread, it would be half there when the user's code in another thread
            # looks into ``sys.modules`` for a package that both need, as openai does for httpx.
            from temporal_ably._transport.sdk import sdk

            sdk()

    # Temporal's base is a dataclass without fields: any two would be equal, and one dropped.

    def __eq__(self, other: object) -> bool:
        """Tell whether the other is this very interceptor."""
        return self is other

    def __hash__(self) -> int:
        """Give a hash by identity."""
        return id(self)

    def intercept_client(self, next: temporalio.client.OutboundInterceptor) -> temporalio.client.OutboundInterceptor:
        """Hand on what ``durable_session`` says."""
        from temporal_ably._temporal.client import ClientOutbound

        return ClientOutbound(next) if self._runtime is not None else next

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Give each attempt a stream."""
        from temporal_ably._temporal.activity import ActivityInbound

        return ActivityInbound(next, self._runtime) if self._runtime is not None else _Silent(next)

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor] | None:
        """Give workflows the class that hands identities on."""
        from temporal_ably._temporal import workflow as side

        runtime = self._runtime
        # Temporal leaves the type of the functions open.
        functions = cast("MutableMapping[str, Callable[..., object]]", input.unsafe_extern_functions)  # pyright: ignore[reportUnknownMemberType]
        if runtime is None or side.CLOSED_HINT in functions:
            # Off, or an outer instance of ours is there already.
            return None
        template = runtime.options.template

        def hint(bound: Binding, run_id: str, workflow_type: str) -> None:
            runtime.workflow_closed(bound, run_id, workflow_type)

        functions[side.TEMPLATE] = lambda: template
        functions[side.CLOSED_HINT] = hint
        functions[side.TURN_HINT] = runtime.turn_ended
        functions[side.SUSPENDED_HINT] = runtime.suspended
        functions[side.CURRENT] = side.current_identity
        return side.WorkflowInbound

    async def drain(self) -> None:
        """Publish what is held, end the runs that are over, and let go of the connections.

        It waits ``ABLY_FLUSH_TIMEOUT`` at the most, and not while Ably is out of reach.
        """
        if self._runtime is not None:
            await self._runtime.drain()

    async def __aenter__(self) -> AblyInterceptor:
        """Give the interceptor."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drain."""
        await self.drain()


class _Silent(ActivityInboundInterceptor):
    """What runs activities where ``ABLY_ENABLED=0``: their stream goes nowhere, without a word."""

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        if active_stream() is not None:
            # An outer instance, of the client, is on.
            return await self.next.execute_activity(input)
        token = set_current(nowhere())
        try:
            return await self.next.execute_activity(input)
        finally:
            reset_current(token)


def session_name(
    workflow_id: str, *, workflow_type: str = "", namespace: str = "default", template: str | None = None
) -> str:
    """Give the channel of a workflow that no other workflow started: where its output is.

    Args:
        workflow_id: its id.
        workflow_type: its type, where the template names it.
        namespace: its namespace, where the template names it.
        template: the workers' ``ABLY_SESSION_TEMPLATE``; ``None`` reads the environment.

    Raises:
        SettingsError: if the template is wrong.
    """
    from temporal_ably._wire.identity import DEFAULT_TEMPLATE, check_template, render_session

    chosen = template or os.environ.get("ABLY_SESSION_TEMPLATE") or DEFAULT_TEMPLATE
    check_template(chosen)
    variables = {
        "root_workflow_id": workflow_id,
        "workflow_id": workflow_id,
        "workflow_type": workflow_type,
        "namespace": namespace,
    }
    return render_session(chosen, variables)
