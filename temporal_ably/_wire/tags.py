"""Our tags: the strings in ``extras.headers`` of every message that we publish.

They are the contract with any Ably client, in any dialect: from tags alone a reader can fold a
session. The canonical rule: of a step's attempts the one with the latest ``temporal-started``
wins, ties go to the later serial. Attempt numbers are for display, because Temporal repeats them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from temporal_ably._wire.events import Run
    from temporal_ably._wire.parts import Json, Status

CONTRACT_VERSION = "1"

VERSION = "temporal-v"
EVENT = "temporal-event"
SESSION_RUN = "temporal-session-run"
WORKFLOW_ID = "temporal-workflow-id"
RUN_ID = "temporal-run-id"
ACTIVITY_ID = "temporal-activity-id"
ATTEMPT = "temporal-attempt"
STARTED = "temporal-started"
STEP = "temporal-step"
LENGTH = "temporal-length"
ACTIVITY_TYPE = "temporal-activity-type"
WORKFLOW_TYPE = "temporal-workflow-type"
AGENT = "temporal-agent"
TRACEPARENT = "traceparent"
NAMESPACE = "temporal-namespace"
TASK_QUEUE = "temporal-task-queue"
INPUT = "temporal-input"
REASON = "temporal-reason"
ERROR = "temporal-error"
MESSAGE = "temporal-message"
PART = "temporal-part"
STATUS = "temporal-status"
SUPERSEDED_BY = "temporal-superseded-by"

EventName = Literal["run-start", "run-suspend", "run-resume", "run-end", "step-start", "step-end", "part"]
# Why a run is suspended: its workflow waits, or it is done, and whoever answers has another one go on with the run.
Pause = Literal["waiting", "handed-over"]


# More digits than 64 bits hold are no time, and Python refuses to read thousands of them.
_NUMBER = re.compile(r"[0-9]{1,19}")


@dataclass(frozen=True)
class Origin:
    """The activity attempt that a message comes from. ``started_us`` is in microseconds."""

    workflow_id: str
    workflow_run_id: str
    workflow_type: str
    activity_id: str
    activity_type: str
    attempt: int
    started_us: int
    agent: str
    namespace: str
    task_queue: str


def step_tags(origin: Origin, session_run: str, step: str, event: EventName, length: int = 0) -> dict[str, str]:
    """Give the tags of any operation of a step.

    Args:
        origin: the attempt.
        session_run: the run within the session that the step belongs to.
        step: the step id.
        event: what the message tells.
        length: characters (code points) of this streamed part so far, held or lost ones included.
    """
    return {
        VERSION: CONTRACT_VERSION,
        EVENT: event,
        SESSION_RUN: session_run,
        WORKFLOW_ID: origin.workflow_id,
        RUN_ID: origin.workflow_run_id,
        ACTIVITY_ID: origin.activity_id,
        ATTEMPT: str(origin.attempt),
        STARTED: str(origin.started_us),
        STEP: step,
        LENGTH: str(length),
    }


def first_tags(origin: Origin, traceparent: str, *, full: bool) -> dict[str, str]:
    """Give the tags that stand on a step's first message only.

    Args:
        origin: the attempt.
        traceparent: the W3C trace context of its stream, empty where nothing is traced.
        full: whether namespace and task queue go along; end users can read tags.
    """
    tags = {ACTIVITY_TYPE: origin.activity_type, WORKFLOW_TYPE: origin.workflow_type, AGENT: origin.agent}
    if traceparent:
        tags[TRACEPARENT] = traceparent
    if full:
        tags |= {NAMESPACE: origin.namespace, TASK_QUEUE: origin.task_queue}
    return tags


def part_tags(message: int, description: Mapping[str, Json], status: Status | None = None) -> dict[str, str]:
    """Give the further tags of a part.

    Args:
        message: the number of its message within the step.
        description: the part's type and fields, without its text or payload.
        status: of a streamed part.
    """
    tags = {
        MESSAGE: str(message),
        PART: json.dumps(description, ensure_ascii=False, separators=(",", ":"), allow_nan=False),
    }
    return tags if status is None else tags | {STATUS: status}


def run_tags(run: Run, event: EventName, owner_id: str, owner_run_id: str) -> dict[str, str]:
    """Give the tags of run-level messages: those of the run's owner, whoever publishes them."""
    tags = {
        VERSION: CONTRACT_VERSION,
        EVENT: event,
        SESSION_RUN: run.id,
        WORKFLOW_ID: owner_id,
        RUN_ID: owner_run_id,
    }
    return tags | {INPUT: run.input_id} if run.input_id else tags


def end_tags(reason: str, error: str | None = None) -> dict[str, str]:
    """Give the further tags of the end of a run or step, or of a run's pause. ``error`` is a text for end users."""
    return {REASON: reason} if error is None else {REASON: reason, ERROR: error}


def started_us(headers: Mapping[str, object]) -> int | None:
    """Read an attempt's start time in microseconds, ``None`` where the tag is absent or malformed."""
    text = headers.get(STARTED)
    return int(text) if isinstance(text, str) and _NUMBER.fullmatch(text) else None
