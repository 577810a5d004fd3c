"""Whole parts beside streamed ones: what goes out together, in which order, and how messages begin."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from temporal_ably._publisher.attempt import PART_BYTES, Attempt
from temporal_ably._publisher.outbox import Rank
from temporal_ably._wire.events import PartEmitted
from temporal_ably._wire.operations import Publish, messages_of, size_bytes
from temporal_ably._wire.parts import Streamed, Whole
from tests.publisher.model import PLAN, REASONING, TEXT, headers_of
from tests.publisher.sender import Sender, opened, sender

if TYPE_CHECKING:
    from temporal_ably._publisher.outbox import Ticket
    from temporal_ably._wire.operations import Operation
    from temporal_ably._wire.parts import Json

ABLY_MESSAGE_BYTES = 64 * 1024
BEGIN = "start + start-step"
FILE = Whole("file", {"mediaType": "image/png"}, "https://example.com/1.png")
CALL = Streamed("tool-input", "c1", {"toolCallId": "c1", "toolName": "getWeather"})
RESULT = Whole("tool-output-available", {"toolCallId": "c1"}, {"output": "sunny"})
STEP_START: dict[str, Json] = {"type": "step-start"}


def data(name: str, value: Json = "") -> Whole:
    return Whole(f"data-{name}", {}, value)


def emit(it: Sender, *parts: Whole, message: int = 0) -> None:
    for part in parts:
        it.attempt.emit(message, part, 0.0)


def ids(operation: Operation) -> list[str | None]:
    return [message.id for message in messages_of(operation)]


# What goes out together.


def test_parts_that_follow_each_other_are_one_publish_with_an_id_each() -> None:
    it = sender()
    emit(it, data("a"))
    it.attempt.open_part(1, 0, TEXT, 0.0)
    it.round()
    [(ticket, operation)] = it.take()
    assert it.sent[-1] == f"{BEGIN} + data-a + create 0.0 '' streaming"
    assert ticket.cost == len(set(ids(operation))) == 4


def test_no_publish_is_larger_than_what_a_narrow_account_takes_at_once() -> None:
    it = sender()
    emit(it, *[data(name) for name in "abcdef"])
    assert it.flush()[2:] == [f"{BEGIN} + data-a + data-b", "data-c + data-d + data-e + data-f"]


def fresh_bundle(it: Sender) -> tuple[Ticket, Operation]:
    emit(it, data("a"), data("b"))
    [taken] = it.take()
    return taken


@pytest.mark.parametrize("applied", [True, False])
def test_publish_whose_outcome_is_in_doubt_is_sent_again_under_the_same_ids(*, applied: bool) -> None:
    it = opened()
    it.attempt.close_part(1, {}, "complete", 0.0)
    it.flush()
    ticket, operation = fresh_bundle(it)
    if applied:
        it.channel.apply(operation)
    it.attempt.doubted(ticket)
    emit(it, data("c"))
    [(again, resent)] = it.take()
    assert resent == operation
    it.ack(again, resent)
    assert it.flush() == ["data-c"]
    assert [part["type"] for part in it.channel.ui()[0]] == ["step-start", "text", "data-a", "data-b", "data-c"]


@pytest.mark.parametrize("settle", ["in flight", "refused", "acknowledged"])
def test_nothing_joins_what_was_on_its_way(settle: str) -> None:
    it = opened()
    it.attempt.close_part(1, {}, "complete", 0.0)
    it.flush()
    it.sent.clear()
    ticket, operation = fresh_bundle(it)
    if settle == "refused":
        it.attempt.unsent(ticket)
    elif settle == "acknowledged":
        it.ack(ticket, operation)
    emit(it, data("c"))
    if settle == "in flight":
        assert it.take() == []
        it.ack(ticket, operation)
    it.flush()
    expected = (
        ["data-a + data-b", "data-a + data-b", "data-c"] if settle == "refused" else ["data-a + data-b", "data-c"]
    )
    assert it.sent == expected


def test_many_and_large_parts_are_split_into_publishes_that_ably_takes() -> None:
    it = sender()
    emit(it, *(data(str(number), "x" * 9_000) for number in range(30)))
    it.attempt.finish("complete", 0.0)
    it.flush()
    assert max(map(size_bytes, it.channel.applied)) <= ABLY_MESSAGE_BYTES
    assert len([each for each in it.channel.applied if isinstance(each, Publish)]) < 20
    assert [part["type"] for part in it.channel.ui()[0][1:]] == [f"data-{number}" for number in range(30)]


# Order.


def test_whole_part_waits_for_the_close_of_the_text_before_it() -> None:
    it = opened()
    it.attempt.text(1, "!", 0.0)
    it.attempt.close_part(1, {}, "complete", 0.0)
    emit(it, FILE)
    assert it.round() == ["append 0.0 '!' complete"]
    assert it.round() == ["file"]


def test_whole_part_does_not_wait_for_a_part_that_grows_beside_it() -> None:
    it = opened()
    it.attempt.text(1, "!", 0.0)
    emit(it, FILE)
    assert it.round() == ["append 0.0 '!' streaming", "file"]


def test_parts_stand_in_the_order_in_which_they_were_written() -> None:
    it = sender()
    it.attempt.open_part(1, 0, REASONING, 0.0)
    it.attempt.text(1, "hm", 0.0)
    it.attempt.close_part(1, {}, "complete", 0.0)
    emit(it, data("a", "1"))
    it.attempt.open_part(2, 0, CALL, 0.0)
    it.attempt.text(2, '{"city":"Oslo"}', 0.0)
    it.attempt.close_part(2, {}, "complete", 0.0)
    emit(it, RESULT, FILE)
    it.attempt.open_part(3, 0, TEXT, 0.0)
    it.attempt.text(3, "sunny", 0.0)
    it.attempt.finish("complete", 0.0)
    it.flush()
    [message] = it.channel.ui()
    assert message == [
        STEP_START,
        {"type": "reasoning", "text": "hm"},
        {"type": "data-a", "data": "1"},
        {
            "type": "tool-getWeather",
            "toolCallId": "c1",
            "state": "output-available",
            "input": {"city": "Oslo"},
            "output": "sunny",
        },
        {"type": "file", "mediaType": "image/png", "url": "https://example.com/1.png"},
        {"type": "text", "text": "sunny"},
    ]


def test_first_output_goes_with_the_framing_and_later_whole_parts_behind_it() -> None:
    it = sender()
    emit(it, FILE)
    it.round()
    assert [ticket.rank for ticket in it.attempt.ready()] == [Rank.FRAMING]
    it.flush()
    emit(it, FILE)
    assert [ticket.rank for ticket in it.attempt.ready()] == [Rank.TEXT]


def test_step_ends_when_the_last_whole_part_is_on_the_channel() -> None:
    it = sender()
    emit(it, FILE)
    it.attempt.finish("complete", 0.0)
    assert it.flush() == ["run-start", "step-start", f"{BEGIN} + file", "step-end"]
    assert it.attempt.done


# How messages begin, and their metadata.


def starts(it: Sender) -> list[PartEmitted]:
    return [event for event in it.channel.events() if isinstance(event, PartEmitted) and event.part.kind == "start"]


def test_each_message_begins_once_with_its_first_part() -> None:
    it = sender()
    emit(it, FILE, FILE)
    emit(it, FILE, message=1)
    it.attempt.open_part(1, 0, TEXT, 0.0)
    assert " + ".join(it.flush()[2:]) == f"{BEGIN} + file + file + {BEGIN} + file + create 0.0 '' streaming"
    assert [start.message_id for start in starts(it)] == ["run/:0:1/0", "run/:0:1/1"]


def test_metadata_that_was_given_before_the_first_part_goes_with_the_start() -> None:
    it = sender()
    it.attempt.set_metadata(0, {"model": "small", "agent": "Ada"}, 0.0)
    assert it.flush() == []
    emit(it, FILE)
    assert it.flush()[2:] == [f"{BEGIN} + file"]
    [message] = it.channel.session.messages
    own: dict[str, Json] = {"workflowId": "wf", "activityType": "answer", "attempt": 1}
    assert message.metadata == {"agent": "Ada", "model": "small", **own}


def test_metadata_that_comes_later_goes_out_whole_because_readers_replace_it() -> None:
    it = opened()
    it.attempt.set_metadata(0, {"model": "small"}, 0.0)
    it.attempt.set_metadata(0, {"tokens": 7}, 0.0)
    assert it.flush() == ["message-metadata"]
    [message] = it.channel.session.messages
    own: dict[str, Json] = {"agent": "answer", "workflowId": "wf", "activityType": "answer", "attempt": 1}
    assert message.metadata == {**own, "model": "small", "tokens": 7}


def test_messages_have_metadata_of_their_own() -> None:
    it = sender()
    it.attempt.set_metadata(0, {"model": "small"}, 0.0)
    emit(it, FILE)
    emit(it, FILE, message=1)
    it.flush()
    models = [
        message.metadata.get("model") for message in it.channel.session.messages if isinstance(message.metadata, dict)
    ]
    assert models == ["small", None]


@pytest.mark.parametrize("kind", ["tool-output-available", "tool-output-error"])
def test_outcome_of_a_tool_alone_makes_no_message(kind: str) -> None:
    it = sender()
    emit(it, replace(RESULT, kind=kind, data={"output": 1, "errorText": "no"}))
    it.attempt.finish("complete", 0.0)
    assert it.flush()[2:] == [kind, "step-end"]
    assert it.channel.session.messages == ()


def test_outcome_of_a_tool_finds_the_call_of_another_step() -> None:
    it = sender()
    emit(it, Whole("tool-input", {"toolCallId": "c1", "toolName": "getWeather"}, {"city": "Oslo"}))
    it.flush()
    other = Sender(Attempt(replace(PLAN, step=":0:2", opens_run=False)), it.channel)
    emit(other, RESULT)
    other.flush()
    [message] = it.channel.ui()
    assert message[1]["output"] == "sunny"


# Names of streamed parts.


def test_text_and_reasoning_are_numbered_in_their_message_and_tool_calls_keep_their_ids() -> None:
    it = sender()
    for key, part in enumerate((Streamed("text", "mine", {"id": "mine"}), REASONING, CALL, TEXT)):
        it.attempt.open_part(key, 0, part, 0.0)
        it.attempt.text(key, "x", 0.0)
    it.attempt.finish("complete", 0.0)
    it.flush()
    assert [(stream.part.kind, stream.part.id) for stream in it.channel.streams()] == [
        ("text", "0"),
        ("reasoning", "1"),
        ("tool-input", "c1"),
        ("text", "3"),
    ]


def test_numbers_begin_anew_with_each_message() -> None:
    it = sender()
    for key in range(2):
        it.attempt.open_part(key, key, TEXT, 0.0)
    it.flush()
    assert [(stream.message_id, stream.part.id) for stream in it.channel.streams()] == [
        ("run/:0:1/0", "0"),
        ("run/:0:1/1", "0"),
    ]


def test_close_lays_its_fields_over_those_of_the_start_and_keeps_the_id() -> None:
    it = sender()
    it.attempt.open_part(1, 0, replace(TEXT, fields={"id": "", "providerMetadata": "{}"}), 0.0)
    it.attempt.close_part(1, {"providerMetadata": '{"cached":true}'}, "complete", 0.0)
    it.flush()
    [stream] = it.channel.streams()
    assert stream.part.fields == {"id": "0", "providerMetadata": '{"cached":true}'}


@pytest.mark.parametrize("part", [TEXT, REASONING], ids=lambda part: part.kind)
def test_long_text_and_reasoning_go_on_in_another_part_of_their_kind(part: Streamed) -> None:
    it = sender()
    it.attempt.open_part(1, 0, part, 0.0)
    text = "\u20ac" * PART_BYTES
    it.attempt.text(1, text, 0.0)
    it.attempt.close_part(1, {}, "complete", 0.0)
    it.attempt.finish("complete", 0.0)
    it.flush()
    assert {stream.part.kind for stream in it.channel.streams()} == {part.kind}
    ids = [stream.part.id for stream in it.channel.streams()]
    assert ids == [str(number) for number in range(len(ids))]
    assert "".join(it.channel.texts()) == text
    assert max(map(size_bytes, it.channel.applied)) <= ABLY_MESSAGE_BYTES


# What is lost.


def test_whole_parts_that_found_no_room_count_as_lost_one_each() -> None:
    it = opened()
    it.attempt.lose(None, 1)
    it.attempt.lose(None, 1)
    it.attempt.finish("complete", 0.0)
    it.flush()
    assert it.attempt.lost == 2
    assert [
        headers_of(message)["temporal-length"] for message in it.channel.messages.values() if message.data == "hello"
    ] == ["5"]


def test_parts_of_a_publish_that_can_never_succeed_are_lost_and_the_rest_goes_on() -> None:
    it = opened()
    ticket, _ = fresh_bundle(it)
    it.attempt.abandon(ticket)
    assert it.attempt.lost == 2
    emit(it, FILE)
    assert it.flush() == ["file"]
    it.attempt.finish("complete", 0.0)
    assert it.flush() == ["append 0.0 '' complete", "step-end"]


def test_whole_parts_are_held_until_they_are_acknowledged() -> None:
    it = opened()
    emit(it, data("a", "12345"))
    [(ticket, operation)] = it.take()
    assert it.attempt.held_bytes == 5
    it.ack(ticket, operation)
    assert it.attempt.held_bytes == 0


# Fenced and late.


def test_fenced_attempt_emits_no_whole_part_and_no_metadata_any_more() -> None:
    it = opened()
    emit(it, data("held"))
    it.attempt.fence(0.0)
    emit(it, data("late"))
    it.attempt.set_metadata(0, {"late": True}, 0.0)
    it.attempt.set_metadata(1, {"late": True}, 0.0)
    it.attempt.open_part(2, 0, CALL, 0.0)
    it.attempt.finish("failed", 0.0)
    assert it.flush() == ["append 0.0 '' cancelled"]
    assert it.attempt.done
    assert it.attempt.lost == 0


def test_whole_parts_in_flight_at_the_fence_are_not_sent_again() -> None:
    it = opened()
    ticket, operation = fresh_bundle(it)
    it.channel.apply(operation)
    it.attempt.fence(0.0)
    assert not it.attempt.done
    it.attempt.doubted(ticket)
    assert it.flush() == ["append 0.0 '' cancelled"]
    assert it.attempt.done


def test_what_is_emitted_after_the_end_goes_nowhere() -> None:
    it = opened()
    it.attempt.finish("complete", 0.0)
    emit(it, FILE)
    it.attempt.set_metadata(0, {"late": True}, 0.0)
    assert it.flush() == ["append 0.0 '' complete", "step-end"]


# Replacing.


def test_attempt_begins_to_replace_once_and_when_it_shows_something() -> None:
    it = sender(replace(PLAN, replaces=True))
    emit(it, FILE)
    it.round()
    assert not it.attempt.begins_to_replace()
    it.round()
    assert it.attempt.begins_to_replace()
    assert not it.attempt.begins_to_replace()


def test_attempt_that_ends_without_output_replaces_all_the_same() -> None:
    it = sender(replace(PLAN, replaces=True))
    it.attempt.open(0.0)
    it.attempt.finish("complete", 0.0)
    it.flush()
    assert it.attempt.begins_to_replace()


def test_first_attempt_and_one_that_was_fenced_in_time_replace_nothing() -> None:
    first, fenced = opened(), sender(replace(PLAN, replaces=True))
    assert not first.attempt.begins_to_replace()
    fenced.attempt.open(0.0)
    fenced.flush()
    fenced.attempt.fence(0.0)
    fenced.flush()
    assert not fenced.attempt.begins_to_replace()
