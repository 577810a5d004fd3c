"""The one place where our errors become Temporal's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio.exceptions import ApplicationError

if TYPE_CHECKING:
    from temporal_ably._publisher.outcome import Outcome
    from temporal_ably.errors import EncodeError, StreamClosedError

PUBLISH_ERROR = "PublishError"


def from_misuse(err: EncodeError | StreamClosedError) -> ApplicationError:
    """What cannot be streamed cannot be streamed by a retry either."""
    return ApplicationError(str(err), type=type(err).__name__, non_retryable=True)


def from_outcome(outcome: Outcome) -> ApplicationError:
    """The failure that users choose by ``ABLY_ON_FAILURE=fail``."""
    retryable = outcome.error is None or outcome.error.retryable
    reason = str(outcome.error) if outcome.error else "Ably did not take it in time"
    return ApplicationError(
        f"unable to deliver the activity's output; {reason}; set ABLY_ON_FAILURE=continue to succeed all the same",
        type=PUBLISH_ERROR,
        non_retryable=not retryable,
    )


def from_bare_generator(activity_type: str) -> ApplicationError:
    """A bare async generator can neither return a result nor be cancelled."""
    return ApplicationError(
        f"unable to run activity {activity_type}; it is a bare async generator; put @streaming under @activity.defn",
        type="TypeError",
        non_retryable=True,
    )
