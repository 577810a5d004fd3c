from __future__ import annotations

from temporal_ably._publisher.notice import Notice
from temporal_ably._publisher.outbox import Rank
from temporal_ably._wire.operations import Message, Publish

MESSAGES = (Message("one", None, {}, "x:0"), Message("two", None, {}, "x:1"))


def test_its_messages_go_out_as_one() -> None:
    notice = Notice("ai:wf", "run", MESSAGES)
    [ticket] = notice.ready()
    assert (ticket.rank, ticket.cost) == (Rank.FRAMING, 2)
    assert notice.take(ticket, 0.0) == Publish(MESSAGES)
    assert list(notice.ready()) == []
    notice.acked(ticket, ("s1", "s2"), 0.0)
    assert notice.done
    assert list(notice.ready()) == []


def test_refused_and_doubted_it_is_sent_again_and_abandoned_never() -> None:
    notice = Notice("ai:wf", "run", MESSAGES)
    for settle in (notice.unsent, notice.doubted):
        [ticket] = notice.ready()
        notice.take(ticket, 0.0)
        settle(ticket)
    [ticket] = notice.ready()
    notice.abandon(ticket)
    assert notice.done


def test_it_belongs_to_its_run_and_holds_no_stream() -> None:
    notice = Notice("ai:wf", "run", MESSAGES)
    assert (notice.channel, notice.run_id, notice.open_streams) == ("ai:wf", "run", 0)
