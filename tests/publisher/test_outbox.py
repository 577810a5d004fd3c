from __future__ import annotations

import pytest

from temporal_ably._publisher.attempt import Attempt
from temporal_ably._publisher.outbox import Outbox, Rank, Ticket
from temporal_ably._publisher.run_end import RunEnd
from temporal_ably._wire.events import RunClosed
from tests.publisher.model import PLAN, RUN

OUTBOXES: list[Outbox] = [Attempt(PLAN), RunEnd(PLAN.channel, RunClosed(RUN, "complete"), "wf", "wf-run")]


@pytest.mark.parametrize("outbox", OUTBOXES, ids=lambda outbox: type(outbox).__name__)
def test_outbox_knows_its_channel_and_run_and_begins_undone(outbox: Outbox) -> None:
    assert (outbox.channel, outbox.run_id, outbox.open_streams) == ("ai:wf", "run", 0)
    assert not outbox.done


def test_tombstones_rank_before_framing_before_text_before_marks() -> None:
    assert sorted(Rank) == [Rank.TOMBSTONE, Rank.FRAMING, Rank.TEXT, Rank.MARK]


def test_ticket_costs_one_message_unless_it_says_more() -> None:
    assert Ticket(OUTBOXES[0], "step-start", Rank.FRAMING, 0.0).cost == 1
