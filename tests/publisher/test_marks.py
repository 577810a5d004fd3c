from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from temporal_ably._publisher.marks import Marks, marks, replaced_traces
from temporal_ably._publisher.outbox import Rank
from temporal_ably._transport.base import Stored
from temporal_ably._wire.events import Run
from temporal_ably._wire.operations import Update
from temporal_ably._wire.parts import Whole
from tests.publisher.model import ORIGIN, PLAN, TEXT, Channel, headers_of
from tests.publisher.sender import Sender, sender

if TYPE_CHECKING:
    from temporal_ably._publisher.plan import Plan

LATER = replace(PLAN, origin=replace(ORIGIN, attempt=2, started_us=2000))
TAGS = {
    "temporal-event": "part",
    "temporal-session-run": "run",
    "temporal-step": ":0:1",
    "temporal-started": "1000",
}


def write(channel: Channel, plan: Plan = PLAN, text: str = "dead") -> Sender:
    it = sender(plan)
    it.channel = channel
    it.attempt.open_part(1, 0, TEXT, 0.0)
    it.attempt.text(1, text, 0.0)
    it.attempt.emit(0, Whole("data-a", {}, {"value": 1}), 0.0)
    it.attempt.finish("failed", 0.0)
    it.flush()
    return it


def marked_by(plan: Plan, *stored: Stored) -> list[str]:
    return [update.serial for update in marks(plan, stored)]


def stored_with(**changes: str) -> Stored:
    return Stored(
        "s1",
        "ai-output",
        "text",
        {"headers": TAGS | {f"temporal-{k.replace('_', '-')}": v for k, v in changes.items()}},
    )


# What is marked.


def test_each_output_of_the_replaced_attempt_is_marked_with_the_start_of_the_one_that_replaced_it() -> None:
    channel = Channel()
    write(channel)
    outputs = [serial for serial, each in channel.messages.items() if each.name == "ai-output"]
    updates = marks(LATER, channel.stored())
    assert [update.serial for update in updates] == outputs[::-1]
    assert {headers_of(update.message)["temporal-superseded-by"] for update in updates} == {"2000"}


def test_frames_are_not_marked() -> None:
    for event in ("run-start", "step-start", "step-end", "run-end", ""):
        assert marked_by(LATER, stored_with(event=event)) == []


@pytest.mark.parametrize(
    "stored",
    [
        stored_with(session_run="other"),
        stored_with(step=":0:2"),
        stored_with(started="2000"),
        stored_with(started="3000"),
        stored_with(started="soon"),
        stored_with(superseded_by="1500"),
    ],
    ids=["other run", "other step", "the attempt itself", "later attempt", "no start", "marked already"],
)
def test_what_the_attempt_did_not_replace_is_not_marked(stored: Stored) -> None:
    assert marked_by(LATER, stored) == []
    assert marked_by(LATER, stored_with()) == ["s1"]


def test_own_output_is_not_marked_whatever_the_attempt_numbers_say() -> None:
    # Temporal repeats numbers after an activity was reset.
    channel = Channel()
    write(channel, replace(LATER, origin=replace(LATER.origin, attempt=1)))
    assert marked_by(replace(LATER, origin=replace(LATER.origin, attempt=9)), *channel.stored()) == []


def test_output_of_an_earlier_try_of_the_workflow_is_marked_though_its_step_has_another_name_on_the_wire() -> None:
    channel = Channel()
    write(channel)
    assert len(marked_by(replace(LATER, since_us=1500), *channel.stored())) == 4


@pytest.mark.parametrize(
    "extras",
    [{}, {"headers": None}, {"headers": "odd"}, {"headers": ["temporal-event"]}, {"headers": {"temporal-event": 7}}],
    ids=str,
)
def test_messages_of_others_are_left_alone_whatever_their_shape(extras: dict[str, object]) -> None:
    assert marked_by(LATER, Stored("s1", "chat", None, extras)) == []


def test_tags_of_any_shape_beside_ours_do_no_harm() -> None:
    odd = Stored("s1", "ai-output", "text", {"headers": {**TAGS, "foreign": ["list"], "temporal-attempt": 7}})
    [update] = marks(LATER, [odd])
    assert headers_of(update.message) == {**TAGS, "temporal-superseded-by": "2000"}


# What a mark changes.


def test_mark_leaves_content_name_and_all_other_headers_as_they_are() -> None:
    channel = Channel()
    write(channel)
    before = {serial: (each.name, each.data, each.extras["ai"]) for serial, each in channel.messages.items()}
    for update in marks(LATER, channel.stored()):
        assert update.message.data is None
        channel.apply(update)
    assert {serial: (each.name, each.data, each.extras["ai"]) for serial, each in channel.messages.items()} == before
    assert channel.session_from_history.text == "dead"


def test_mark_twice_is_a_mark() -> None:
    channel = Channel()
    write(channel)
    for update in [*marks(LATER, channel.stored()), *marks(LATER, channel.stored())]:
        channel.apply(update)
    assert marked_by(LATER, *channel.stored()) == []


# Traces of what was replaced.


def test_traces_of_the_replaced_attempts_are_found_on_their_openings() -> None:
    channel = Channel()
    write(channel, replace(PLAN, traceparent="00-1"))
    write(channel, replace(PLAN, traceparent="00-2", origin=replace(ORIGIN, started_us=1500)))
    write(channel, replace(PLAN, traceparent="00-3", step=":0:2"))
    write(channel, replace(PLAN, traceparent="00-4", run=Run("other", "")))
    write(channel, replace(LATER, traceparent="00-5"))
    assert replaced_traces(LATER, channel.stored()) == ["00-2", "00-1"]


def test_attempt_that_was_not_traced_has_no_trace() -> None:
    channel = Channel()
    write(channel)
    assert replaced_traces(LATER, [*channel.stored(), Stored("s1", "chat", None, {"headers": "odd"})]) == []


# The outbox.


def outbox_of(count: int = 2) -> Marks:
    channel = Channel()
    write(channel)
    return Marks("ai:wf", marks(LATER, channel.stored())[:count])


def test_marks_go_last_and_one_at_a_time_in_their_order() -> None:
    outbox = outbox_of()
    serials: list[str] = []
    while not outbox.done:
        [ticket] = outbox.ready()
        assert (ticket.rank, ticket.cost) == (Rank.MARK, 1)
        operation = outbox.take(ticket, 0.0)
        assert isinstance(operation, Update)
        assert list(outbox.ready()) == []
        serials.append(operation.serial)
        outbox.acked(ticket, ("v",), 0.0)
    assert serials == sorted(serials, reverse=True)
    assert len(serials) == 2


def test_mark_that_was_refused_for_now_or_is_in_doubt_is_sent_again() -> None:
    outbox = outbox_of(1)
    [ticket] = outbox.ready()
    first = outbox.take(ticket, 0.0)
    outbox.unsent(ticket)
    assert outbox.take(ticket, 0.0) == first
    outbox.doubted(ticket)
    assert outbox.take(ticket, 0.0) == first
    assert not outbox.done


def test_marks_are_given_up_all_together() -> None:
    outbox = outbox_of()
    [ticket] = outbox.ready()
    outbox.take(ticket, 0.0)
    outbox.abandon(ticket)
    assert outbox.done
    assert list(outbox.ready()) == []


def test_no_run_waits_for_marks() -> None:
    outbox = outbox_of()
    assert (outbox.channel, outbox.run_id, outbox.open_streams) == ("ai:wf", "", 0)
    assert Marks("ai:wf", []).done
