"""The one place where our errors become Temporal's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

if TYPE_CHECKING:
    from temporal_ably._publisher.outcome import Outcome
    from temporal_ably.errors import EncodeError, StreamClosedError

PUBLISH_ERROR = "PublishError"
CANCELLED_BY_CLIENT = "CancelledByClient"


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


def from_cut() -> ApplicationError:
    """The end of an activity that was stopped for a client, where the server did not ask for it. Nobody's fault."""
    return ApplicationError(
        "the activity was stopped; a client of the session cancelled its run",
        type=CANCELLED_BY_CLIENT,
        non_retryable=True,
        category=ApplicationErrorCategory.BENIGN,
    )


def is_cut(error: BaseException | None) -> bool:
    """Tell whether an error comes from an activity that was stopped for a client."""
    while error is not None:
        if isinstance(error, ApplicationError) and error.type == CANCELLED_BY_CLIENT:
            return True
        error = error.__cause__
    return False
