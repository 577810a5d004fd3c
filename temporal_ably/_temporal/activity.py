"""The activity side of the interceptor: each attempt runs with a stream of its own."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import is_cancelled_exception
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
)

from temporal_ably._temporal.attempt_sink import AttemptSink
from temporal_ably._temporal.cut import Cut
from temporal_ably._temporal.failures import from_bare_generator, from_misuse, from_outcome
from temporal_ably._temporal.headers import extract
from temporal_ably._temporal.redaction import RedactingSink
from temporal_ably._temporal.stream import ActivityStream
from temporal_ably._temporal.streaming import active_stream, reset_current, set_current
from temporal_ably.errors import EncodeError, StreamClosedError

if TYPE_CHECKING:
    from temporal_ably._temporal.fence import Fence
    from temporal_ably._temporal.runtime import Runtime
    from temporal_ably._temporal.sink import Sink
    from temporal_ably._wire.events import StepReason


class ActivityInbound(ActivityInboundInterceptor):
    """Runs an activity with a stream of its own."""

    def __init__(self, next: ActivityInboundInterceptor, runtime: Runtime) -> None:
        super().__init__(next)
        self._runtime = runtime
        self._fence: Fence | None = None
        self._cut: Cut | None = None

    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        """Put the outbound side in, to see heartbeats."""
        super().init(_ActivityOutbound(outbound, self))

    def heartbeat(self) -> None:
        """Note a heartbeat of the activity.

        Raises:
            CancelledError: if it runs in a thread, and a client stopped it.
        """
        if self._fence is not None:
            self._fence.heartbeat()
        if self._cut is not None:
            self._cut.check()

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        """Run the activity; its stream is closed and flushed when it ends."""
        info = activity.info()
        outer = active_stream()
        if info.workflow_id is None or (outer is not None and not outer.goes_nowhere):
            # Not of a workflow, or an outer instance of ours is at work already.
            return await self.next.execute_activity(input)
        if inspect.isasyncgenfunction(input.fn):
            raise from_bare_generator(info.activity_type)
        sink = AttemptSink(self._runtime, info, extract(input.headers), _client(self.next))
        self._fence = sink.fence
        stream = ActivityStream(self._redacted(sink, info.activity_type))
        self._cut = sink.cut = Cut(stream, is_async=input.executor is None)
        token = set_current(stream)
        try:
            return await self._run(input, sink, stream, sink.cut)
        finally:
            sink.leave()
            reset_current(token)

    def _redacted(self, sink: AttemptSink, activity_type: str) -> Sink:
        on_part = self._runtime.options.on_part
        return sink if on_part is None else RedactingSink(sink, on_part, activity_type)

    async def _run(self, input: ExecuteActivityInput, sink: AttemptSink, stream: ActivityStream, cut: Cut) -> object:
        try:
            result = await self._run_user_code(input, stream, cut)
        except (EncodeError, StreamClosedError) as err:
            await sink.fail(cause=err)
            raise from_misuse(err) from err
        except (Exception, asyncio.CancelledError) as err:
            if cut.delivered:
                # Whatever the user's code made of it.
                await sink.fail("cancelled", fenced=_not_found(), cause=err)
                await cut.end(activity.info(), sink.client)
            await sink.fail(*_reason(err), fenced=_not_found(), cause=err)
            raise
        outcome = await sink.succeed()
        if self._runtime.options.fail and outcome is not None and not (outcome.whole or cut.delivered):
            raise from_outcome(outcome)
        return result

    async def _run_user_code(self, input: ExecuteActivityInput, stream: ActivityStream, cut: Cut) -> object:
        try:
            return await self.next.execute_activity(input)
        finally:
            cut.over()
            stream.end(quietly=cut.delivered)


class _ActivityOutbound(ActivityOutboundInterceptor):
    def __init__(self, next: ActivityOutboundInterceptor, inbound: ActivityInbound) -> None:
        super().__init__(next)
        self._inbound = inbound

    def heartbeat(self, *details: Any) -> None:
        self._inbound.heartbeat()
        self.next.heartbeat(*details)


def _reason(err: BaseException) -> tuple[StepReason]:
    details = activity.cancellation_details()
    asked = details is not None and details.cancel_requested and is_cancelled_exception(err)
    return ("cancelled",) if asked else ("failed",)


def _not_found() -> bool:
    details = activity.cancellation_details()
    return details is not None and details.not_found


def _client(inbound: ActivityInboundInterceptor) -> Client | None:
    """Find the worker's client.

    Temporal gives it to async activities only, so for others it is read off the worker at the end
    of the chain. Without it a run's end is left to other processes.
    """
    try:
        return activity.client()
    except RuntimeError:
        pass
    while not hasattr(inbound, "_worker") and hasattr(inbound, "next"):
        inbound = inbound.next
    client = getattr(getattr(inbound, "_worker", None), "_client", None)
    return client if isinstance(client, Client) else None
