from __future__ import annotations

from dataclasses import replace

import pytest

from temporal_ably._publisher.attempt import PART_BYTES
from temporal_ably._publisher.outbox import Rank
from temporal_ably._publisher.stream import Stream
from temporal_ably._wire.events import PartEmitted, PartText, Run, RunOpened, StepClosed
from temporal_ably._wire.operations import messages_of, size_bytes
from temporal_ably._wire.tags import EVENT, LENGTH
from tests.publisher.model import ORIGIN, PLAN, RUN, TEXT, headers_of
from tests.publisher.sender import opened, sender

OPENING = ["run-start", "step-start"]
ABLY_MESSAGE_BYTES = 64 * 1024


# The frame.


def test_attempt_that_streams_nothing_publishes_nothing() -> None:
    it = sender()
    assert it.flush() == []
    it.attempt.finish("complete", 0.0)
    assert it.flush() == []
    assert it.attempt.done


def test_one_message_from_opening_to_end() -> None:
    it = sender()
    it.attempt.open_part(1, 0, TEXT, 0.0)
    it.attempt.text(1, "hel", 0.0)
    it.attempt.text(1, "lo", 0.0)
    it.attempt.finish("complete", 0.0)
    assert it.flush() == [
        "run-start",
        "step-start",
        "start + start-step + create 0.0 '' streaming",
        "append 0.0 'hello' complete",
        "step-end",
    ]
    assert it.attempt.done


def test_opening_goes_together_and_everything_else_waits_for_it() -> None:
    it = sender()
    it.attempt.open_part(1, 0, TEXT, 0.0)
    taken = it.take()
    assert it.sent == OPENING
    assert it.take() == []
    it.ack(*taken[1])
    assert it.take() == []
    it.ack(*taken[0])
    assert it.attempt.opened
    assert it.round() == ["start + start-step + create 0.0 '' streaming"]


def test_run_start_that_was_refused_is_sent_again_though_the_step_is_open() -> None:
    it = sender()
    it.attempt.open(0.0)
    (run_start, _), step_start = it.take()
    it.ack(*step_start)
    it.attempt.unsent(run_start)
    assert not it.attempt.opened
    it.attempt.finish("complete", 0.0)
    assert it.flush() == ["run-start", "step-end"]


def test_run_start_is_left_out_where_the_run_is_open() -> None:
    it, other = sender(), sender(replace(PLAN, opens_run=False))
    it.attempt.run_is_open()
    for each in (it, other):
        each.attempt.open(0.0)
        assert each.round() == ["step-start"]


def test_opening_can_be_published_before_the_first_part() -> None:
    it = sender()
    it.attempt.open(0.0)
    assert it.flush() == OPENING


def test_held_attempt_sends_nothing_until_it_is_released_into_its_run() -> None:
    it = sender()
    it.attempt.hold()
    it.attempt.open_part(1, 0, TEXT, 0.0)
    it.attempt.text(1, "x", 0.0)
    assert it.flush() == []
    it.attempt.release(Run("run/r2", "run/in"))
    it.flush()
    assert {event.step.run.id for event in it.channel.streams()} == {"run/r2"}
    assert it.channel.events()[0] == RunOpened(Run("run/r2", "run/in"))
    assert [message.ui_id for message in it.channel.session.messages] == ["run/r2/:0:1/0"]


@pytest.mark.parametrize(
    ("reason", "status"), [("complete", "complete"), ("failed", "cancelled"), ("cancelled", "cancelled")]
)
def test_end_closes_open_streams_and_then_the_step(reason: str, status: str) -> None:
    it = opened()
    assert reason in ("complete", "failed", "cancelled")
    it.attempt.finish(reason, 0.0)
    assert it.flush() == [f"append 0.0 '' {status}", "step-end"]
    last = it.channel.events()[-1]
    assert isinstance(last, StepClosed)
    assert last.reason == reason


def test_tombstone_ranks_first() -> None:
    it = sender(replace(PLAN, tombstone=True, opens_run=False))
    it.attempt.open(0.0)
    assert [ticket.rank for ticket in it.attempt.ready()] == [Rank.TOMBSTONE]


def test_first_text_goes_with_the_framing_and_later_text_behind_it() -> None:
    it = sender()
    it.attempt.open_part(1, 0, TEXT, 0.0)
    it.flush()
    it.attempt.text(1, "first", 0.0)
    assert [ticket.rank for ticket in it.attempt.ready()] == [Rank.FRAMING]
    it.flush()
    it.attempt.text(1, "later", 0.0)
    assert [ticket.rank for ticket in it.attempt.ready()] == [Rank.TEXT]


def test_message_and_its_first_part_cost_three_messages() -> None:
    it = sender()
    it.attempt.open_part(1, 0, TEXT, 0.0)
    it.round()
    assert [ticket.cost for ticket in it.attempt.ready()] == [3]


# Parts.


def test_part_begins_when_the_one_before_is_closed_on_the_channel() -> None:
    it = opened()
    it.attempt.close_part(1, {}, "complete", 0.0)
    it.attempt.open_part(2, 0, TEXT, 0.0)
    assert it.round() == ["append 0.0 '' complete"]
    assert it.round() == ["create 0.1 '' streaming"]


def test_open_parts_run_beside_each_other() -> None:
    it = opened()
    it.attempt.open_part(2, 0, TEXT, 0.0)
    it.attempt.text(1, "a", 0.0)
    it.attempt.text(2, "b", 0.0)
    assert it.round() == ["append 0.0 'a' streaming", "create 0.1 '' streaming"]
    assert it.attempt.open_streams == 2
    assert it.round() == ["append 0.1 'b' streaming"]


def test_each_message_begins_with_its_own_start() -> None:
    it = opened()
    it.attempt.close_part(1, {}, "complete", 0.0)
    it.attempt.open_part(2, 1, TEXT, 0.0)
    assert it.flush() == ["append 0.0 '' complete", "start + start-step + create 1.0 '' streaming"]
    starts = [event for event in it.channel.events() if isinstance(event, PartEmitted) and event.part.kind == "start"]
    assert [start.message_id for start in starts] == ["run/:0:1/0", "run/:0:1/1"]


def test_long_text_is_continued_in_parts_that_fit_a_message() -> None:
    it = sender()
    it.attempt.open_part(1, 0, TEXT, 0.0)
    text = "\u20ac1" * PART_BYTES
    it.attempt.text(1, text, 0.0)
    it.attempt.finish("complete", 0.0)
    it.flush()
    assert "".join(it.channel.texts()) == text
    assert max(len(part.encode()) for part in it.channel.texts()) <= PART_BYTES
    assert max(size_bytes(operation) for operation in it.channel.applied) <= ABLY_MESSAGE_BYTES


def test_short_texts_are_continued_in_a_new_part_at_the_limit() -> None:
    it = opened()
    for _ in range(5):
        it.attempt.text(1, "x" * (PART_BYTES // 4), 0.0)
    it.attempt.finish("complete", 0.0)
    it.flush()
    first, second = it.channel.texts()
    assert first + second == "hello" + "x" * 5 * (PART_BYTES // 4)
    assert PART_BYTES // 2 < len(first) <= PART_BYTES
    assert [stream.status for stream in it.channel.streams()] == ["complete", "complete"]


# Identity and tags.


def test_ids_differ_between_attempts_and_repeat_within_one() -> None:
    first, again, later = sender(), sender(), sender(replace(PLAN, origin=replace(ORIGIN, started_us=2000)))
    ids: list[set[str | None]] = []
    for it in (first, again, later):
        it.attempt.open_part(1, 0, TEXT, 0.0)
        it.attempt.finish("complete", 0.0)
        it.flush()
        ids.append({message.id for op in it.channel.applied for message in messages_of(op) if message.id})
    assert ids[0] == ids[1]
    assert ids[0] & ids[2] == {"run/start"}


def test_message_keeps_its_id_over_attempts() -> None:
    later = sender(replace(PLAN, origin=replace(ORIGIN, started_us=2000)))
    for it in (opened(), later):
        it.attempt.open_part(9, 0, TEXT, 0.0)
        it.flush()
        assert it.channel.streams()[0].message_id == "run/:0:1/0"


def test_every_message_is_tagged_and_the_opening_says_more() -> None:
    it = sender(replace(PLAN, full_tags=True))
    it.attempt.open_part(1, 0, TEXT, 0.0)
    it.attempt.finish("complete", 0.0)
    it.flush()
    found = {message.name: headers_of(message) for message in it.channel.messages.values()}
    assert {name: tags[EVENT] for name, tags in found.items()} == {
        "ai-run-start": "run-start",
        "ai-step-start": "step-start",
        "ai-output": "part",
        "ai-step-end": "step-end",
    }
    of_the_run = {"temporal-v": "1", "temporal-session-run": "run", "temporal-workflow-id": "wf"}
    assert all(of_the_run.items() <= tags.items() for tags in found.values())
    assert [name for name, tags in found.items() if "temporal-activity-type" in tags] == ["ai-step-start"]


def test_outputs_carry_the_serial_of_their_step_start() -> None:
    it = opened()
    [step_start] = [serial for serial, each in it.channel.messages.items() if each.name == "ai-step-start"]
    outputs = [event for event in it.channel.events() if isinstance(event, PartEmitted | PartText)]
    assert {event.step.serial for event in outputs} == {step_start}


def test_metadata_attributes_a_message_to_its_agent() -> None:
    [start] = [e for e in opened().channel.events() if isinstance(e, PartEmitted) and e.part.kind == "start"]
    expected = '{"agent":"answer","workflowId":"wf","activityType":"answer","attempt":1}'
    assert start.part.fields["messageMetadata"] == expected


def test_length_shows_what_was_lost() -> None:
    it = opened()
    it.attempt.lose(1, 100)
    it.attempt.text(1, "!", 0.0)
    it.flush()
    [stream] = [message for message in it.channel.messages.values() if message.data == "hello!"]
    assert headers_of(stream)[LENGTH] == "106"
    assert it.attempt.lost == 100


def test_text_is_held_until_it_is_acknowledged() -> None:
    it = opened()
    it.attempt.text(1, "\u20ac", 0.0)
    [(ticket, operation)] = it.take()
    assert it.attempt.held_bytes == 3
    it.ack(ticket, operation)
    assert it.attempt.held_bytes == 0


# Late writes.


def test_what_is_written_after_the_end_goes_nowhere() -> None:
    it = opened()
    it.attempt.finish("complete", 0.0)
    it.attempt.text(1, "late", 0.0)
    it.attempt.open_part(2, 0, TEXT, 0.0)
    it.attempt.text(2, "later", 0.0)
    it.attempt.lose(2, 5)
    it.attempt.close_part(2, {}, "complete", 0.0)
    it.flush()
    assert it.channel.texts() == ["hello"]
    assert it.attempt.done


def test_first_end_counts() -> None:
    it = opened()
    it.attempt.finish("complete", 0.0)
    it.attempt.finish("failed", 0.0)
    assert it.flush() == ["append 0.0 '' complete", "step-end"]


# What can never succeed.


def test_attempt_whose_step_start_can_never_succeed_is_over() -> None:
    it = sender()
    it.attempt.open_part(1, 0, TEXT, 0.0)
    for ticket, _ in it.take():
        it.attempt.abandon(ticket)
    assert it.attempt.done
    assert it.attempt.muted
    assert it.flush() == []


def test_attempt_goes_on_without_its_run_start_where_that_can_never_succeed() -> None:
    it = sender()
    it.attempt.open_part(1, 0, TEXT, 0.0)
    (run_start, _), step_start = it.take()
    it.attempt.abandon(run_start)
    it.ack(*step_start)
    assert it.round() == ["start + start-step + create 0.0 '' streaming"]


def test_text_that_can_never_succeed_is_a_gap_and_its_part_goes_on() -> None:
    it = opened()
    it.attempt.text(1, "12345", 0.0)
    [(ticket, _)] = it.take()
    it.attempt.abandon(ticket)
    it.attempt.text(1, "678", 0.0)
    assert it.attempt.lost == 5
    it.attempt.finish("complete", 0.0)
    assert it.flush() == ["append 0.0 '678' complete", "step-end"]
    assert it.attempt.held_bytes == 0
    assert it.attempt.done


def test_stream_ticket_carries_its_stream() -> None:
    it = opened()
    it.attempt.text(1, "x", 0.0)
    [ticket] = it.attempt.ready()
    assert isinstance(ticket.what, Stream)
    assert it.attempt.run_id == RUN.id


def test_only_what_shows_that_something_begins_goes_before_others_text() -> None:
    it = opened()
    it.attempt.text(1, "second", 0.0)
    it.attempt.open_part(2, 0, TEXT, 0.0)
    assert {ticket.rank for ticket in it.attempt.ready()} == {Rank.TEXT}


def test_a_step_that_history_knows_replaces_something() -> None:
    it = sender()
    assert not it.attempt.plan.replaces
    it.attempt.release(PLAN.run, rewrites=True)
    assert it.attempt.plan.replaces


def test_message_that_heeds_words_of_users_says_so_in_all_its_parts_and_no_other_does() -> None:
    it = opened()
    it.attempt.close_part(1, {}, "complete", 0.0)
    for steer in ("s-1", "s-2"):
        it.attempt.heed(1, [steer], 0.0)
    it.attempt.open_part(2, 1, TEXT, 0.0)
    it.flush()
    it.attempt.text(2, "after", 0.0)
    it.attempt.finish("complete", 0.0)
    it.flush()
    parts = [each for each in it.channel.events() if isinstance(each, PartEmitted | PartText)]
    assert {(each.message_id, each.steers) for each in parts} == {
        ("run/:0:1/0", ()),
        ("run/:0:1/1", ("s-1", "s-2")),
    }
    assert {each.text: each.steers for each in it.channel.streams()} == {"hello": (), "after": ("s-1", "s-2")}
