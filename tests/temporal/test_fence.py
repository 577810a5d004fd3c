from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest

from temporal_ably._temporal import fence as room
from temporal_ably._temporal.fence import Fence
from tests.temporal.attempts import LONG, MOMENT, OVER, info


def test_attempt_may_write_within_its_deadlines() -> None:
    fence = Fence(info())
    assert fence.allows()
    assert 0 < fence.left_s <= LONG.total_seconds()


@pytest.mark.parametrize(
    "limits",
    [
        {"start_to_close_timeout": OVER},
        {"schedule_to_close_timeout": OVER},
        # An hour was spent waiting for a worker.
        {"schedule_to_close_timeout": LONG, "started_time": MOMENT + LONG},
        {"heartbeat_timeout": OVER},
    ],
)
def test_attempt_may_not_write_past_a_deadline(limits: dict[str, object]) -> None:
    assert not Fence(info(**limits)).allows()


def test_attempt_without_limits_may_write_for_ever() -> None:
    fence = Fence(info(start_to_close_timeout=None))
    assert fence.allows()
    assert fence.left_s == float("inf")


def test_closed_fence_lets_nothing_out() -> None:
    fence = Fence(info())
    fence.close()
    assert not fence.allows()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The fence's clock, in seconds."""
    now = [100.0]
    monkeypatch.setattr(room, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_heartbeat_moves_its_deadline_by_what_throttling_may_cost(clock: list[float]) -> None:
    fence = Fence(info(heartbeat_timeout=timedelta(seconds=1)))
    clock[0] = 100.9
    fence.heartbeat()
    clock[0] = 102.8
    assert fence.allows()
    clock[0] = 102.9
    assert not fence.allows()


def test_late_heartbeat_opens_no_fence_again(clock: list[float]) -> None:
    fence = Fence(info(heartbeat_timeout=timedelta(seconds=1)))
    clock[0] = 101.0
    assert not fence.allows()
    fence.heartbeat()
    assert not fence.allows()


def test_what_is_left_ends_with_the_next_heartbeat_that_nobody_makes(clock: list[float]) -> None:
    fence = Fence(info(heartbeat_timeout=timedelta(seconds=5)))
    assert fence.left_s == 5
    clock[0] = 104.0
    fence.heartbeat()
    clock[0] = 106.0
    assert fence.left_s == 3
