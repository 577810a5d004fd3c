"""What a step is called, and whether it replaces another."""

from __future__ import annotations

import dataclasses
from typing import Any

from temporal_ably._temporal.attempt_sink import AttemptSink
from temporal_ably._wire.identity import Binding, Header
from tests.temporal.attempts import MOMENT, info, runtime


def header(**changes: Any) -> Header:
    binding = dataclasses.replace(Binding("ai:wf", "run", "wf", "run"), **changes)
    return Header(binding.session, binding, ordinal=7)


def sink(header: Header | None, **changes: object) -> AttemptSink:
    return AttemptSink(runtime(), info(**changes), header, None)


def test_step_is_named_by_the_header_else_by_the_activity() -> None:
    assert sink(header())._step == ":0:7"
    assert sink(None, activity_id="a-1")._step == ":a-1"


def test_without_a_header_the_workflow_run_stands_for_itself() -> None:
    bound = sink(None, workflow_id="wf-9", workflow_run_id="r-9")._binding
    assert (bound.session, bound.run, bound.owner_chain) == ("ai:wf-9", "r-9", None)


def test_first_attempt_replaces_nothing_and_a_later_one_does() -> None:
    known: dict[str, object] = {"scheduled_time": MOMENT, "current_attempt_scheduled_time": MOMENT}
    assert not sink(header(), attempt=1, **known).replaces_something
    assert sink(header(), attempt=2, **known).replaces_something
