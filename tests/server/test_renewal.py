from __future__ import annotations

import pytest

from temporal_ably.server.renewal import LEAD_MS, Renewal

NOW = 1_700_000_000_000
HOUR = 3_600_000


def test_a_key_is_never_renewed() -> None:
    renewal = Renewal(None, NOW)
    renewal.hurry(NOW)
    assert renewal.next_due() is None
    assert not renewal.asks(NOW + HOUR)
    assert not renewal.expired(NOW + HOUR)


def test_a_token_is_asked_for_once_some_time_before_the_old_one_expires() -> None:
    renewal = Renewal(NOW + HOUR, NOW)
    due = NOW + HOUR - LEAD_MS
    assert renewal.next_due() == due
    assert [renewal.asks(at) for at in (due - 1, due, due + 1)] == [False, True, False]
    assert renewal.next_due() == NOW + HOUR


@pytest.mark.parametrize(("life_ms", "due_ms"), [(60_000, 30_000), (40_000, 20_000), (10_000, 5_000)])
def test_a_short_lived_token_is_renewed_at_half_time(life_ms: int, due_ms: int) -> None:
    assert Renewal(NOW + life_ms, NOW).next_due() == NOW + due_ms


def test_a_token_that_expires_at_once_is_not_asked_for() -> None:
    renewal = Renewal(NOW + 5_000, NOW)
    assert renewal.next_due() == NOW + 5_000
    assert not renewal.asks(NOW + 4_999)


def test_it_expires() -> None:
    assert [Renewal(NOW, 0).expired(at) for at in (NOW - 1, NOW)] == [False, True]


def test_it_can_be_asked_for_at_once() -> None:
    renewal = Renewal(NOW + HOUR, NOW)
    renewal.hurry(NOW)
    assert renewal.next_due() == NOW
    assert [renewal.asks(NOW), renewal.asks(NOW)] == [True, False]
