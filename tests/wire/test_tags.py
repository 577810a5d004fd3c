from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_ably._wire import tags
from temporal_ably._wire.events import Run

ORIGIN = tags.Origin(
    workflow_id="wf",
    workflow_run_id="wf-run",
    workflow_type="Chat",
    activity_id="7",
    activity_type="answer",
    attempt=2,
    started_us=1_700_000_000_000_001,
    agent="researcher",
    namespace="prod",
    task_queue="gpu",
)


def test_step_tags_name_event_run_workflow_activity_attempt_step_and_length() -> None:
    assert tags.step_tags(ORIGIN, "run", ":0:1", "part", 12) == {
        "temporal-v": "1",
        "temporal-event": "part",
        "temporal-session-run": "run",
        "temporal-workflow-id": "wf",
        "temporal-run-id": "wf-run",
        "temporal-activity-id": "7",
        "temporal-attempt": "2",
        "temporal-started": "1700000000000001",
        "temporal-step": ":0:1",
        "temporal-length": "12",
    }


def test_first_tags_keep_namespace_and_task_queue_from_end_users() -> None:
    assert tags.first_tags(ORIGIN, "", full=False) == {
        "temporal-activity-type": "answer",
        "temporal-workflow-type": "Chat",
        "temporal-agent": "researcher",
    }


def test_first_tags_in_full_add_namespace_and_task_queue() -> None:
    added = tags.first_tags(ORIGIN, "", full=True).items() - tags.first_tags(ORIGIN, "", full=False).items()
    assert dict(added) == {"temporal-namespace": "prod", "temporal-task-queue": "gpu"}


def test_length_is_zero_on_everything_but_text() -> None:
    assert tags.step_tags(ORIGIN, "run", ":0:1", "step-start")["temporal-length"] == "0"


def test_trace_context_stands_on_the_first_message_of_a_step_under_its_own_name() -> None:
    added = tags.first_tags(ORIGIN, "00-1-2-01", full=False).items() - tags.first_tags(ORIGIN, "", full=False).items()
    assert dict(added) == {"traceparent": "00-1-2-01"}


def test_part_tags_of_a_whole_part_have_no_status() -> None:
    assert tags.part_tags(2, {"type": "data-x", "id": "p"}) == {
        "temporal-message": "2",
        "temporal-part": '{"type":"data-x","id":"p"}',
    }


def test_part_tags_of_a_streamed_part_say_how_it_stands() -> None:
    assert tags.part_tags(0, {"type": "text", "id": "0"}, "cancelled") == {
        "temporal-message": "0",
        "temporal-part": '{"type":"text","id":"0"}',
        "temporal-status": "cancelled",
    }


def test_description_of_a_part_is_typed_json_that_people_can_read() -> None:
    described = tags.part_tags(0, {"type": "tool-input", "title": "caf\u00e9", "dynamic": True})["temporal-part"]
    assert described == '{"type":"tool-input","title":"caf\u00e9","dynamic":true}'


def test_end_tags_name_the_reason_and_an_error_only_where_there_is_one() -> None:
    assert tags.end_tags("complete") == {"temporal-reason": "complete"}
    assert tags.end_tags("error", "no money") == {"temporal-reason": "error", "temporal-error": "no money"}


def test_all_values_are_strings() -> None:
    made = tags.step_tags(ORIGIN, "run", ":0:1", "part", 3) | tags.part_tags(0, {"type": "text"}, "streaming")
    made |= (
        tags.first_tags(ORIGIN, "00-1", full=True)
        | tags.run_tags(Run("r", "r/in"), "run-end", "w", "x")
        | tags.end_tags("error", "e")
    )
    assert {type(value) for value in made.values()} == {str}


def test_run_tags_name_the_owner_and_no_activity() -> None:
    assert tags.run_tags(Run("run", "run/in"), "run-start", "root", "root-run") == {
        "temporal-v": "1",
        "temporal-event": "run-start",
        "temporal-session-run": "run",
        "temporal-workflow-id": "root",
        "temporal-run-id": "root-run",
    }


def test_run_tags_name_the_input_that_the_run_answers() -> None:
    own = tags.run_tags(Run("run", "u1", input_id="u1"), "run-suspend", "root", "root-run")
    assert (own["temporal-event"], own["temporal-input"]) == ("run-suspend", "u1")


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_start_time_is_read_back_as_written(started_us: int) -> None:
    assert tags.started_us(tags.step_tags(replace(ORIGIN, started_us=started_us), "run", "", "part")) == started_us


@pytest.mark.parametrize("text", ["", "-1", "1.5", "soon", "\u00b2", "9" * 5000], ids=lambda text: text[:9])
def test_malformed_start_time_reads_as_none(text: str) -> None:
    assert tags.started_us({tags.STARTED: text}) is None


def test_start_time_that_is_no_text_reads_as_none() -> None:
    assert tags.started_us({tags.STARTED: 7}) is None


def test_absent_start_time_reads_as_none() -> None:
    assert tags.started_us({}) is None
