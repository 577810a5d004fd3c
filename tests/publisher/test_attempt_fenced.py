"""What a fenced attempt still does: close its own open streams, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from temporal_ably._publisher.attempt import Attempt
from tests.publisher.model import PLAN, TEXT, Fate
from tests.publisher.sender import Sender, opened, sender


def test_fenced_attempt_only_closes_its_open_streams_as_cancelled() -> None:
    it = opened()
    it.attempt.text(1, "held", 0.0)
    it.attempt.open_part(2, 0, TEXT, 0.0)
    it.attempt.fence(0.0)
    it.attempt.text(1, "late", 0.0)
    it.attempt.finish("failed", 0.0)
    assert it.flush() == ["append 0.0 '' cancelled"]
    assert it.attempt.done


def test_attempt_fenced_before_its_opening_publishes_nothing() -> None:
    it = sender()
    it.attempt.open_part(1, 0, TEXT, 0.0)
    it.attempt.text(1, "x", 0.0)
    it.attempt.fence(0.0)
    assert it.flush() == []
    assert it.attempt.done


def test_step_start_in_flight_at_the_fence_is_the_last_word() -> None:
    it = sender()
    it.attempt.open_part(1, 0, TEXT, 0.0)
    taken = it.take()
    it.attempt.fence(0.0)
    assert not it.attempt.done
    for ticket, operation in taken:
        it.ack(ticket, operation)
    assert it.flush() == []
    assert it.attempt.done


@pytest.mark.parametrize("fate", [Fate.REFUSED, Fate.LOST])
def test_opening_that_failed_at_the_fence_is_not_sent_again(fate: Fate) -> None:
    it = sender()
    it.attempt.open(0.0)
    taken = it.take()
    it.attempt.fence(0.0)
    for ticket, _ in taken:
        (it.attempt.unsent if fate is Fate.REFUSED else it.attempt.doubted)(ticket)
    assert it.flush() == []
    assert it.attempt.done


def test_text_that_was_refused_after_the_fence_is_not_sent_again() -> None:
    it = opened()
    it.attempt.text(1, " world", 0.0)
    [(ticket, _)] = it.take()
    it.attempt.fence(0.0)
    it.attempt.unsent(ticket)
    it.flush()
    assert it.channel.texts() == ["hello"]


def test_create_that_failed_at_the_fence_is_forgotten() -> None:
    it = opened()
    it.attempt.open_part(2, 0, TEXT, 0.0)
    [(ticket, _)] = it.take()
    it.attempt.fence(0.0)
    it.attempt.doubted(ticket)
    assert it.flush() == ["append 0.0 '' cancelled"]
    assert it.attempt.done


def test_attempt_that_succeeded_in_time_is_not_cut_off() -> None:
    it = opened()
    it.attempt.text(1, "!", 0.0)
    it.attempt.finish("complete", 0.0)
    it.attempt.fence(0.0)
    assert it.flush() == ["append 0.0 '!' complete", "step-end"]


def test_tombstone_is_cut_off_though_it_is_complete() -> None:
    it = sender(replace(PLAN, tombstone=True))
    it.attempt.open(0.0)
    it.attempt.finish("complete", 0.0)
    it.attempt.fence(0.0)
    assert it.flush() == []
    assert it.attempt.done


def test_permission_is_asked_right_before_sending() -> None:
    allowed = True
    it = Sender(Attempt(PLAN, lambda: allowed))
    it.attempt.open_part(1, 0, TEXT, 0.0)
    it.flush()
    allowed = False
    it.attempt.text(1, "too late", 0.0)
    assert not it.attempt.muted
    assert it.flush() == ["append 0.0 '' cancelled"]
    assert it.attempt.muted
