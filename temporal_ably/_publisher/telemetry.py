"""What OpenTelemetry hears: a span for each attempt's stream, and metrics.

The rules of the file. `opentelemetry` (only its API) is imported inside functions. Nothing is measured unless a
provider that does something is set; that is asked whenever an attempt begins, so one that is set late works.
Neither text nor error messages, which may quote it, go in.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING
from weakref import WeakSet

from temporal_ably._publisher.metrics import (
    ACTIVITY_TYPE,
    CHARACTERS,
    CHUNKS,
    ERROR_TYPE,
    FAILURES,
    FIRST_CHUNK,
    LOST,
    OPERATION,
    OPERATIONS,
    OUTBOX_WAIT,
    RECOVERED,
    RECOVERIES,
    SCOPE,
    WORKFLOW_TYPE,
    Buffer,
    Meters,
    Metric,
    guarded,
)
from temporal_ably._wire.operations import Append, Publish, Update
from temporal_ably.errors import PublishError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.trace import Link, Span, SpanContext, Tracer

    from temporal_ably._publisher.metrics import Attributes
    from temporal_ably._publisher.plan import Plan
    from temporal_ably._wire.operations import Operation

_VERBS = {Publish: "publish", Append: "append", Update: "update"}
CONNECT = "connect"
_REPLACED = {"temporal_ably.link": "replaced"}
# Forgetting one costs a link that the channel's history can give.
_REMEMBERED_STEPS = 1000
_REMEMBERED_ATTEMPTS = 8


class Telemetry:
    """Spans and metrics of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._providers: tuple[object, object] = (None, None)
        self._tracer: Tracer | None = None
        self._meters: Meters | None = None
        self._buffers: WeakSet[Buffer] = WeakSet()
        self._streams: OrderedDict[tuple[str, str, str], dict[int, SpanContext]] = OrderedDict()

    def watch(self, buffer: Buffer) -> None:
        """Have what a buffer holds observed, for as long as it lives."""
        self._buffers.add(buffer)

    def begin(self, plan: Plan, began: float, *, traced: bool = True) -> tuple[str, Account | None]:
        """Begin to tell of an attempt's stream. Called in the context of the user's code.

        Args:
            plan: the attempt.
            began: when the activity started, by ``time.monotonic``.
            traced: whether it gets a span.

        Returns:
            The W3C ``traceparent`` of its stream, empty where nothing is traced, and its account,
            ``None`` where nothing listens.
        """
        with guarded:
            return self._begin(plan, began, traced=traced)
        return "", None

    def _begin(self, plan: Plan, began: float, *, traced: bool) -> tuple[str, Account | None]:
        from opentelemetry import trace

        self._look()
        current = trace.get_current_span()
        span, links = None, ()
        if self._tracer is not None and traced:
            links = self._replaced_here(plan)
            current = span = _start(self._tracer, plan, links)
        traceparent = _traceparent(current)
        if span is not None and traceparent:
            self._remember(plan, span.get_span_context())
        if span is not None and not span.is_recording():
            span = None
        if span is None and self._meters is None:
            return traceparent, None
        return traceparent, Account(self._meters, plan, began, span, links)

    def count(self, metric: Metric, value: int, attributes: Attributes) -> None:
        """Count something that belongs to no account."""
        if self._meters is not None and value:
            self._meters.count(metric, value, attributes)

    def acked(self, operation: Operation) -> None:
        """Count an operation that belongs to no account."""
        self.count(OPERATIONS, 1, {OPERATION: _VERBS[type(operation)]})

    def failed(self, err: Exception, operation: Operation | None) -> None:
        """Count a failure that belongs to no account, of a connection where there is no operation."""
        if self._meters is not None:
            verb = CONNECT if operation is None else _VERBS[type(operation)]
            self._meters.count(FAILURES, 1, {OPERATION: verb, ERROR_TYPE: error_type(err)})

    def reconnected(self) -> None:
        """Count a connection that replaced a lost one."""
        self.count(RECOVERIES, 1, {RECOVERED: "connection"})

    def _look(self) -> None:
        """Take up the providers that are set now."""
        from opentelemetry import metrics, trace

        found = trace.get_tracer_provider(), metrics.get_meter_provider()
        with self._lock:
            if found[0] is not self._providers[0]:
                tracer = found[0].get_tracer(SCOPE, _version()) if _works(found[0]) else None
                self._tracer = tracer if _works(tracer) else None
            if found[1] is not self._providers[1]:
                # Not asked of a stand-in: it would keep each meter for a provider to come.
                meter = found[1].get_meter(SCOPE, _version()) if _works(found[1]) else None
                self._meters = Meters(meter, self._buffers) if meter is not None and _works(meter) else None
            self._providers = found

    def _replaced_here(self, plan: Plan) -> tuple[SpanContext, ...]:
        with self._lock:
            known = self._streams.get(_place(plan), {})
            return tuple(context for started_us, context in known.items() if started_us < plan.origin.started_us)

    def _remember(self, plan: Plan, context: SpanContext) -> None:
        with self._lock:
            known = self._streams.setdefault(_place(plan), {})
            self._streams.move_to_end(_place(plan))
            known[plan.origin.started_us] = context
            if len(known) > _REMEMBERED_ATTEMPTS:
                del known[min(known)]
            if len(self._streams) > _REMEMBERED_STEPS:
                self._streams.popitem(last=False)


telemetry = Telemetry()


class Account:
    """What is told of one attempt's stream, where something listens.

    The engine counts; the user's side ends the span, unless links to attempts of other processes are still looked
    for: then the engine ends it, with the time of the user's end.
    """

    def __init__(
        self, meters: Meters | None, plan: Plan, began: float, span: Span | None, links: tuple[SpanContext, ...]
    ) -> None:
        self._meters = meters
        self._began = began
        self._span = span
        self._linked = {context.span_id for context in links}
        self._who = who(plan)
        self._counted = {CHUNKS: 0, CHARACTERS: 0, LOST: 0}
        self._told = dict(self._counted)
        self._doubts: set[object] = set()
        self._lock = threading.Lock()
        self._end_ns: int | None = None
        self.seeks_links = span is not None and plan.replaces and not links

    @property
    def ended(self) -> bool:
        """Whether the user's side is over."""
        return self._end_ns is not None

    # Called on the engine's loop.

    def took(self, characters: int) -> None:
        """Count a chunk."""
        if self._counted[CHUNKS] == 0 and self._meters is not None:
            self._meters.record(FIRST_CHUNK, time.monotonic() - self._began, self._who)
        self._counted[CHUNKS] += 1
        self._counted[CHARACTERS] += characters

    def flush(self, lost: int) -> None:
        """Report what was counted. ``lost``: all that the attempt has lost so far."""
        self._counted[LOST] = lost
        for metric, value in self._counted.items():
            if self._meters is not None and value > self._told[metric]:
                self._meters.count(metric, value - self._told[metric], self._who)
            self._told[metric] = value

    def acked(self, what: object, operation: Operation, waited_s: float | None) -> None:
        """Note that an operation is on the channel. ``waited_s`` where it carried output."""
        repaired = what in self._doubts
        self._doubts.discard(what)
        if self._meters is not None:
            self._meters.count(OPERATIONS, 1, {OPERATION: _VERBS[type(operation)], **self._who})
            if waited_s is not None:
                self._meters.record(OUTBOX_WAIT, waited_s, self._who)
            if repaired:
                self._meters.count(RECOVERIES, 1, {RECOVERED: "operation", **self._who})
        if repaired:
            self._event("recovered", {OPERATION: _VERBS[type(operation)]})

    def failed(self, what: object, operation: Operation, err: Exception, *, doubted: bool) -> None:
        """Note that an operation failed; in doubt, it may be on the channel all the same."""
        if doubted:
            self._doubts.add(what)
        attributes = {OPERATION: _VERBS[type(operation)], ERROR_TYPE: error_type(err)}
        if self._meters is not None:
            self._meters.count(FAILURES, 1, {**attributes, **self._who})
        self._event("failed", attributes)

    def superseded(self) -> None:
        """Note that a later attempt of the step is known."""
        self._event("superseded", {})

    def link(self, traceparents: Iterable[str]) -> None:
        """Link what the channel's history tells of replaced attempts; it was the last that the span waited for."""
        with self._lock:
            self.seeks_links = False
            span = self._span
            if span is not None:
                with guarded:
                    self._add_links(span, traceparents)
            over = self._taken()
        _end(over)

    def _add_links(self, span: Span, traceparents: Iterable[str]) -> None:
        for context in map(_parsed, traceparents):
            if context.is_valid and context.span_id not in self._linked:
                self._linked.add(context.span_id)
                span.add_link(context, _REPLACED)

    # Called on the user's side.

    def end(self, attributes: Attributes, error: str) -> None:
        """End the span, now or as soon as it seeks no more links.

        Args:
            attributes: how the stream ended.
            error: the type of the error, empty where there was none.
        """
        with self._lock:
            if self._end_ns is not None:
                return
            self._end_ns = time.time_ns()
            counted = {f"{SCOPE}.chunks": self._counted[CHUNKS], f"{SCOPE}.characters": self._counted[CHARACTERS]}
            if self._span is not None:
                with guarded:
                    self._span.set_attributes({**counted, **attributes})
                    _set_error(self._span, error)
            over = self._taken()
        _end(over)

    def _taken(self) -> tuple[Span, int] | None:
        """Take the span out if it is over: a slow exporter of the user's must not hold the lock."""
        if self._span is None or self._end_ns is None or self.seeks_links:
            return None
        span, self._span = self._span, None
        return span, self._end_ns

    def _event(self, name: str, attributes: Attributes) -> None:
        with self._lock, guarded:
            if self._span is not None and self._end_ns is None:
                self._span.add_event(f"{SCOPE}.{name}", attributes)


def who(plan: Plan) -> dict[str, str]:
    """Give the attributes that say who streams: few values, whatever is streamed."""
    return {ACTIVITY_TYPE: plan.origin.activity_type, WORKFLOW_TYPE: plan.origin.workflow_type}


def error_type(err: BaseException) -> str:
    """Name an error without its text: by Ably's code where there is one, else by its class."""
    code = err.code if isinstance(err, PublishError) else 0
    return str(code) if code else type(err).__qualname__


def _works(provider: object) -> bool:
    # The API package's own classes stand in for what is not installed or not set.
    return not type(provider).__module__.startswith(("opentelemetry.trace", "opentelemetry.metrics"))


def _version() -> str:
    from importlib.metadata import version

    return version("temporal-ably")


def _place(plan: Plan) -> tuple[str, str, str]:
    return plan.channel, plan.run.id, plan.step


def _start(tracer: Tracer, plan: Plan, replaced: Iterable[SpanContext]) -> Span:
    from opentelemetry.trace import Link, SpanKind

    origin = plan.origin
    links: list[Link] = [Link(context, _REPLACED) for context in replaced]
    attributes: Attributes = {
        "messaging.system": "ably",
        "messaging.destination.name": plan.channel,
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        "temporalWorkflowID": origin.workflow_id,
        "temporalRunID": origin.workflow_run_id,
        "temporalActivityID": origin.activity_id,
        "temporal_ably.run": plan.run.id,
        "temporal_ably.step": plan.step,
        "temporal_ably.attempt": origin.attempt,
    }
    name = f"Stream:{origin.activity_type}"
    return tracer.start_span(name, kind=SpanKind.PRODUCER, attributes=attributes, links=links)


def _set_error(span: Span, error: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    if error:
        span.set_attribute(ERROR_TYPE, error)
        span.set_status(Status(StatusCode.ERROR, error))


def _end(over: tuple[Span, int] | None) -> None:
    if over is not None:
        with guarded:
            over[0].end(over[1])


def _traceparent(span: Span) -> str:
    from opentelemetry.trace import set_span_in_context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    if span.get_span_context().is_valid:
        TraceContextTextMapPropagator().inject(carrier, set_span_in_context(span))
    return carrier.get("traceparent", "")


def _parsed(traceparent: str) -> SpanContext:
    from opentelemetry.context import Context
    from opentelemetry.trace import get_current_span
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context = TraceContextTextMapPropagator().extract({"traceparent": traceparent}, Context())
    return get_current_span(context).get_span_context()
