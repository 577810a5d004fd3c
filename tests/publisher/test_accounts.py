from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from temporal_ably._publisher.accounts import Accounts
from temporal_ably._publisher.attempt import Attempt
from temporal_ably._publisher.outbox import Rank, Ticket
from temporal_ably._publisher.telemetry import telemetry
from temporal_ably._wire.operations import Publish
from temporal_ably.errors import PublishError
from tests.hearing import Ear, hearing
from tests.publisher.model import ORIGIN, PLAN, TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator

WHO = (ORIGIN.activity_type, ORIGIN.workflow_type)
CREATE = Publish(())


@pytest.fixture
def ear() -> Iterator[Ear]:
    with hearing() as ear:
        yield ear


@pytest.fixture
def attempt() -> Attempt:
    return Attempt(PLAN)


def listened(attempt: Attempt) -> Accounts:
    accounts = Accounts()
    accounts.add(attempt, telemetry.begin(attempt.plan, 0.0)[1])
    return accounts


def test_attempt_that_nothing_listens_to_has_no_account(attempt: Attempt) -> None:
    accounts = Accounts()
    accounts.add(attempt, None)
    accounts.took(attempt, 1)
    accounts.superseded(attempt)
    accounts.link(attempt, ())
    accounts.flush()
    assert not accounts.seeks_links(attempt)
    assert accounts.held_bytes == 0


def test_chunks_are_told_in_one_go(ear: Ear, attempt: Attempt) -> None:
    accounts = listened(attempt)
    accounts.took(attempt, 3)
    accounts.took(attempt, 0)
    assert "temporal_ably.chunks" not in ear.metrics()
    accounts.flush()
    accounts.flush()
    assert ear.metrics()["temporal_ably.chunks"] == {WHO: 2}
    assert ear.metrics()["temporal_ably.characters"] == {WHO: 3}


def test_only_output_waits(ear: Ear, attempt: Attempt) -> None:
    accounts = listened(attempt)
    accounts.acked(Ticket(attempt, "step-start", Rank.FRAMING, 1.0), CREATE, 3.0)
    assert "temporal_ably.outbox.wait" not in ear.metrics()
    attempt.open_part(1, 0, TEXT, 1.0)
    bundle = attempt._queue[0]
    accounts.acked(Ticket(attempt, bundle, Rank.FRAMING, 1.0), CREATE, 3.0)
    assert ear.metrics()["temporal_ably.outbox.wait"] == {WHO: 1}
    assert ear.metrics()["temporal_ably.operations"] == {("answer", "publish", "Chat"): 2}


def test_only_what_was_in_doubt_is_recovered(ear: Ear, attempt: Attempt) -> None:
    accounts = listened(attempt)
    ticket = Ticket(attempt, "step-start", Rank.FRAMING, 1.0)
    refusal = PublishError("unable to publish", code=42910)
    accounts.failed(ticket, CREATE, refusal, doubted=False)
    accounts.acked(ticket, CREATE, 2.0)
    assert "temporal_ably.recoveries" not in ear.metrics()
    accounts.failed(ticket, CREATE, refusal, doubted=True)
    accounts.acked(ticket, CREATE, 3.0)
    accounts.acked(ticket, CREATE, 4.0)
    assert ear.metrics()["temporal_ably.recoveries"] == {("answer", "operation", "Chat"): 1}
    assert ear.metrics()["temporal_ably.failures"] == {("answer", "42910", "publish", "Chat"): 2}


def test_what_an_attempt_holds_counts_until_it_is_done(ear: Ear, attempt: Attempt) -> None:
    del ear
    accounts = listened(attempt)
    attempt.open_part(1, 0, TEXT, 0.0)
    attempt.text(1, "held", 0.0)
    assert accounts.held_bytes == attempt.held_bytes > 0
    attempt.fence(0.0)
    accounts.flush()
    assert accounts.held_bytes == 0
    assert accounts._accounts == {}
