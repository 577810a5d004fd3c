from __future__ import annotations

from temporal_ably.server.limits import Limits, Meter


def test_a_meter_without_a_limit_gives_all() -> None:
    assert Meter(None).take(10**9, 0)


def test_a_meter_holds_one_seconds_worth_and_refills() -> None:
    meter = Meter(50)
    assert all(meter.take(1, 1000) for _ in range(50))
    assert not meter.take(1, 1000)
    assert not meter.take(1, 1019)
    assert meter.take(1, 1020)
    assert not meter.take(51, 10_000)
    assert meter.take(50, 10_000)


def test_a_clock_that_goes_back_gives_nothing() -> None:
    meter = Meter(10)
    assert meter.take(10, 5000)
    assert not meter.take(1, 4000)


def test_real_limits_are_ablys() -> None:
    real = Limits.real()
    assert (real.connection_messages_per_s, real.channel_messages_per_s) == (50, 50)
    assert (real.channel_bytes_per_s, real.channels_per_connection) == (1024 * 1024, 200)
    assert real.presence_members == Limits().presence_members == 200
    assert Limits().connection_messages_per_s is None
