from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from temporal_ably import EncodeError, StreamClosedError
from tests.temporal.record import recorded

if TYPE_CHECKING:
    from collections.abc import Callable

    from temporal_ably._temporal.stream import ActivityStream
    from temporal_ably._temporal.stream_parts import StreamPart, ToolCallPart

MAKERS: dict[str, Callable[[ActivityStream], StreamPart | ToolCallPart]] = {
    "text": lambda stream: stream.text_part(),
    "reasoning": lambda stream: stream.reasoning_part(),
    "tool call": lambda stream: stream.tool_call_part("look", call_id="c1"),
}
each_kind = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def test_parts_of_their_own_close_the_running_text_and_grow_beside_each_other() -> None:
    stream, events = recorded()
    stream.text("a")
    with stream.text_part() as one, stream.reasoning_part() as other:
        one.text("b")
        other.text("c")
        one.text("d")
    stream.text("e")
    assert events == [
        *["open 1 in 0", "1 a", "close 1"],
        *["open 2 in 0", "open 3 reasoning in 0", "2 b", "3 c", "2 d", "close 3", "close 2"],
        *["open 4 in 0", "4 e"],
    ]


def test_running_text_grows_beside_a_part_that_is_open() -> None:
    stream, events = recorded()
    with stream.text_part() as part:
        stream.text("a")
        part.text("b")
        stream.text("c")
    assert events == ["open 1 in 0", "open 2 in 0", "2 a", "1 b", "2 c", "close 1"]


@each_kind
def test_part_is_closed_when_its_block_fails(make: Callable[[ActivityStream], StreamPart | ToolCallPart]) -> None:
    stream, events = recorded()

    def fail() -> None:
        with make(stream):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert events[-1].startswith("close 1")


@each_kind
def test_closed_part_refuses_text_and_a_second_close_is_harmless(
    make: Callable[[ActivityStream], StreamPart | ToolCallPart],
) -> None:
    stream, events = recorded()
    part = make(stream)
    part.close()
    part.close()
    with pytest.raises(StreamClosedError, match=r"unable to extend .*; it is closed; begin a new "):
        part.text("late")
    assert len(events) == 2


@each_kind
def test_empty_text_is_no_text(make: Callable[[ActivityStream], StreamPart | ToolCallPart]) -> None:
    stream, events = recorded()
    with make(stream) as part:
        part.text("")
    assert len(events) == 2


def test_tool_call_part_streams_its_input_and_names_its_tool() -> None:
    stream, events = recorded()
    with stream.tool_call_part("look", title="Look", dynamic=True, provider_executed=True) as call:
        call.text('{"q":')
        call.text("1}")
    stream.tool_result(call.call_id, "found")
    options = "dynamic=true title=Look providerExecuted=true"
    assert events == [
        f"open 1 tool-input toolCallId=step/call-1 toolName=look {options} in 0",
        '1 {"q":',
        "1 1}",
        "close 1",
        'tool-output-available toolCallId=step/call-1 {"output": "found"} in 0',
    ]


def test_tool_call_without_any_input_is_whole_when_it_is_closed() -> None:
    stream, events = recorded()
    stream.tool_call_part("look", call_id="c1").close()
    assert events[-1] == "close 1"


def test_calls_may_be_open_beside_each_other_under_ids_of_their_own() -> None:
    stream, events = recorded()
    with stream.tool_call_part("look", call_id="c1") as one, stream.tool_call_part("look", call_id="c2") as other:
        one.text("1")
        other.text("2")
        with pytest.raises(EncodeError, match="the tool-input part 'c1'; it is open already"):
            stream.tool_call_part("look", call_id="c1")
    assert [event for event in events if event[0].isdigit()] == ["1 1", "2 2"]


def test_input_that_is_larger_than_a_message_is_refused_and_what_was_streamed_of_it_stays() -> None:
    stream, events = recorded()
    with stream.tool_call_part("look", call_id="c1") as call:
        call.text("x" * 40_000)
        with pytest.raises(
            EncodeError, match=r"unable to stream the input of tool call 'c1'; 4[0-9]{4} bytes are more"
        ):
            call.text("\u20ac" * 1_000)
        call.text("y")
    assert [len(event) for event in events] == [len(events[0]), 40_002, 3, len(events[-1])]
    with stream.tool_call_part("look", call_id="c1") as again:
        again.text("x" * 40_000)


def test_tool_call_part_outlives_a_new_message_and_is_no_second_call() -> None:
    stream, events = recorded()
    with stream.tool_call_part("look", call_id="c1") as call:
        call.text('{"q":')
        stream.message()
        call.text("1}")
    assert events == ["open 1 tool-input toolCallId=c1 toolName=look in 0", '1 {"q":', "1 1}", "close 1"]


@pytest.mark.parametrize("chunk", ["start", "abort"])
def test_tool_call_part_outlives_what_ends_raw_parts(chunk: str) -> None:
    stream, events = recorded()
    with stream.tool_call_part("look", call_id="c1") as call:
        stream.write({"type": chunk})
        call.text("{}")
    assert events[-2:] == ["1 {}", "close 1"]


def test_tool_call_part_that_failed_says_that_it_is_closed() -> None:
    stream, _ = recorded()
    call = stream.tool_call_part("look", call_id="c1")
    stream.write({"type": "tool-input-error", "toolCallId": "c1", "toolName": "look", "input": "", "errorText": "no"})
    with pytest.raises(StreamClosedError, match="begin a new call"):
        call.text("{}")
    call.close()


def test_two_calls_of_one_id_are_not_open_at_once() -> None:
    stream, _ = recorded()
    with stream.tool_call_part("look", call_id="c1"), pytest.raises(EncodeError, match="open already"):
        stream.tool_call_part("look", call_id="c1")
    stream.tool_call_part("look", call_id="c1").close()
