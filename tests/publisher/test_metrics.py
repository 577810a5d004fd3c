from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast
from weakref import WeakSet

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, NumberDataPoint

from temporal_ably._publisher import metrics as room
from temporal_ably._publisher.metrics import BUFFERED, METRICS, OUTBOX_WAIT, Buffer, Meters, Metric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.metrics.export import Metric as Heard


class Held:
    buffered_bytes = 7


@pytest.fixture
def reader() -> InMemoryMetricReader:
    return InMemoryMetricReader()


@pytest.fixture
def provider(reader: InMemoryMetricReader) -> Iterator[MeterProvider]:
    provider = MeterProvider([reader], shutdown_on_exit=False)
    yield provider
    provider.shutdown()


def heard(reader: InMemoryMetricReader) -> dict[str, Heard]:
    data = reader.get_metrics_data()
    assert data is not None
    return {each.name: each for each in data.resource_metrics[0].scope_metrics[0].metrics}


def use(meters: Meters, metric: Metric) -> None:
    if metric.instrument == "counter":
        meters.count(metric, 2, dict.fromkeys(metric.attributes, "x"))
    elif metric.instrument == "histogram":
        meters.record(metric, 0.02, dict.fromkeys(metric.attributes, "x"))


def test_each_metric_is_heard_under_its_name_unit_and_attributes(
    provider: MeterProvider, reader: InMemoryMetricReader
) -> None:
    buffers: WeakSet[Buffer] = WeakSet()
    held = Held()
    buffers.add(held)
    meters = Meters(provider.get_meter("test"), buffers)
    for metric in METRICS:
        use(meters, metric)
    found = heard(reader)
    assert found.keys() == {metric.name for metric in METRICS}
    for metric in METRICS:
        assert found[metric.name].unit == metric.unit
        assert found[metric.name].description == metric.meaning
        assert (found[metric.name].data.data_points[0].attributes or {}).keys() == set(metric.attributes)


def test_names_and_units_keep_to_the_conventions() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert re.fullmatch(r"temporal_ably(\.[a-z_]+)+", metric.name)
        assert metric.unit in ("s", "By") or re.fullmatch(r"\{[a-z]+\}", metric.unit)


def test_durations_have_buckets_of_seconds(provider: MeterProvider, reader: InMemoryMetricReader) -> None:
    Meters(provider.get_meter("test"), WeakSet()).record(OUTBOX_WAIT, 0.02, {})
    point = cast("HistogramDataPoint", heard(reader)[OUTBOX_WAIT.name].data.data_points[0])
    assert point.explicit_bounds[0] == 0.005
    assert point.bucket_counts[2] == 1


def test_what_is_buffered_is_the_sum_of_the_living_buffers(
    provider: MeterProvider, reader: InMemoryMetricReader
) -> None:
    one, other = Held(), Held()
    meters = Meters(provider.get_meter("test"), WeakSet([one, other]))
    (point,) = heard(reader)[BUFFERED.name].data.data_points
    assert isinstance(point, NumberDataPoint)
    assert point.value == 14
    del meters


def test_fault_of_a_provider_is_told_once_and_goes_no_further(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(room.guarded, "_told", False)
    for _ in range(2):
        with room.guarded:
            raise ZeroDivisionError("of the user's own")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "unable to record telemetry" in caplog.text


def test_who_is_stopped_is_stopped_in_the_middle_of_telemetry_as_well() -> None:
    with pytest.raises(KeyboardInterrupt), room.guarded:
        raise KeyboardInterrupt
