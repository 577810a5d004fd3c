from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_ably._dialect import ait08
from temporal_ably._publisher.attempt import PART_BYTES, Attempt, Plan
from temporal_ably._publisher.outbox import Rank, Ticket
from temporal_ably._publisher.schedule import Rates, Schedule
from temporal_ably._publisher.stream import Stream
from temporal_ably._wire import tags
from temporal_ably._wire.events import PartEmitted, PartText, Run, RunOpened, StepClosed, StepOpened
from temporal_ably._wire.operations import messages_of, size_bytes
from tests.publisher.model import ORIGIN, PLAN, RUN, Channel, Fate, headers_of, picture

if TYPE_CHECKING:
    from temporal_ably._wire.operations import Operation

OPENING = ["run-start", "step-start"]
ABLY_MESSAGE_BYTES = 64 * 1024


@dataclass
class Sender:
    """Sends what an attempt offers to a channel on paper, in the order of offer."""

    attempt: Attempt
    channel: Channel = field(default_factory=Channel)
    sent: list[str] = field(default_factory=list[str])

    def take(self) -> list[tuple[Ticket, Operation]]:
        taken = [(ticket, self.attempt.take(ticket, 0.0)) for ticket in list(self.attempt.ready())]
        self.sent += [picture(operation) for _, operation in taken]
        return taken

    def ack(self, ticket: Ticket, operation: Operation) -> None:
        self.attempt.acked(ticket, self.channel.apply(operation), 0.0)

    def round(self) -> list[str]:
        """Send everything that is offered now; tell what it was."""
        before = len(self.sent)
        for ticket, operation in self.take():
            self.ack(ticket, operation)
        return self.sent[before:]

    def flush(self) -> list[str]:
        before = len(self.sent)
        while self.round():
            pass
        return self.sent[before:]


def sender(plan: Plan = PLAN) -> Sender:
    return Sender(Attempt(plan))


def opened() -> Sender:
    """An attempt whose opening, and the first part with its first text, are on the channel."""
    it = sender()
    it.attempt.open_part(1, 0, 0.0)
    it.attempt.text(1, "hello", 0.0)
    it.flush()
    it.sent.clear()
    return it


# The frame.


def test_attempt_that_streams_nothing_publishes_nothing() -> None:
    it = sender()
    assert it.flush() == []
    it.attempt.finish("complete", 0.0)
    assert it.flush() == []
    assert it.attempt.done


def test_one_message_from_opening_to_end() -> None:
    it = sender()
    it.attempt.open_part(1, 0, 0.0)
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
    it.attempt.open_part(1, 0, 0.0)
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
    it.attempt.open_part(1, 0, 0.0)
    it.attempt.text(1, "x", 0.0)
    assert it.flush() == []
    it.attempt.release(Run("run/r2", "run/in"))
    it.flush()
    assert {event.step.run.id for event in it.channel.streams()} == {"run/r2"}
    assert it.channel.events()[0] == RunOpened(Run("run/r2", "run/in"))


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
    it.attempt.open_part(1, 0, 0.0)
    it.flush()
    it.attempt.text(1, "first", 0.0)
    assert [ticket.rank for ticket in it.attempt.ready()] == [Rank.FRAMING]
    it.flush()
    it.attempt.text(1, "later", 0.0)
    assert [ticket.rank for ticket in it.attempt.ready()] == [Rank.TEXT]


def test_message_and_its_first_part_cost_three_messages() -> None:
    it = sender()
    it.attempt.open_part(1, 0, 0.0)
    it.round()
    assert [ticket.cost for ticket in it.attempt.ready()] == [3]


# Parts.


def test_part_begins_when_the_one_before_is_closed_on_the_channel() -> None:
    it = opened()
    it.attempt.close_part(1, 0.0)
    it.attempt.open_part(2, 0, 0.0)
    assert it.round() == ["append 0.0 '' complete"]
    assert it.round() == ["create 0.1 '' streaming"]


def test_open_parts_run_beside_each_other() -> None:
    it = opened()
    it.attempt.open_part(2, 0, 0.0)
    it.attempt.text(1, "a", 0.0)
    it.attempt.text(2, "b", 0.0)
    assert it.round() == ["append 0.0 'a' streaming", "create 0.1 '' streaming"]
    assert it.attempt.open_streams == 2
    assert it.round() == ["append 0.1 'b' streaming"]


def test_each_message_begins_with_its_own_start() -> None:
    it = opened()
    it.attempt.close_part(1, 0.0)
    it.attempt.open_part(2, 1, 0.0)
    assert it.flush() == ["append 0.0 '' complete", "start + start-step + create 1.0 '' streaming"]
    starts = [event for event in it.channel.events() if isinstance(event, PartEmitted) and event.part.kind == "start"]
    assert [start.message_id for start in starts] == ["run/:0:1/0", "run/:0:1/1"]


def test_long_text_is_continued_in_parts_that_fit_a_message() -> None:
    it = sender()
    it.attempt.open_part(1, 0, 0.0)
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
        it.attempt.open_part(1, 0, 0.0)
        it.attempt.finish("complete", 0.0)
        it.flush()
        ids.append({message.id for op in it.channel.applied for message in messages_of(op) if message.id})
    assert ids[0] == ids[1]
    assert ids[0] & ids[2] == {"run/start"}


def test_message_keeps_its_id_over_attempts() -> None:
    later = sender(replace(PLAN, origin=replace(ORIGIN, started_us=2000)))
    for it in (opened(), later):
        it.attempt.open_part(9, 0, 0.0)
        it.flush()
        assert it.channel.streams()[0].message_id == "run/:0:1/0"


def test_every_message_is_tagged_and_the_opening_says_more() -> None:
    it = sender(replace(PLAN, full_tags=True))
    it.attempt.open_part(1, 0, 0.0)
    it.attempt.finish("complete", 0.0)
    it.flush()
    found = {message.name: headers_of(message) for message in it.channel.messages.values()}
    assert found["ai-run-start"] == tags.run_tags("wf", "wf-run")
    assert found["ai-step-start"] == tags.step_tags(ORIGIN, ":0:1", 0) | tags.first_tags(ORIGIN, full=True)
    assert found["ai-output"] == found["ai-step-end"] == tags.step_tags(ORIGIN, ":0:1", 0)


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
    assert headers_of(stream)[tags.LENGTH] == "106"
    assert it.attempt.lost_chars == 100


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
    it.attempt.open_part(2, 0, 0.0)
    it.attempt.text(2, "later", 0.0)
    it.attempt.lose(2, 5)
    it.attempt.close_part(2, 0.0)
    it.flush()
    assert it.channel.texts() == ["hello"]
    assert it.attempt.done


def test_first_end_counts() -> None:
    it = opened()
    it.attempt.finish("complete", 0.0)
    it.attempt.finish("failed", 0.0)
    assert it.flush() == ["append 0.0 '' complete", "step-end"]


# Fencing.


def test_fenced_attempt_only_closes_its_open_streams_as_cancelled() -> None:
    it = opened()
    it.attempt.text(1, "held", 0.0)
    it.attempt.open_part(2, 0, 0.0)
    it.attempt.fence(0.0)
    it.attempt.text(1, "late", 0.0)
    it.attempt.finish("failed", 0.0)
    assert it.flush() == ["append 0.0 '' cancelled"]
    assert it.attempt.done


def test_attempt_fenced_before_its_opening_publishes_nothing() -> None:
    it = sender()
    it.attempt.open_part(1, 0, 0.0)
    it.attempt.text(1, "x", 0.0)
    it.attempt.fence(0.0)
    assert it.flush() == []
    assert it.attempt.done


def test_step_start_in_flight_at_the_fence_is_the_last_word() -> None:
    it = sender()
    it.attempt.open_part(1, 0, 0.0)
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
    it.attempt.open_part(2, 0, 0.0)
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
    it.attempt.open_part(1, 0, 0.0)
    it.flush()
    allowed = False
    it.attempt.text(1, "too late", 0.0)
    assert not it.attempt.muted
    assert it.flush() == ["append 0.0 '' cancelled"]
    assert it.attempt.muted


# What can never succeed.


def test_attempt_whose_step_start_can_never_succeed_is_over() -> None:
    it = sender()
    it.attempt.open_part(1, 0, 0.0)
    for ticket, _ in it.take():
        it.attempt.abandon(ticket)
    assert it.attempt.done
    assert it.attempt.muted
    assert it.flush() == []


def test_attempt_goes_on_without_its_run_start_where_that_can_never_succeed() -> None:
    it = sender()
    it.attempt.open_part(1, 0, 0.0)
    (run_start, _), step_start = it.take()
    it.attempt.abandon(run_start)
    it.ack(*step_start)
    assert it.round() == ["start + start-step + create 0.0 '' streaming"]


def test_text_of_a_part_that_can_never_succeed_counts_as_lost() -> None:
    it = opened()
    it.attempt.text(1, "12345", 0.0)
    [(ticket, _)] = it.take()
    it.attempt.abandon(ticket)
    it.attempt.text(1, "678", 0.0)
    assert it.attempt.lost_chars == 8
    assert it.attempt.held_bytes == 0
    it.attempt.finish("complete", 0.0)
    assert it.flush() == ["step-end"]
    assert it.attempt.done


# End to end, under any faults.

Step = tuple[str, int, str]
ROOMY = Rates(channel_per_s=1e6, connection_per_s=1e6)
fates = st.sampled_from(Fate)
user_steps = st.tuples(
    st.sampled_from(["open", "text", "close", "message", "settle"]), st.integers(0, 2), st.text(min_size=1, max_size=4)
)


class World:
    """A user's side, an attempt in a schedule, and a channel; operations in flight meet any fate in any order."""

    def __init__(self, fate_of: list[Fate]) -> None:
        self.attempt = Attempt(PLAN)
        self.channel = Channel()
        self.schedule = Schedule(ROOMY)
        self.schedule.add(self.attempt, 0.0)
        self.in_flight: list[tuple[Ticket, Operation]] = []
        self.texts: dict[int, str] = {}
        self.open: list[int] = []
        self.message = 0
        self.now = 0.0
        self._fates = fate_of

    def user(self, verb: str, which: int, text: str) -> None:
        if verb == "open":
            key = len(self.texts)
            self.texts[key] = ""
            self.open.append(key)
            self.attempt.open_part(key, self.message, self.now)
        elif verb == "message":
            self.message += 1
        elif verb == "text" and which < len(self.open):
            self.texts[self.open[which]] += text
            self.attempt.text(self.open[which], text, self.now)
        elif verb == "close" and which < len(self.open):
            self.attempt.close_part(self.open.pop(which), self.now)
        elif verb == "settle":
            self.settle(which)

    def pump(self) -> None:
        self.now += 0.05
        for _, ticket in self.schedule.take(self.now, {0}):
            self.in_flight.append((ticket, self.attempt.take(ticket, self.now)))

    def settle(self, which: int) -> None:
        if which >= len(self.in_flight):
            return
        ticket, operation = self.in_flight.pop(which)
        fate = self._fates.pop() if self._fates else Fate.ACKED
        serials = self.channel.apply(operation) if fate in (Fate.ACKED, Fate.LOST_BUT_APPLIED) else ()
        if fate is Fate.ACKED:
            self.attempt.acked(ticket, serials, self.now)
        elif fate is Fate.REFUSED:
            self.attempt.unsent(ticket)
        else:
            self.attempt.doubted(ticket)

    def finish(self) -> None:
        for _ in range(1000):
            self.pump()
            if not self.in_flight:
                if self.attempt.done:
                    return
                self.now += 1.0
            self.settle(0)
        raise AssertionError("the attempt never came to an end")


@given(st.lists(user_steps, max_size=30), st.lists(fates, max_size=30))
def test_any_faults_end_in_exactly_what_the_user_wrote(steps: list[Step], fate_of: list[Fate]) -> None:
    world = World(fate_of)
    for step in steps:
        world.user(*step)
        world.pump()
    world.attempt.finish("complete", world.now)
    world.finish()
    names = world.channel.names()
    assert world.channel.texts() == list(world.texts.values())
    assert all(stream.status == "complete" for stream in world.channel.streams())
    expected = ["ai-run-start", "ai-step-start", "ai-step-end"] if world.texts else []
    assert sorted(name for name in names if name != "ai-output") == sorted(expected)
    if expected:
        assert names[-1] == "ai-step-end"
    outputs = [event for event in world.channel.events() if isinstance(event, PartEmitted | PartText)]
    assert len({event.step.serial for event in outputs}) <= 1
    assert world.attempt.lost_chars == 0


@given(st.lists(user_steps, max_size=30), st.lists(fates, max_size=30), st.integers(0, 30))
def test_after_a_fence_nothing_new_is_opened_whatever_happens(
    steps: list[Step], fate_of: list[Fate], fenced_at: int
) -> None:
    world = World(fate_of)
    for index, step in enumerate(steps):
        if index == fenced_at:
            world.attempt.fence(world.now)
        world.user(*step)
        world.pump()
    world.attempt.fence(world.now)
    in_flight = {message.id for _, operation in world.in_flight for message in messages_of(operation)}
    before = {message.id for message in world.channel.messages.values()}
    world.finish()
    after = [message for message in world.channel.messages.values() if message.id not in before]
    assert {message.id for message in after} <= in_flight
    assert all(full.startswith(text) for full, text in zip(world.texts.values(), world.channel.texts(), strict=False))
    assert all(
        isinstance(ait08.decode(message, ""), StepOpened | RunOpened | PartText | PartEmitted) for message in after
    )


def test_stream_ticket_carries_its_stream() -> None:
    it = opened()
    it.attempt.text(1, "x", 0.0)
    [ticket] = it.attempt.ready()
    assert isinstance(ticket.what, Stream)
    assert it.attempt.run_id == RUN.id
