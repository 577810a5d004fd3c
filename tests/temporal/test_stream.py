"""The methods of a stream: what each one makes, what extends and what closes what."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from temporal_ably import Conversation, EncodeError, Message
from temporal_ably._temporal.redaction import RedactingSink
from temporal_ably._temporal.sink import Nowhere
from temporal_ably._temporal.stream import ActivityStream
from tests.temporal.record import Record, recorded

if TYPE_CHECKING:
    from collections.abc import Callable


# Text and reasoning.


def test_consecutive_text_extends_one_part() -> None:
    stream, events = recorded()
    stream.text("a")
    stream.text("b")
    assert events == ["open 1 in 0", "1 a", "1 b"]


def test_consecutive_reasoning_extends_one_part_and_text_ends_it() -> None:
    stream, events = recorded()
    stream.reasoning("hm")
    stream.reasoning(" so")
    stream.text("a")
    stream.reasoning("wait")
    assert events == [
        *["open 1 reasoning in 0", "1 hm", "1  so", "close 1"],
        *["open 2 in 0", "2 a", "close 2"],
        *["open 3 reasoning in 0", "3 wait"],
    ]


@pytest.mark.parametrize("write", ["text", "reasoning"])
def test_empty_text_opens_and_closes_nothing(write: str) -> None:
    stream, events = recorded()
    stream.text("a")
    getattr(stream, write)("")
    stream.text("b")
    assert events == ["open 1 in 0", "1 a", "1 b"]


@pytest.mark.parametrize("chunk", [b"bytes", 1, None, {"text": "x"}])
def test_chunk_that_is_no_text_is_refused_by_its_type(chunk: Any) -> None:
    stream, _ = recorded()
    with stream.tool_call_part("look") as call:
        for write in (stream.text, stream.reasoning, stream.text_part().text, stream.reasoning_part().text, call.text):
            with pytest.raises(EncodeError, match=rf"chunk of type {type(chunk).__name__} as text; only str chunks"):
                write(chunk)


def test_text_that_utf8_cannot_hold_is_refused() -> None:
    stream, events = recorded()
    with pytest.raises(EncodeError, match="pass text that UTF-8 can hold"):
        stream.text("half a pair: \ud83d")
    assert events == []


# One chunk a method.

ONE_CHUNK: list[tuple[Callable[[ActivityStream], object], str]] = [
    (
        lambda s: s.tool_call("look", {"q": 1}, call_id="c1", title="Look", dynamic=True, provider_executed=False),
        'tool-input toolCallId=c1 toolName=look dynamic=true title=Look providerExecuted=false {"q": 1} in 0',
    ),
    (lambda s: s.tool_result("c1", [1]), 'tool-output-available toolCallId=c1 {"output": [1]} in 0'),
    (lambda s: s.tool_result("c1", None), 'tool-output-available toolCallId=c1 {"output": null} in 0'),
    (lambda s: s.tool_result("c1", 7), 'tool-output-available toolCallId=c1 {"output": 7} in 0'),
    (
        lambda s: s.tool_result("c1", "x", preliminary=True),
        'tool-output-available toolCallId=c1 preliminary=true {"output": "x"} in 0',
    ),
    (lambda s: s.tool_error("c1", "no"), 'tool-output-error toolCallId=c1 {"errorText": "no"} in 0'),
    (lambda s: s.tool_denied("c1"), "tool-output-denied toolCallId=c1 in 0"),
    (
        lambda s: s.tool_approval_request("c1"),
        "tool-approval-request toolCallId=c1 approvalId=c1/approval in 0",
    ),
    (
        lambda s: s.tool_approval_request("c1", approval_id="a1"),
        "tool-approval-request toolCallId=c1 approvalId=a1 in 0",
    ),
    (lambda s: s.data("step", {"n": 1}), 'data-step {"n": 1} in 0'),
    (lambda s: s.data("step", "x", id="p"), 'data-step id=p "x" in 0'),
    (lambda s: s.source("https://e.com"), 'source-url sourceId=https://e.com "https://e.com" in 0'),
    (lambda s: s.source("u", title="T", id="1"), 'source-url sourceId=1 title=T "u" in 0'),
    (
        lambda s: s.source_document("T", media_type="a/b", filename="f"),
        "source-document sourceId=T mediaType=a/b title=T filename=f in 0",
    ),
    (lambda s: s.file("u", media_type="image/png"), 'file mediaType=image/png "u" in 0'),
]


@pytest.mark.parametrize(("write", "event"), ONE_CHUNK, ids=[event.partition(" in ")[0][:40] for _, event in ONE_CHUNK])
def test_each_method_makes_its_part_and_ends_the_growing_one(
    write: Callable[[ActivityStream], object], event: str
) -> None:
    stream, events = recorded()
    stream.text("a")
    write(stream)
    stream.text("b")
    assert events == ["open 1 in 0", "1 a", "close 1", event, "open 2 in 0", "2 b"]


def test_transient_data_is_for_who_watches_now_and_leaves_the_growing_part_open() -> None:
    stream, events = recorded()
    stream.text("a")
    stream.data("step", {"n": 1}, transient=True)
    stream.text("b")
    assert events == ["open 1 in 0", "1 a", 'data-step transient=true {"n": 1} passing in 0', "1 b"]


def test_metadata_leaves_the_growing_part_open() -> None:
    stream, events = recorded()
    stream.text("a")
    stream.metadata(model="small", tokens={"in": 1})
    stream.text("b")
    assert events == ["open 1 in 0", "1 a", 'metadata {"model": "small", "tokens": {"in": 1}} in 0', "1 b"]


def test_metadata_is_as_it_was_when_it_was_given() -> None:
    stream, events = recorded()
    tokens: Any = {"in": 1}
    stream.metadata(tokens=tokens)
    tokens["in"] = 2
    assert events == ['metadata {"tokens": {"in": 1}} in 0']


# Tool calls.


def test_tool_call_gives_its_id_and_makes_one_that_is_the_same_in_each_attempt() -> None:
    for _ in range(2):
        stream, _ = recorded()
        made = [
            stream.tool_call("look", {}),
            stream.tool_call("look", {}, call_id="mine"),
            stream.tool_call("look", {}),
        ]
        assert made == ["step/call-1", "mine", "step/call-2"]
        assert stream.tool_call_part("look").call_id == "step/call-3"


# Messages.


def test_new_message_closes_the_running_text_and_counts_only_used_ones() -> None:
    stream, events = recorded()
    stream.message()
    stream.text("a")
    stream.message()
    stream.message()
    stream.text("b")
    assert events == ["open 1 in 0", "1 a", "close 1", "open 2 in 1", "2 b"]


def test_whole_parts_and_metadata_belong_to_the_message_that_is_being_written() -> None:
    stream, events = recorded()
    stream.file("u", media_type="a/b")
    stream.message()
    stream.metadata(model="small")
    stream.data("x", {})
    assert events == ['file mediaType=a/b "u" in 0', 'metadata {"model": "small"} in 1', "data-x {} in 1"]


def test_message_ends_chunks_that_are_open_but_no_part_of_its_own() -> None:
    stream, events = recorded()
    part = stream.text_part()
    stream.write({"type": "text-start", "id": "t"})
    stream.message()
    part.text("still here")
    assert events == ["open 1 in 0", "open 2 in 0", "close 2", "1 still here"]


# What cannot be streamed.

WRONG: list[tuple[Callable[[ActivityStream], object], str]] = [
    (lambda s: s.data("x", {"o": object()}), "unable to encode data-x; data is not JSON"),  # pyright: ignore[reportArgumentType]
    (lambda s: s.data("x", {"n": float("nan")}), "data is not JSON"),
    (lambda s: s.data("x", 7), "data is a bare int, which no Ably message can carry; wrap it in an object or a list"),
    (lambda s: s.data("x", 7.5), "bare float"),
    (lambda s: s.data("x", True), "bare bool"),  # noqa: FBT003 - the value in question
    (lambda s: s.tool_call("look", 7), "input is a bare int"),
    (lambda s: s.tool_result("c1", {1, 2}), "output is not JSON"),  # pyright: ignore[reportArgumentType]
    (lambda s: s.metadata(when=object()), "messageMetadata is not JSON"),  # pyright: ignore[reportArgumentType]
    (lambda s: s.file(7, media_type="a/b"), "unable to encode file; url is int; pass a str"),  # pyright: ignore[reportArgumentType]
    (lambda s: s.data("x", {"a": "x" * 70_000}), "unable to stream a data-x part of 70"),
    (lambda s: s.file("x" * 70_000, media_type="a/b"), "store it elsewhere and stream its URL"),
    (lambda s: s.tool_call("look", "x" * 70_000), "unable to stream a tool-input part"),
    (lambda s: s.metadata(a="x" * 30_000), "unable to stream a message-metadata part"),
    (lambda s: s.tool_call_part("x" * 30_000), "with fields of"),
    (lambda s: s.write(7), "chunk of type int; only str and UIMessage chunks"),
    (lambda s: s.write({"type": "text-dleta"}), "the UIMessage codec has no such type"),
    (lambda s: s.write({"kind": "text"}), "unable to encode a chunk of type None"),
]


@pytest.mark.parametrize(("write", "error"), WRONG, ids=[error[:40] for _, error in WRONG])
def test_what_cannot_be_streamed_is_an_error_at_the_call_and_nothing_of_it_is_sent(
    write: Callable[[ActivityStream], object], error: str
) -> None:
    stream, events = recorded()
    stream.text("a")
    with pytest.raises(EncodeError) as caught:
        write(stream)
    assert error in str(caught.value)
    stream.text("b")
    assert events == ["open 1 in 0", "1 a", "1 b"]


@pytest.mark.parametrize("letter", ["x", "\u00e9", "\u20ac", "\U0001f600", '"'])
def test_size_is_that_on_the_wire_whatever_the_letters(letter: str) -> None:
    # Values travel as ASCII JSON, so a letter is up to twelve bytes.
    stream, _ = recorded()
    stream.data("x", {"a": letter * 4_000})
    with pytest.raises(EncodeError, match="unable to stream a data-x part"):
        stream.data("x", {"a": letter * 60_000})


def test_metadata_of_a_message_must_fit_a_message_all_together() -> None:
    stream, events = recorded()
    stream.metadata(a="x" * 20_000)
    with pytest.raises(EncodeError, match="unable to stream a message-metadata part"):
        stream.metadata(b="x" * 20_000)
    stream.metadata(a="y")
    stream.metadata(b="x" * 20_000)
    assert [event[:13] for event in events] == ['metadata {"a"', 'metadata {"a"', 'metadata {"b"']
    stream.text("a")
    stream.message()
    stream.metadata(c="x" * 20_000)
    assert len(events) == 7


# The end.


def test_whatever_is_written_after_the_end_is_dropped_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    stream, events = recorded()
    part, call = stream.text_part(), stream.tool_call_part("look")
    stream.end()
    before = list(events)
    late: list[Callable[[], object]] = [
        lambda: stream.text("late"),
        lambda: stream.reasoning("late"),
        stream.message,
        lambda: stream.tool_call("look", {}),
        lambda: stream.tool_result("c1", {}),
        lambda: stream.data("x", {}),
        lambda: stream.metadata(x=1),
        lambda: part.text("late"),
        part.close,
        lambda: call.text("late"),
        call.close,
        lambda: stream.text_part().close(),
        lambda: stream.tool_call_part("look").close(),
    ]
    for write in late:
        write()
    assert caplog.messages == ["unable to stream; the activity is over; what a task or thread of it writes is dropped"]
    assert events == before


# Threads.


def test_threads_may_share_a_stream_and_a_part() -> None:
    stream, events = recorded()
    part = stream.text_part()

    def write() -> None:
        for _ in range(100):
            stream.text("x")
            part.text("y")

    run_together(write, 4)
    assert events.count("1 y") == 400
    assert events.count("2 x") == 400
    assert len(events) == 802


def test_threads_may_mix_all_kinds_of_parts() -> None:
    stream, events = recorded()

    def write() -> None:
        for _ in range(50):
            stream.text("x")
            with stream.tool_call_part("look") as call:
                call.text("{}")
            stream.reasoning("y")
            stream.data("z", {})

    run_together(write, 4)
    ids = [event.split("toolCallId=")[1].split()[0] for event in events if "open" in event and "toolCallId" in event]
    assert len(set(ids)) == 200
    assert len([event for event in events if event.endswith(" {}")]) == 200
    assert len([event for event in events if event.startswith("data-z")]) == 200
    opened = [event.split()[1] for event in events if event.startswith("open ")]
    closed = [event.split()[1] for event in events if event.startswith("close ")]
    assert len(opened) == len(set(opened))
    assert len(closed) == len(set(closed))
    assert len(opened) - len(closed) <= 1


def run_together(write: Callable[[], None], count: int) -> None:
    threads = [threading.Thread(target=write) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# What the agent reads.


def _said(count: int) -> Conversation:
    return Conversation(tuple(Message(f"m{n}", str(n), f"ui{n}", role="user") for n in range(count)))


async def test_conversation_is_kept_within_limits() -> None:
    record = Record()
    stream = ActivityStream(record)
    record.said = _said(300)
    assert len(await stream.conversation()) == 200
    assert len(await stream.conversation(messages=None)) == 300
    assert len(await stream.conversation(messages=2)) == 2
    assert len(await stream.conversation(characters=1)) == 1


async def test_what_follows_heeds_the_steers_that_the_conversation_holds() -> None:
    record = Record()
    stream = ActivityStream(record)
    record.said, record.unheeded = _said(3), frozenset({"m0", "m1", "m2", "elsewhere"})
    stream.text("before")
    await stream.conversation(messages=2)
    stream.text("after")
    assert record.events == ["open 1 in 0", "1 before", "close 1", "heed m1 m2 in 1", "open 2 in 1", "2 after"]


async def test_conversation_of_a_stream_that_goes_nowhere_is_empty() -> None:
    assert await ActivityStream(Nowhere()).conversation() == Conversation()


async def test_conversation_is_not_asked_about_again() -> None:
    record = Record()
    record.said = _said(1)
    stream = ActivityStream(RedactingSink(record, lambda _: None, "answer"))
    assert await stream.conversation() == record.said
