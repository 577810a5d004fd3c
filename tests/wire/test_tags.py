from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_ably._wire import tags

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


def test_step_tags_name_workflow_activity_attempt_step_and_length() -> None:
    assert tags.step_tags(ORIGIN, ":0:1", 12) == {
        "temporal-v": "1",
        "temporal-workflow-id": "wf",
        "temporal-run-id": "wf-run",
        "temporal-activity-id": "7",
        "temporal-attempt": "2",
        "temporal-started": "1700000000000001",
        "temporal-step": ":0:1",
        "temporal-length": "12",
    }


def test_first_tags_keep_namespace_and_task_queue_from_end_users() -> None:
    assert tags.first_tags(ORIGIN, full=False) == {
        "temporal-activity-type": "answer",
        "temporal-workflow-type": "Chat",
        "temporal-agent": "researcher",
    }


def test_first_tags_in_full_add_namespace_and_task_queue() -> None:
    added = tags.first_tags(ORIGIN, full=True).items() - tags.first_tags(ORIGIN, full=False).items()
    assert dict(added) == {"temporal-namespace": "prod", "temporal-task-queue": "gpu"}


def test_run_tags_name_the_owner_and_no_activity() -> None:
    assert tags.run_tags("root", "root-run") == {
        "temporal-v": "1",
        "temporal-workflow-id": "root",
        "temporal-run-id": "root-run",
    }


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_start_time_is_read_back_as_written(started_us: int) -> None:
    assert tags.started_us(tags.step_tags(replace(ORIGIN, started_us=started_us), "", 0)) == started_us


@pytest.mark.parametrize("text", ["", "-1", "1.5", "soon", "\u00b2", "9" * 5000], ids=lambda text: text[:9])
def test_malformed_start_time_reads_as_none(text: str) -> None:
    assert tags.started_us({tags.STARTED: text}) is None


def test_start_time_that_is_no_text_reads_as_none() -> None:
    assert tags.started_us({tags.STARTED: 7}) is None


def test_absent_start_time_reads_as_none() -> None:
    assert tags.started_us({}) is None
