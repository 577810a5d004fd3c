"""How a run ended, read off the server's events."""

from __future__ import annotations

import pytest
from temporalio.api.enums.v1 import EventType, RetryState
from temporalio.api.history.v1 import HistoryEvent

from temporal_ably._temporal.following import Closed, read_close
from tests.temporal.closes import COMPLETED, close_event, failed


@pytest.mark.parametrize(
    ("event", "closed"),
    [
        (COMPLETED, Closed()),
        (close_event("canceled"), Closed("cancelled")),
        (close_event("continued_as_new", new_execution_run_id="b"), Closed(following="b")),
        (close_event("terminated", reason="enough"), Closed("error", error="enough", terminated=True)),
        (failed(), Closed("error", error="the model broke")),
        (failed("b", retried=True), Closed("error", following="b", error="the model broke")),
        # The next tick of a cron schedule follows too, and is a run of its own.
        (failed("b"), Closed("error", error="the model broke")),
        (
            close_event("timed_out", retry_state=RetryState.RETRY_STATE_IN_PROGRESS, new_execution_run_id="b"),
            Closed("error", following="b", error="the workflow timed out"),
        ),
        (HistoryEvent(event_type=EventType.EVENT_TYPE_TIMER_FIRED), None),
    ],
    ids=lambda value: EventType.Name(value.event_type) if isinstance(value, HistoryEvent) else None,
)
def test_close_event_is_read(event: HistoryEvent, closed: Closed | None) -> None:
    assert read_close(event) == closed
