from __future__ import annotations

from dataclasses import dataclass

import pytest

from temporal_ably._transport.refusals import is_refusal, refused_listening, refused_operation


@dataclass
class Error:
    code: int
    message: str = "eyJhbGciOi.eyJzdWIi.c2ln was refused"
    status_code: int = 400


@pytest.mark.parametrize(
    ("code", "known"), [(40000, True), (42911, True), (93002, True), (50000, False), (80003, False)]
)
def test_only_ably_itself_says_that_nothing_was_applied(code: int, *, known: bool) -> None:
    assert is_refusal(code) is known


@pytest.mark.parametrize(
    ("code", "retryable", "fix"),
    [(40160, False, "the capability subscribe"), (40142, False, "the capability subscribe"), (90010, True, "trying")],
)
def test_refused_listening_says_whether_time_mends_it(code: int, fix: str, *, retryable: bool) -> None:
    error = refused_listening(code, "no", "ai:wf")
    assert str(error) == f"unable to listen to channel ai:wf; no ({code}); {str(error).rpartition('; ')[2]}"
    assert fix in str(error)
    assert (error.code, error.retryable, error.channel) == (code, retryable, "ai:wf")


def test_no_token_is_shown() -> None:
    assert "eyJ" not in str(refused_operation(Error(40000), "ai:wf"))
    assert "eyJ" not in str(refused_listening(40160, Error(0).message, "ai:wf"))
