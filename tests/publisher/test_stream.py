from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from temporal_ably._dialect import ait08
from temporal_ably._publisher.stream import Move, Stream
from temporal_ably._wire.events import PartText, Step
from temporal_ably._wire.operations import Append, Operation, Publish, Update
from temporal_ably.codec.message import numbered
from tests.publisher.model import RUN, TEXT, Channel, Fate

if TYPE_CHECKING:
    from temporal_ably._wire.parts import Status

STEP = Step(RUN, ":0:1", "s")


def new_stream() -> Stream:
    return Stream(0, numbered(TEXT, 0))


def opened() -> Stream:
    stream = new_stream()
    stream.sent(stream.move(), 0.0)
    stream.acked("s1")
    return stream


def send(stream: Stream, now: float = 0.0) -> Move:
    assert stream.ready
    move = stream.move()
    stream.sent(move, now)
    return move


@dataclass
class Sender:
    """Drives a stream against a channel; each operation meets a fate."""

    stream: Stream = field(default_factory=new_stream)
    channel: Channel = field(default_factory=Channel)
    in_flight: Operation | None = None

    def send(self) -> None:
        if self.in_flight is None and self.stream.ready:
            self.in_flight = self._operation(send(self.stream))

    def settle(self, fate: Fate) -> None:
        operation, self.in_flight = self.in_flight, None
        if operation is None:
            return
        applied = fate in (Fate.ACKED, Fate.LOST_BUT_APPLIED)
        serials = self.channel.apply(operation) if applied else ("",)
        if fate is Fate.ACKED:
            self.stream.acked(serials[-1])
        elif fate is Fate.REFUSED:
            self.stream.unsent()
        else:
            self.stream.doubted()

    def finish(self) -> None:
        self.settle(Fate.ACKED)
        while self.stream.ready:
            self.send()
            self.settle(Fate.ACKED)

    def _operation(self, move: Move) -> Operation:
        message = ait08.encode(PartText(STEP, "m", self.stream.part, move.text, move.status))
        if move.verb == "create":
            return Publish((replace(message, id="m/0"),))
        return (Append if move.verb == "append" else Update)(self.stream.serial, message)


@st.composite
def scripts(draw: st.DrawFn) -> list[str | Fate | None]:
    """Text to push, None to send, or a fate for what is in flight (and to send, if nothing is)."""
    step = st.text(min_size=1, max_size=3) | st.none() | st.sampled_from(Fate)
    return draw(st.lists(step, max_size=30))


def play(sender: Sender, script: list[str | Fate | None]) -> str:
    pushed = ""
    for step in script:
        if isinstance(step, str):
            sender.stream.push(step, 0.0)
            pushed += step
        elif isinstance(step, Fate):
            sender.send()
            sender.settle(step)
        else:
            sender.send()
    return pushed


@given(scripts(), scripts(), st.sampled_from(["complete", "cancelled"]))
def test_any_course_of_events_ends_in_exactly_the_pushed_text(
    script: list[str | Fate | None], after_close: list[str | Fate | None], status: Status
) -> None:
    sender = Sender()
    pushed = play(sender, script)
    sender.stream.close(status, 0.0)
    play(sender, [step for step in after_close if not isinstance(step, str)])
    sender.finish()
    [on_channel] = sender.channel.streams()
    assert (on_channel.text, on_channel.status) == (pushed, status)
    assert sender.stream.closed
    assert sender.stream.held_bytes == 0


@given(scripts(), scripts())
def test_cut_off_stream_takes_back_nothing_and_adds_nothing(
    script: list[str | Fate | None], after_cut: list[str | Fate | None]
) -> None:
    sender = Sender()
    pushed = play(sender, script)
    sender.stream.drop_held()
    sender.stream.close("cancelled", 0.0)
    allowed = sender.stream._text
    play(sender, [step for step in after_cut if not isinstance(step, str)])
    sender.finish()
    [on_channel] = sender.channel.streams()
    assert (on_channel.text, on_channel.status) == (allowed, "cancelled")
    assert pushed.startswith(allowed)


def test_stream_is_created_empty_because_live_readers_lose_initial_text() -> None:
    stream = new_stream()
    stream.push("early", 0.0)
    assert stream.move() == Move("create", "", "streaming")


def test_text_coalesces_while_one_operation_is_in_flight() -> None:
    stream = opened()
    stream.push("a", 0.0)
    assert send(stream).text == "a"
    stream.push("b", 0.0)
    stream.push("c", 0.0)
    assert not stream.ready
    stream.acked("v1")
    assert send(stream) == Move("append", "bc", "streaming")


def test_closing_append_carries_the_last_text() -> None:
    stream = opened()
    stream.push("bye", 0.0)
    stream.close("complete", 0.0)
    assert send(stream) == Move("append", "bye", "complete")
    stream.acked("v1")
    assert stream.closed
    assert not stream.ready


def test_close_while_text_is_in_flight_is_an_operation_of_its_own() -> None:
    stream = opened()
    stream.push("a", 0.0)
    send(stream)
    stream.close("complete", 0.0)
    stream.acked("v1")
    assert not stream.closed
    assert send(stream) == Move("append", "", "complete")


def test_first_close_decides_how_a_stream_ends() -> None:
    stream = opened()
    stream.close("complete", 0.0)
    stream.close("cancelled", 0.0)
    assert stream.status == "complete"


def test_doubt_is_repaired_by_one_update_with_the_whole_text() -> None:
    stream = opened()
    stream.push("ab", 0.0)
    send(stream)
    stream.acked("v1")
    stream.push("cd", 0.0)
    send(stream)
    stream.doubted()
    assert send(stream) == Move("update", "abcd", "streaming")
    stream.acked("v2")
    stream.push("e", 0.0)
    assert send(stream) == Move("append", "e", "streaming")


def test_repaired_stream_is_closed_by_its_whole_text_lest_a_late_append_stays_in_history() -> None:
    stream = opened()
    stream.push("ab", 0.0)
    send(stream)
    stream.doubted()
    send(stream)
    stream.acked("v1")
    stream.push("c", 0.0)
    stream.close("complete", 0.0)
    assert send(stream) == Move("update", "abc", "complete")


def test_doubted_create_is_sent_again() -> None:
    stream = new_stream()
    send(stream)
    stream.doubted()
    assert send(stream) == Move("create", "", "streaming")


def test_abandoned_stream_sends_nothing_more() -> None:
    stream = opened()
    stream.push("a", 0.0)
    send(stream)
    stream.abandon()
    stream.push("b", 0.0)
    assert not stream.ready


def test_lost_characters_count_in_the_length_but_not_in_the_text() -> None:
    stream = opened()
    stream.push("ab", 0.0)
    stream.lose(10)
    assert stream.length == 12
    assert send(stream).text == "ab"


def test_held_text_is_counted_in_bytes_and_characters_until_it_is_acknowledged() -> None:
    stream = opened()
    stream.push("h\u00e9", 0.0)
    send(stream)
    assert (stream.held_bytes, stream.held_chars) == (3, 2)
    stream.acked("v1")
    assert (stream.held_bytes, stream.held_chars) == (0, 0)


def test_stream_waits_since_the_first_text_that_is_not_acknowledged() -> None:
    stream = opened()
    stream.push("a", 1.0)
    stream.push("b", 2.0)
    assert stream.since == 1.0


def test_text_that_is_refused_is_a_gap_and_the_part_goes_on() -> None:
    it = opened()
    it.push("lost", 0.0)
    it.sent(it.move(), 0.0)
    it.push("kept", 0.0)
    assert it.refused() == 4
    assert it.move() == Move("append", "kept", "streaming")
    it.sent(it.move(), 0.0)
    it.acked("")
    it.close("complete", 0.0)
    assert it.move() == Move("append", "", "complete")
    assert it.length == 8
    assert it.held_bytes == 0


def test_a_part_whose_close_is_refused_twice_is_given_up() -> None:
    it = opened()
    it.push("lost", 0.0)
    it.close("complete", 0.0)
    it.sent(it.move(), 0.0)
    assert it.refused() == 4
    it.sent(it.move(), 0.0)
    assert it.refused() == 1
    assert it.closed


def test_a_repair_that_is_refused_is_given_up() -> None:
    it = opened()
    it.push("text", 0.0)
    it.sent(it.move(), 0.0)
    it.doubted()
    it.sent(it.move(), 0.0)
    assert it.refused() == 4
    assert it.closed
