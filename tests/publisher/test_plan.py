from __future__ import annotations

from dataclasses import replace

from temporal_ably._publisher.plan import wire_step
from tests.publisher.model import ORIGIN, PLAN


def test_step_that_no_workflow_run_repeats_keeps_its_name_on_the_wire() -> None:
    assert PLAN.wire_step == ":0:1"


def test_each_try_of_a_workflow_has_step_names_of_its_own() -> None:
    assert replace(PLAN, since_us=700).wire_step == wire_step(":0:1", 700) == ":0:1@700"


def test_attempt_is_named_by_run_step_and_start() -> None:
    assert PLAN.id == "run/:0:1/1000"
    others = [
        replace(PLAN, origin=replace(ORIGIN, started_us=1001)),
        replace(PLAN, step=":0:2"),
        replace(PLAN, since_us=700),
        replace(PLAN, run=replace(PLAN.run, id="other")),
    ]
    assert len({PLAN.id, *(other.id for other in others)}) == 5
