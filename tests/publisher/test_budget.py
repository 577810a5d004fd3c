from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_ably._publisher.budget import Budget


def drain(budget: Budget, now: float) -> int:
    """How many single messages go out at one moment."""
    sent = 0
    while budget.wait_s(1, now) == 0.0:
        budget.spend(1)
        sent += 1
    return sent


def test_quarter_of_a_second_may_go_at_once() -> None:
    assert drain(Budget(40, 0.0), 0.0) == 10


def test_even_a_small_budget_lets_a_whole_opening_go_at_once() -> None:
    assert drain(Budget(1, 0.0), 0.0) == 4


def test_tokens_come_back_at_the_rate() -> None:
    budget = Budget(40, 0.0)
    drain(budget, 0.0)
    assert budget.wait_s(1, 0.0) == pytest.approx(1 / 40)
    assert drain(budget, 0.1) == 4


def test_quiet_time_is_not_saved_up_beyond_the_burst() -> None:
    budget = Budget(40, 0.0)
    assert drain(budget, 1000.0) == 10


def test_batch_dearer_than_the_burst_goes_when_the_bucket_is_full() -> None:
    budget = Budget(4, 0.0)
    assert budget.wait_s(9, 0.0) == 0.0
    budget.spend(9)
    assert budget.wait_s(1, 0.0) == pytest.approx(6 / 4)


def test_rate_limit_error_halves_the_rate_and_stops_what_was_left() -> None:
    budget = Budget(40, 0.0)
    budget.shrink(0.0)
    assert drain(budget, 0.0) == 0
    assert budget.wait_s(1, 0.0) == pytest.approx(1 / 20)


def test_rate_never_shrinks_below_one_a_second() -> None:
    budget = Budget(40, 0.0)
    for _ in range(20):
        budget.shrink(0.0)
    assert budget.wait_s(1, 0.0) == pytest.approx(1.0)


def test_rate_grows_back_in_half_a_minute() -> None:
    budget = Budget(40, 0.0)
    budget.shrink(0.0)
    drain(budget, 30.0)
    assert budget.wait_s(1, 30.0) == pytest.approx(1 / 40)


def test_clock_that_steps_back_gives_nothing() -> None:
    budget = Budget(40, 10.0)
    drain(budget, 10.0)
    assert budget.wait_s(1, 5.0) > 0.0


@given(
    st.floats(min_value=1, max_value=100),
    st.lists(st.tuples(st.floats(min_value=0, max_value=5), st.integers(min_value=1, max_value=4)), max_size=50),
)
def test_any_window_holds_at_most_the_rate_and_one_burst(per_s: float, steps: list[tuple[float, int]]) -> None:
    budget, now, sent = Budget(per_s, 0.0), 0.0, list[tuple[float, int]]()
    for pause_s, cost in steps:
        now += pause_s
        wait_s = budget.wait_s(cost, now)
        if wait_s > 0:
            now += wait_s
        budget.spend(cost)
        sent.append((now, cost))
    burst = max(4.0, per_s / 4)
    for first in range(len(sent)):
        window = sent[first:]
        assert sum(cost for _, cost in window) <= burst + per_s * (window[-1][0] - window[0][0]) + 1e-6
