"""Close events of workflow runs."""

from __future__ import annotations

from typing import Any

from temporalio.api.enums.v1 import EventType, RetryState
from temporalio.api.history.v1 import HistoryEvent


def close_event(kind: str, **attributes: Any) -> HistoryEvent:
    """The event with which a workflow run ends."""
    name = f"workflow_execution_{kind}_event_attributes"
    event = HistoryEvent(event_type=EventType.Value(f"EVENT_TYPE_WORKFLOW_EXECUTION_{kind.upper()}"))
    own = getattr(event, name)
    for field, value in attributes.items():
        if field == "message":
            own.failure.message = value
        else:
            setattr(own, field, value)
    own.SetInParent()
    return event


COMPLETED = close_event("completed")


def failed(following: str = "", *, retried: bool = False) -> HistoryEvent:
    state = RetryState.RETRY_STATE_IN_PROGRESS if retried else RetryState.RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED
    return close_event("failed", retry_state=state, new_execution_run_id=following, message="the model broke")
