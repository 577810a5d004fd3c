"""The metrics: their table, and the instruments of one meter provider.

The rule of the file: `opentelemetry` (only its API) is imported inside functions.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from temporal_ably._transport.secrets import describe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import TypeAlias
    from weakref import WeakSet

    from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Meter, Observation

    Attributes: TypeAlias = Mapping[str, str | int]

logger = logging.getLogger("temporal_ably")

SCOPE = "temporal_ably"

# The context of who streams, under the names of Temporal's own metrics.
ACTIVITY_TYPE = "activity_type"
WORKFLOW_TYPE = "workflow_type"
# Names of OpenTelemetry's semantic conventions.
OPERATION = "messaging.operation.name"
ERROR_TYPE = "error.type"
RECOVERED = "temporal_ably.recovered"

_WHO = (ACTIVITY_TYPE, WORKFLOW_TYPE)
# The conventions' buckets for durations; the SDK's own are for milliseconds.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0)


@dataclass(frozen=True)
class Metric:
    """One metric: its name and unit (UCUM) are a promise. docs/observability.md is tested against these."""

    name: str
    instrument: Literal["counter", "histogram", "observable up-down counter"]
    unit: str
    attributes: tuple[str, ...]
    meaning: str


CHUNKS = Metric(
    "temporal_ably.chunks", "counter", "{chunk}", _WHO, "Pieces of text and whole parts that activities streamed"
)
CHARACTERS = Metric("temporal_ably.characters", "counter", "{character}", _WHO, "Characters of the streamed text")
FIRST_CHUNK = Metric(
    "temporal_ably.first_chunk.duration",
    "histogram",
    "s",
    _WHO,
    "Time from the start of an attempt to its first chunk",
)
OPERATIONS = Metric(
    "temporal_ably.operations", "counter", "{operation}", (OPERATION, *_WHO), "Operations that Ably acknowledged"
)
OUTBOX_WAIT = Metric(
    "temporal_ably.outbox.wait",
    "histogram",
    "s",
    _WHO,
    "Time from when output could be sent, because nothing before it was in flight, to Ably's acknowledgement",
)
RECOVERIES = Metric(
    "temporal_ably.recoveries",
    "counter",
    "{recovery}",
    (RECOVERED, *_WHO),
    "Connections that replaced a lost one, and operations of unknown outcome that were repaired",
)
SUPERSEDED = Metric(
    "temporal_ably.superseded", "counter", "{attempt}", _WHO, "Attempts whose output a later attempt replaced"
)
LOST = Metric("temporal_ably.lost", "counter", "{item}", _WHO, "Characters and whole parts that no viewer will see")
FAILURES = Metric(
    "temporal_ably.failures",
    "counter",
    "{failure}",
    (OPERATION, ERROR_TYPE, *_WHO),
    "Operations and connections that Ably refused or that broke; most are tried again",
)
BUFFERED = Metric(
    "temporal_ably.buffered",
    "observable up-down counter",
    "By",
    (),
    "Output that is held in memory because Ably has not acknowledged it",
)

METRICS = (
    CHUNKS,
    CHARACTERS,
    FIRST_CHUNK,
    OPERATIONS,
    OUTBOX_WAIT,
    RECOVERIES,
    SUPERSEDED,
    LOST,
    FAILURES,
    BUFFERED,
)


class Buffer(Protocol):
    """What holds output."""

    @property
    def buffered_bytes(self) -> int:
        """How much; asked from any thread."""
        ...


class _Guarded:
    """Keeps a fault of a provider, which is the user's, from publishing. Says so once."""

    _told = False

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        if not self._told:
            self._told = True
            logger.warning(
                "unable to record telemetry; the OpenTelemetry provider raised %s; streams go on", describe(error)
            )
        return True


guarded = _Guarded()


class Meters:
    """The instruments of one meter provider.

    Args:
        meter: makes them.
        buffers: what is observed.
    """

    def __init__(self, meter: Meter, buffers: WeakSet[Buffer]) -> None:
        self._counters: dict[Metric, Counter] = {}
        self._histograms: dict[Metric, Histogram] = {}
        self._buffers = buffers
        for metric in METRICS:
            if metric.instrument == "counter":
                self._counters[metric] = meter.create_counter(metric.name, metric.unit, metric.meaning)
            elif metric.instrument == "histogram":
                self._histograms[metric] = meter.create_histogram(
                    metric.name, metric.unit, metric.meaning, explicit_bucket_boundaries_advisory=_SECONDS
                )
            else:
                meter.create_observable_up_down_counter(metric.name, [self._observe], metric.unit, metric.meaning)

    def count(self, metric: Metric, value: int, attributes: Attributes) -> None:
        """Add to a counter."""
        with guarded:
            self._counters[metric].add(value, attributes)

    def record(self, metric: Metric, value: float, attributes: Attributes) -> None:
        """Record a duration."""
        with guarded:
            self._histograms[metric].record(value, attributes)

    def _observe(self, options: CallbackOptions) -> list[Observation]:
        from opentelemetry.metrics import Observation

        del options
        return [Observation(sum(buffer.buffered_bytes for buffer in self._buffers))]
