"""OpenTelemetry's SDK with its ears in memory, set for the whole process and taken away again."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, cast

import opentelemetry.metrics._internal as metrics_api
import opentelemetry.trace as trace_api
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from opentelemetry.trace import SpanContext


class Tracers(Protocol):
    """A provider of the SDK, or Temporal's around one."""

    def add_span_processor(self, span_processor: SpanProcessor) -> None: ...


class Ear:
    """What was heard."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()

    @property
    def spans(self) -> list[ReadableSpan]:
        """Spans that have ended, in their order."""
        return list(self.exporter.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        """Spans of one name."""
        return [span for span in self.spans if span.name == name]

    def metrics(self) -> dict[str, dict[tuple[object, ...], float]]:
        """Metrics by name, then by the values of their attributes: sums, and of histograms the counts."""
        data = self.reader.get_metrics_data()
        found: dict[str, dict[tuple[object, ...], float]] = {}
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    points = cast("Sequence[NumberDataPoint | HistogramDataPoint]", metric.data.data_points)
                    found[metric.name] = {_values(point): _figure(point) for point in points}
        return found


def dump_spans(ear: Ear) -> list[str]:
    """All spans as indented names, children under their parents, in the order of their starts."""
    return list(_indented(sorted(ear.spans, key=lambda span: span.start_time or 0), None, ""))


def context_of(span: ReadableSpan) -> SpanContext:
    """The context of a span, which it must have."""
    context = span.get_span_context()
    assert context is not None
    return context


def traceparent_of(span: ReadableSpan) -> str:
    """The W3C form of a span's context."""
    return _w3c(context_of(span))


def linked_from(span: ReadableSpan) -> list[str]:
    """The W3C forms of the contexts that a span links to."""
    return [_w3c(link.context) for link in span.links]


def attributes_of(span: ReadableSpan) -> dict[str, object]:
    """The attributes of a span."""
    return dict(span.attributes or {})


def _w3c(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


@contextmanager
def hearing(*, tracers: Tracers | None = None, spans: bool = True, metrics: bool = True) -> Generator[Ear]:
    """Set providers for the process. ``tracers``: one to take instead of a new one."""
    ear = Ear()
    tracing = tracers or TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(ear.exporter))
    metering = MeterProvider([ear.reader], shutdown_on_exit=False)
    with (
        _process_has(trace_api, "_TRACER_PROVIDER", tracing if spans else None),
        _process_has(metrics_api, "_METER_PROVIDER", metering if metrics else None),
    ):
        yield ear
    metering.shutdown()


@contextmanager
def _process_has(module: object, name: str, provider: object) -> Generator[None]:
    # The API's own setters work once in a process.
    before = getattr(module, name)
    setattr(module, name, provider)
    try:
        yield
    finally:
        setattr(module, name, before)


def _indented(spans: Sequence[ReadableSpan], parent_id: int | None, indent: str) -> Iterator[str]:
    for span in spans:
        if (span.parent.span_id if span.parent else None) == parent_id:
            yield indent + span.name
            yield from _indented(spans, context_of(span).span_id, indent + "  ")


def _values(point: NumberDataPoint | HistogramDataPoint) -> tuple[object, ...]:
    return tuple(value for _, value in sorted((point.attributes or {}).items()))


def _figure(point: NumberDataPoint | HistogramDataPoint) -> float:
    return point.count if isinstance(point, HistogramDataPoint) else point.value
