from datetime import timedelta
from typing import Literal

import pytest

from temporal_ably._session.order import NO_TIME, AttemptKey, why_dead
from temporal_ably._wire.events import StepReason

EARLY, LATE = NO_TIME + timedelta(seconds=1), NO_TIME + timedelta(seconds=2)


def test_the_attempt_that_started_last_is_canonical_though_a_zombie_opened_later():
    retry, zombie = AttemptKey(LATE, "0005"), AttemptKey(EARLY, "0009")
    assert max(retry, zombie) == retry


def test_equal_start_times_are_decided_by_the_serial_of_the_opening():
    assert max(AttemptKey(EARLY, "0005"), AttemptKey(EARLY, "0009")).serial == "0009"


@pytest.mark.parametrize(
    ("serial", "number", "ended", "why"),
    [
        ("0001", 1, "failed", "failed; attempt 2 took its place"),
        ("0001", 1, "complete", "complete; attempt 2 took its place"),
        ("0001", 1, "", "never ended; attempt 2 took its place"),
        ("0001", 2, "", "never ended; a later attempt 2 took its place"),
        ("0009", 1, "failed", "started before attempt 2 (a zombie)"),
        ("0009", 2, "", "started before a later attempt 2 (a zombie)"),
    ],
)
def test_why_an_attempt_is_dead(serial: str, number: int, ended: StepReason | Literal[""], why: str):
    assert why_dead(AttemptKey(EARLY, serial), number, ended, AttemptKey(LATE, "0005"), 2) == why


def test_of_equal_starts_none_is_a_zombie():
    why = why_dead(AttemptKey(EARLY, "0001"), 1, "", AttemptKey(EARLY, "0005"), 2)
    assert why == "never ended; attempt 2 took its place"
