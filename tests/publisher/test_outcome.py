from __future__ import annotations

import concurrent.futures
from typing import TYPE_CHECKING, cast

import pytest

from temporal_ably._publisher.attempt import Attempt
from temporal_ably._publisher.outcome import Delivery, Ending, Endings, Outcome
from temporal_ably.errors import PublishError
from tests.publisher.model import PLAN

if TYPE_CHECKING:
    from concurrent.futures import Future


@pytest.mark.parametrize(
    ("outcome", "whole"),
    [
        (Outcome(Delivery.DELIVERED), True),
        (Outcome(Delivery.HELD), False),
        (Outcome(Delivery.DELIVERED, lost=1), False),
        (Outcome(Delivery.DELIVERED, error=PublishError("refused")), False),
    ],
)
def test_outcome_is_whole_only_if_everything_is_on_the_channel(outcome: Outcome, *, whole: bool) -> None:
    assert outcome.whole is whole


def ending() -> Ending:
    return Ending(Attempt(PLAN), cast("Future[Outcome]", concurrent.futures.Future()), patient=False)


def test_ending_is_told_once_its_outcome_is_known() -> None:
    endings, soon, later = Endings(), ending(), ending()
    endings.add(soon)
    endings.add(later)
    endings.settle(lambda each: Outcome(Delivery.DELIVERED) if each is soon else None)
    assert soon.future.result(0) == Outcome(Delivery.DELIVERED)
    assert not later.future.done()
    endings.settle(lambda _: Outcome(Delivery.HELD))
    assert later.future.result(0) == Outcome(Delivery.HELD)


def test_who_gave_up_waiting_disturbs_nobody() -> None:
    endings, gone, waiting = Endings(), ending(), ending()
    endings.add(gone)
    endings.add(waiting)
    gone.future.cancel()
    endings.settle(lambda _: Outcome(Delivery.DELIVERED))
    assert waiting.future.done()
