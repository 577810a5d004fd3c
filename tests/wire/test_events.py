from __future__ import annotations

from dataclasses import replace

import pytest

from temporal_ably._wire.events import Run, Step, StepClosed, StepOpened

STEP = Step(Run("run", "parent"), ":0:1")


def test_attempts_of_one_step_differ_by_serial_alone() -> None:
    first, second = replace(STEP, serial="1"), replace(STEP, serial="2")
    assert first != second
    assert replace(first, serial="2") == second


def test_step_has_no_serial_before_it_is_acknowledged() -> None:
    assert STEP.serial == ""


def test_events_are_values() -> None:
    assert StepOpened(STEP) == StepOpened(replace(STEP))
    assert len({StepClosed(STEP, "failed"), StepClosed(STEP, "failed"), StepClosed(STEP, "complete")}) == 2


def test_events_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        setattr(STEP, "serial", "1")  # noqa: B010 - the type checker forbids it, too
