from __future__ import annotations

import pytest

from temporal_ably.testing.faults import Fate, Fault, Faults, lost, out_of_reach, refusal


def fates(faults: Faults, *channels: str) -> list[Fate | None]:
    taken = [faults.take(channel) for channel in channels]
    return [fault.fate if fault is not None else None for fault in taken]


def test_fault_waits_for_its_operation_and_comes_once() -> None:
    faults = Faults()
    faults.add(Fault(Fate.REFUSED, 2))
    assert fates(faults, "a", "a", "a") == [None, Fate.REFUSED, None]


def test_fault_for_a_channel_counts_only_the_operations_of_that_channel() -> None:
    faults = Faults()
    faults.add(Fault(Fate.LOST, 2, channel="a"))
    assert fates(faults, "b", "a", "b", "a") == [None, None, None, Fate.LOST]


def test_of_two_faults_for_one_operation_the_later_waits_for_the_next() -> None:
    faults = Faults()
    faults.add(Fault(Fate.REFUSED, 1))
    faults.add(Fault(Fate.LOST, 1))
    assert fates(faults, "a", "a", "a") == [Fate.REFUSED, Fate.LOST, None]


def test_cleared_faults_do_not_come() -> None:
    faults = Faults()
    faults.add(Fault(Fate.REFUSED, 1))
    faults.clear()
    assert fates(faults, "a") == [None]


def test_operation_that_is_not_to_come_is_an_error() -> None:
    with pytest.raises(ValueError, match="count from 1"):
        Fault(Fate.REFUSED, 0)


def test_errors_say_that_the_test_meant_them() -> None:
    for error in (refusal(40000, "ai:wf"), lost("ai:wf"), out_of_reach()):
        assert "the test h" in str(error)
