from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from temporal_ably._publisher.outbox import Rank, Ticket
from temporal_ably._publisher.run_end import RunEnd
from temporal_ably._publisher.schedule import CHANNELS_PER_LANE, SHARED_INTERVAL_S, Rates, Schedule
from temporal_ably._publisher.stream import Stream
from temporal_ably._wire.events import Run, RunClosed
from temporal_ably._wire.operations import Operation, Publish
from tests.publisher.model import TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOMY = Rates(channel_per_s=1e6, connection_per_s=1e6)
ALL = range(10)


@dataclass(eq=False)
class Box:
    """An outbox that offers one ticket until it is taken."""

    name: str
    channel: str = "c"
    rank: Rank = Rank.FRAMING
    since: float = 0.0
    cost: int = 1
    run_id: str = "run"
    stream: Stream | None = None
    done: bool = False
    endless: bool = False
    taken: int = field(default=0, init=False)

    @property
    def open_streams(self) -> int:
        return 1 if self.stream is not None else 0

    def ready(self) -> Iterator[Ticket]:
        if self.endless or not self.taken:
            yield Ticket(self, self.stream or self.name, self.rank, self.since, self.cost)

    def take(self, ticket: Ticket, now: float) -> Operation:
        del ticket, now
        self.taken += 1
        return Publish(())

    def acked(self, ticket: Ticket, serials: tuple[str, ...], now: float) -> None:
        raise NotImplementedError

    def unsent(self, ticket: Ticket) -> None:
        raise NotImplementedError

    def doubted(self, ticket: Ticket) -> None:
        raise NotImplementedError

    def abandon(self, ticket: Ticket) -> None:
        raise NotImplementedError


def text_box(name: str, channel: str = "c", *, since: float = 0.0) -> Box:
    stream = Stream(0, TEXT)
    return Box(name, channel, Rank.TEXT, since, stream=stream, endless=True)


def go(schedule: Schedule, now: float) -> list[str]:
    """Take what goes out now, in order, as an engine does."""
    names: list[str] = []
    for _, ticket in schedule.take(now, ALL):
        box = ticket.outbox
        assert isinstance(box, Box)
        box.take(ticket, now)
        if isinstance(ticket.what, Stream):
            ticket.what.last_sent = now
        names.append(box.name)
    return names


def schedule_of(*boxes: Box, rates: Rates = ROOMY) -> Schedule:
    schedule = Schedule(rates)
    for box in boxes:
        schedule.add(box, 0.0)
    return schedule


# Order.


def test_tombstones_go_first_then_framing_then_text_then_marks() -> None:
    schedule = schedule_of(
        Box("mark", rank=Rank.MARK, since=-99.0),
        Box("text", rank=Rank.TEXT, since=-9.0),
        Box("frame", since=5.0),
        Box("tombstone", rank=Rank.TOMBSTONE, since=9.0),
    )
    assert go(schedule, 10.0) == ["tombstone", "frame", "text", "mark"]


def test_of_one_rank_whoever_waited_longest_goes_first() -> None:
    schedule = schedule_of(Box("b", since=2.0), Box("c", since=3.0), Box("a", since=1.0))
    assert go(schedule, 10.0) == ["a", "b", "c"]


def test_what_an_outbox_offers_together_keeps_its_order() -> None:
    schedule = schedule_of(Box("run-start"), Box("step-start"))
    assert go(schedule, 0.0) == ["run-start", "step-start"]


# Budgets.


def test_what_finds_no_budget_waits_until_the_wakeup() -> None:
    schedule = schedule_of(*[Box(str(n), since=float(n)) for n in range(6)], rates=Rates(channel_per_s=16))
    assert go(schedule, 100.0) == ["0", "1", "2", "3"]
    assert schedule.next_wakeup() == 100.0 + 1 / 16
    assert go(schedule, 100.0 + 1 / 16) == ["4"]


def test_connection_budget_is_shared_by_its_channels() -> None:
    boxes = [Box(str(n), f"c{n % 2}", since=float(n)) for n in range(8)]
    schedule = schedule_of(*boxes, rates=Rates(connection_per_s=16))
    assert go(schedule, 0.0) == ["0", "1", "2", "3"]


def test_nothing_waits_when_nothing_is_left() -> None:
    schedule = schedule_of(Box("a"))
    assert go(schedule, 0.0) == ["a"]
    assert schedule.next_wakeup() is None


def test_cheap_tickets_do_not_keep_a_dear_one_waiting_for_ever() -> None:
    dear = Box("message", since=0.0, cost=3)
    chatter = [Box(f"t{n}", rank=Rank.TEXT, since=1.0, endless=True) for n in range(4)]
    schedule = schedule_of(*chatter, rates=Rates(channel_per_s=16))
    assert len(go(schedule, 10.0)) == 4
    schedule.add(dear, 10.0)
    sent: list[str] = []
    now = 10.0
    for _ in range(4):
        wakeup = schedule.next_wakeup()
        now = max(now + 1 / 16, wakeup or now)
        sent += go(schedule, now)
    assert sent[0] == "message"


def test_full_channel_does_not_stop_another_of_its_lane() -> None:
    schedule = schedule_of(
        *[Box("busy", "a", since=0.0, endless=True) for _ in range(5)], rates=Rates(channel_per_s=10)
    )
    schedule.add(Box("calm", "b", since=9.0), 0.0)
    assert Counter(go(schedule, 10.0)) == {"busy": 4, "calm": 1}


def test_rate_limit_error_of_a_channel_slows_that_channel_only() -> None:
    schedule = schedule_of(Box("a", "a"), Box("b", "b"), rates=Rates(channel_per_s=40, connection_per_s=1e6))
    schedule.limited("a", connection=False, now=0.0)
    assert go(schedule, 0.0) == ["b"]
    assert schedule.next_wakeup() == pytest.approx(1 / 20)


def test_rate_limit_error_of_a_connection_slows_all_its_channels() -> None:
    schedule = schedule_of(Box("a", "a"), Box("b", "b"), rates=Rates(channel_per_s=40, connection_per_s=1e6))
    schedule.limited("a", connection=True, now=0.0)
    assert go(schedule, 0.0) == []


def test_everybody_gets_the_same_share_of_a_full_channel() -> None:
    boxes = [Box(str(n), rank=Rank.TEXT, since=-1.0, endless=True) for n in range(5)]
    schedule = schedule_of(*boxes, rates=Rates(channel_per_s=16))
    sent = Counter[str]()
    for tick in range(400):
        now = tick / 16
        for name in go(schedule, now):
            sent[name] += 1
            boxes[int(name)].since = now
    assert max(sent.values()) - min(sent.values()) <= 1


# Coalescing.


def test_only_open_stream_of_a_channel_sends_at_once() -> None:
    schedule = schedule_of(text_box("a"))
    assert [go(schedule, now) for now in (0.0, 0.001, 0.002)] == [["a"]] * 3


def test_several_open_streams_send_each_at_most_once_an_interval() -> None:
    schedule = schedule_of(text_box("a"), text_box("b"))
    assert go(schedule, 0.0) == ["a", "b"]
    assert go(schedule, SHARED_INTERVAL_S / 2) == []
    assert schedule.next_wakeup() == pytest.approx(SHARED_INTERVAL_S)
    assert go(schedule, SHARED_INTERVAL_S) == ["a", "b"]


def test_streams_of_different_channels_do_not_slow_each_other() -> None:
    schedule = schedule_of(text_box("a", "one"), text_box("b", "two"))
    assert [go(schedule, now) for now in (0.0, 0.001)] == [["a", "b"]] * 2


def test_framing_does_not_wait_for_the_interval() -> None:
    first, second = text_box("a"), text_box("b")
    schedule = schedule_of(first, second)
    go(schedule, 0.0)
    first.rank = Rank.FRAMING
    assert go(schedule, 0.001) == ["a"]


# Pauses.


def test_paused_channel_sends_nothing_until_its_time() -> None:
    schedule = schedule_of(Box("a", "a"), Box("b", "b"))
    schedule.pause("a", 60.0)
    assert go(schedule, 0.0) == ["b"]
    assert schedule.is_paused("a", 59.0)
    assert schedule.next_wakeup() == 60.0
    assert go(schedule, 60.0) == ["a"]
    assert not schedule.is_paused("a", 60.0)


# Lanes.


def test_lane_is_added_past_five_channels_up_to_the_maximum() -> None:
    schedule = Schedule(Rates(max_lanes=2))
    lanes = [schedule.add(Box(str(n), f"c{n}"), 0.0) for n in range(3 * CHANNELS_PER_LANE)]
    assert lanes[:CHANNELS_PER_LANE] == [0] * CHANNELS_PER_LANE
    assert lanes[CHANNELS_PER_LANE : 2 * CHANNELS_PER_LANE] == [1] * CHANNELS_PER_LANE
    assert sorted(lanes[2 * CHANNELS_PER_LANE :]) == [0, 0, 0, 1, 1]


def test_channel_keeps_its_lane_while_it_has_outboxes() -> None:
    schedule = Schedule(ROOMY)
    filler = [Box(str(n), f"c{n}") for n in range(CHANNELS_PER_LANE)]
    for box in filler:
        schedule.add(box, 0.0)
    late = schedule.add(Box("late", "x"), 0.0)
    for box in filler:
        box.done = True
    schedule.drop_done()
    assert schedule.add(Box("more", "x"), 0.0) == late == schedule.lane_of("x") == 1


def test_lane_that_is_not_connected_gives_nothing() -> None:
    schedule = schedule_of(Box("a"))
    assert schedule.take(0.0, ()) == []
    assert schedule.lanes_with_work() == {0}


def test_ticket_comes_with_its_lane() -> None:
    boxes = [Box(str(n), f"c{n}", since=float(n)) for n in range(CHANNELS_PER_LANE + 1)]
    assert [lane for lane, _ in schedule_of(*boxes).take(0.0, ALL)] == [0] * CHANNELS_PER_LANE + [1]


def test_channel_is_given_back_when_its_last_outbox_is_done() -> None:
    first, second = Box("first"), Box("second")
    schedule = schedule_of(first, second)
    first.done = True
    assert schedule.drop_done() == []
    second.done = True
    assert schedule.drop_done() == [("c", 0)]
    assert schedule.outboxes() == []
    assert schedule.lane_of("c") is None


# Run-ends.


def run_end(channel: str = "c", run_id: str = "run") -> RunEnd:
    return RunEnd(channel, RunClosed(Run(run_id, ""), "complete"), "wf", "wf-run")


def test_run_end_waits_for_the_other_outboxes_of_its_run() -> None:
    box, end = Box("text", endless=True), run_end()
    schedule = schedule_of(box)
    schedule.add(end, 0.0)
    assert [ticket.outbox for _, ticket in schedule.take(0.0, ALL)] == [box]
    box.done = True
    schedule.drop_done()
    assert [ticket.outbox for _, ticket in schedule.take(0.0, ALL)] == [end]


def test_run_end_does_not_wait_for_another_run_of_its_channel() -> None:
    end = run_end()
    schedule = schedule_of(Box("other", run_id="other run"))
    schedule.add(end, 0.0)
    assert end in [ticket.outbox for _, ticket in schedule.take(0.0, ALL)]


def test_two_ends_of_one_run_do_not_wait_for_each_other() -> None:
    schedule = Schedule(ROOMY)
    ends = [run_end(), run_end()]
    for end in ends:
        schedule.add(end, 0.0)
    assert [ticket.outbox for _, ticket in schedule.take(0.0, ALL)] == ends


def test_budget_of_a_channel_outlives_its_outboxes() -> None:
    first = Box("first", cost=8)
    schedule = schedule_of(first, rates=Rates(channel_per_s=10, connection_per_s=1e6))
    assert go(schedule, 0.0) == ["first"]
    first.done = True
    schedule.drop_done()
    schedule.add(Box("second"), 0.1)
    assert go(schedule, 0.1) == []
    assert go(schedule, 1.0) == ["second"]


def test_kept_channel_stays_in_its_lane_and_the_lane_at_work_until_it_is_let_go() -> None:
    schedule = Schedule(Rates(max_lanes=2))
    schedule.keep("a", 0.0)
    schedule.let_go("never kept")
    assert (schedule.lane_of("a"), schedule.lanes_with_work(), schedule.outboxes()) == (0, {0}, [])
    assert schedule.drop_done() == []
    schedule.let_go("a")
    assert schedule.drop_done() == [("a", 0)]
    assert schedule.lanes_with_work() == set()
