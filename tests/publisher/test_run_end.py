from __future__ import annotations

from temporal_ably._publisher.outbox import Rank
from temporal_ably._publisher.run_end import RunEnd
from temporal_ably._wire.events import Run, RunClosed
from temporal_ably._wire.operations import Publish
from tests.publisher.model import RUN, Channel, headers_of


def new_end() -> RunEnd:
    return RunEnd("ai:wf", RunClosed(RUN, "error", "no money"), "wf", "wf-run")


def test_end_is_one_message_with_the_tags_of_the_runs_owner() -> None:
    end = new_end()
    [ticket] = end.ready()
    operation = end.take(ticket, 0.0)
    assert isinstance(operation, Publish)
    [message] = operation.messages
    assert message.id == "run/end"
    assert headers_of(message) == {
        "temporal-v": "1",
        "temporal-event": "run-end",
        "temporal-session-run": "run",
        "temporal-workflow-id": "wf",
        "temporal-run-id": "wf-run",
        "temporal-reason": "error",
        "temporal-error": "no money",
    }
    channel = Channel()
    channel.apply(operation)
    assert channel.events() == [RunClosed(Run("run", ""), "error", "no money")]


def test_end_is_sent_once_at_a_time_and_is_done_when_acknowledged() -> None:
    end = new_end()
    [ticket] = end.ready()
    assert ticket.rank is Rank.FRAMING
    end.take(ticket, 0.0)
    assert list(end.ready()) == []
    assert not end.done
    end.acked(ticket, ("s1",), 0.0)
    assert end.done
    assert list(end.ready()) == []


def test_refused_and_doubted_end_is_sent_again_under_the_same_id() -> None:
    end, channel = new_end(), Channel()
    for settle in (end.unsent, end.doubted):
        [ticket] = end.ready()
        channel.apply(end.take(ticket, 0.0))
        settle(ticket)
    assert len(list(end.ready())) == 1
    assert channel.names() == ["ai-run-end"]


def test_abandoned_end_is_done() -> None:
    end = new_end()
    [ticket] = end.ready()
    end.take(ticket, 0.0)
    end.abandon(ticket)
    assert end.done


def test_end_belongs_to_its_run_and_holds_no_stream() -> None:
    end = new_end()
    assert (end.channel, end.run_id, end.open_streams) == ("ai:wf", "run", 0)
