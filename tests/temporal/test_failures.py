from __future__ import annotations

import pytest

from temporal_ably._publisher.outcome import Delivery, Outcome
from temporal_ably._temporal.failures import from_bare_generator, from_misuse, from_outcome
from temporal_ably.errors import ChannelRuleError, ConnectionLostError, EncodeError, PublishError


def test_chunk_that_cannot_be_streamed_is_not_retried() -> None:
    failure = from_misuse(EncodeError("unable to stream a chunk; no; pass its text"))
    assert (failure.message, failure.type, failure.non_retryable) == (
        "unable to stream a chunk; no; pass its text",
        "EncodeError",
        True,
    )


@pytest.mark.parametrize(
    ("error", "non_retryable"),
    [
        (None, False),
        (ConnectionLostError("unable to publish; lost; trying again"), False),
        (PublishError("unable to publish; odd; trying again", code=40003), False),
        (ChannelRuleError("unable to stream; no rule; enable it", code=93002, retryable=False), True),
    ],
)
def test_output_that_was_not_delivered_is_retried_where_that_may_help(
    error: PublishError | None,
    non_retryable: bool,  # noqa: FBT001 - a column of the table
) -> None:
    failure = from_outcome(Outcome(Delivery.HELD, error=error))
    assert failure.non_retryable is non_retryable
    assert failure.type == "PublishError"
    reason = str(error) if error else "Ably did not take it in time"
    assert failure.message == (
        f"unable to deliver the activity's output; {reason}; set ABLY_ON_FAILURE=continue to succeed all the same"
    )


def test_bare_generator_fails_for_good_with_the_decorator_named() -> None:
    failure = from_bare_generator("answer")
    assert failure.non_retryable
    assert failure.message == (
        "unable to run activity answer; it is a bare async generator; put @streaming under @activity.defn"
    )
