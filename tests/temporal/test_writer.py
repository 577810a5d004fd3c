"""What chunks do to what is open, in any order: UIMessage chunks, and what each adds to the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from temporal_ably import ActivityStream, EncodeError
from temporal_ably._session.conversation import Conversation
from temporal_ably._session.model import Message
from temporal_ably._temporal.redaction import RedactingSink
from temporal_ably._temporal.sink import Nowhere
from tests.temporal.record import Record, recorded

if TYPE_CHECKING:
    from temporal_ably._wire.parts import Json

Chunk = dict[str, "Json"]


def events_of(*chunks: object) -> list[str]:
    stream, events = recorded()
    for chunk in chunks:
        stream.write(chunk)
    return events


def start(part_id: str, kind: str = "text", **more: Json) -> Chunk:
    return {"type": f"{kind}-start", "id": part_id, **more}


def delta(part_id: str, text: str, kind: str = "text") -> Chunk:
    return {"type": f"{kind}-delta", "id": part_id, "delta": text}


def end(part_id: str, kind: str = "text", **more: Json) -> Chunk:
    return {"type": f"{kind}-end", "id": part_id, **more}


def call(what: str, call_id: str = "c1", **more: Json) -> Chunk:
    return {"type": f"tool-input-{what}", "toolCallId": call_id, **more}


# UIMessage chunks.


def test_parts_of_chunks_are_kept_apart_by_kind_and_id() -> None:
    assert events_of(
        *(start("1"), start("1", "reasoning"), start("2")),
        *(delta("1", "a"), delta("1", "b", "reasoning"), delta("2", "c")),
        *(end("1", "reasoning"), end("1"), end("2")),
    ) == [
        *["open 1 in 0", "open 2 reasoning in 0", "open 3 in 0"],
        *["1 a", "2 b", "3 c"],
        *["close 2", "close 1", "close 3"],
    ]


def test_id_may_be_used_again_once_its_part_has_ended() -> None:
    assert events_of(start("1"), end("1"), start("1"), end("1")) == ["open 1 in 0", "close 1", "open 2 in 0", "close 2"]


def test_end_brings_its_own_fields() -> None:
    meta: Json = {"openai": {"id": "r1"}}
    assert events_of(start("1", "reasoning"), end("1", "reasoning", providerMetadata=meta))[1] == (
        'close 1 providerMetadata={"openai":{"id":"r1"}}'
    )


def test_streamed_tool_call_is_closed_by_its_input_whatever_that_is() -> None:
    assert events_of(
        call("start", toolName="look", dynamic=True),
        {"type": "tool-input-delta", "toolCallId": "c1", "inputTextDelta": '{"q":1}'},
        call("available", toolName="look", input={"q": 1}),
    ) == [
        "open 1 tool-input toolCallId=c1 toolName=look dynamic=true in 0",
        '1 {"q":1}',
        "close 1 toolCallId=c1 toolName=look",
    ]


@pytest.mark.parametrize(
    ("given", "text"),
    [({"q": "caf\u00e9"}, '{"q":"caf\u00e9"}'), ("all", '"all"'), ([1], "[1]"), ({}, "{}")],
    ids=["object", "string", "list", "empty object"],
)
def test_input_that_comes_at_once_after_the_start_of_its_call_is_not_lost(given: Json, text: str) -> None:
    assert events_of(call("start", toolName="look"), call("available", toolName="look", input=given))[1:] == [
        f"1 {text}",
        "close 1 toolCallId=c1 toolName=look",
    ]


@pytest.mark.parametrize("end", [{"input": ""}, {"input": None}, {}], ids=["empty", "null", "absent"])
def test_call_whose_input_is_nothing_has_none(end: Chunk) -> None:
    assert events_of(call("start", toolName="look"), {**call("available", toolName="look"), **end})[1:] == [
        "close 1 toolCallId=c1 toolName=look"
    ]


def test_input_that_comes_at_once_and_is_too_large_leaves_the_call_open() -> None:
    stream, events = recorded()
    stream.write(call("start", toolName="look"))
    with pytest.raises(EncodeError, match="unable to stream the input of tool call 'c1'"):
        stream.write(call("available", toolName="look", input={"q": "x" * 50_000}))
    stream.write(call("available", toolName="look", input={"q": 1}))
    assert events[1:] == ['1 {"q":1}', "close 1 toolCallId=c1 toolName=look"]


def test_tool_call_that_was_not_streamed_is_a_whole_part() -> None:
    assert events_of(call("available", toolName="look", input={"q": 1})) == [
        'tool-input toolCallId=c1 toolName=look {"q": 1} in 0'
    ]


def test_input_error_ends_the_streamed_call_and_tells_why() -> None:
    assert events_of(
        call("start", toolName="look"), call("error", toolName="look", input="{", errorText="no JSON")
    ) == [
        "open 1 tool-input toolCallId=c1 toolName=look in 0",
        "close 1",
        'tool-input-error toolCallId=c1 toolName=look {"errorText": "no JSON", "input": "{"} in 0',
    ]


def test_input_error_that_is_too_large_leaves_the_call_open() -> None:
    stream, events = recorded()
    stream.write(call("start", toolName="look"))
    with pytest.raises(EncodeError, match="unable to stream a tool-input-error part"):
        stream.write(call("error", toolName="look", errorText="x" * 70_000))
    stream.write({"type": "tool-input-delta", "toolCallId": "c1", "inputTextDelta": "1"})
    assert events[1:] == ["1 1"]


def test_start_begins_a_message_and_brings_its_metadata() -> None:
    assert events_of(
        {"type": "start", "messageId": "ignored", "messageMetadata": {"n": 1}},
        "a",
        {"type": "start", "messageMetadata": {"n": 2}},
        "b",
        {"type": "start"},
        {"type": "start"},
        "c",
    ) == [
        *['metadata {"n": 1} in 0', "open 1 in 0", "1 a", "close 1"],
        *['metadata {"n": 2} in 1', "open 2 in 1", "2 b", "close 2"],
        *["open 3 in 2", "3 c"],
    ]


def test_start_that_is_too_large_begins_no_message() -> None:
    stream, events = recorded()
    stream.text("a")
    with pytest.raises(EncodeError, match="unable to stream a message-metadata part"):
        stream.write({"type": "start", "messageMetadata": {"a": "x" * 60_000}})
    stream.text("b")
    assert events == ["open 1 in 0", "1 a", "1 b"]


def test_first_model_call_needs_no_start_step_and_later_ones_have_theirs() -> None:
    assert events_of({"type": "start-step"}, "a", {"type": "finish-step"}, {"type": "start-step"}, "b") == [
        *["open 1 in 0", "1 a", "close 1"],
        *["start-step in 0", "open 2 in 0", "2 b"],
    ]


def test_finish_brings_metadata_and_ends_nothing_for_clients() -> None:
    finish: Chunk = {"type": "finish", "finishReason": "stop", "messageMetadata": {"tokens": 7}}
    assert events_of("a", finish, {"type": "finish"}) == ["open 1 in 0", "1 a", 'metadata {"tokens": 7} in 0']


@pytest.mark.parametrize("chunk", [{"type": "error", "errorText": "no"}, {"type": "abort"}])
def test_error_and_abort_cut_off_what_is_open_and_are_not_sent(chunk: Chunk) -> None:
    assert events_of(start("1"), "a", chunk, "b") == [
        *["open 1 in 0", "open 2 in 0", "2 a"],
        *["close 2", "close 1 cancelled"],
        *["open 3 in 0", "3 b"],
    ]


def test_empty_delta_is_nothing() -> None:
    assert events_of(start("1"), delta("1", "")) == ["open 1 in 0"]


WRONG_ORDER: list[tuple[Chunk, str]] = [
    (delta("7", "x"), "unable to extend the text part '7'; it is not open; begin it with a text-start chunk"),
    (delta("1", "x", "reasoning"), "unable to extend the reasoning part '1'; it is not open"),
    (
        {"type": "tool-input-delta", "toolCallId": "7", "inputTextDelta": "x"},
        "unable to extend the tool-input part '7'; it is not open; begin it with a tool-input-start chunk",
    ),
    (start("1"), "unable to begin the text part '1'; it is open already; end it first, or use another id"),
    (end("7"), "unable to end the text part '7'; it is not open"),
    (end("1", "reasoning"), "unable to end the reasoning part '1'; it is not open"),
    (start("2", providerMetadata={"a": "x" * 30_000}), "unable to stream a text part with fields of"),
    (end("1", providerMetadata={"a": "x" * 30_000}), "unable to stream a text part with fields of"),
]


@pytest.mark.parametrize(("chunk", "error"), WRONG_ORDER, ids=[error[:45] for _, error in WRONG_ORDER])
def test_chunk_out_of_order_is_an_error_at_the_call_and_leaves_everything_as_it_was(chunk: Chunk, error: str) -> None:
    stream, events = recorded()
    stream.write(start("1"))
    stream.text("a")
    with pytest.raises(EncodeError) as caught:
        stream.write(chunk)
    assert str(caught.value).startswith(error)
    stream.text("b")
    stream.write(delta("1", "c"))
    stream.write(end("1"))
    assert events == ["open 1 in 0", "open 2 in 0", "2 a", "2 b", "1 c", "close 1"]


# What write returns.


@pytest.mark.parametrize(
    ("chunk", "text"),
    [
        ("a", "a"),
        ("", ""),
        (delta("1", "b"), "b"),
        (delta("1", "hm", "reasoning"), ""),
        (start("2"), ""),
        ({"type": "data-x", "data": "d"}, ""),
    ],
)
def test_write_gives_the_text_that_the_chunk_adds_to_the_answer(chunk: object, text: str) -> None:
    stream, _ = recorded()
    stream.write(start("1"))
    stream.write(start("1", "reasoning"))
    assert stream.write(chunk) == text


def test_write_gives_the_text_after_the_end_as_well() -> None:
    stream, _ = recorded()
    stream.write(start("1"))
    stream.end()
    assert (stream.write("a"), stream.write(delta("1", "b"))) == ("a", "b")


def test_muted_stream_takes_anything_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    stream, events = recorded()
    stream.end(quietly=True)
    for chunk in ("a", delta("7", "x"), {"type": "unknown"}, object()):
        stream.write(chunk)
    with stream.text_part() as part, stream.tool_call_part("look") as tool:
        part.text("a")
        tool.text("b")
    stream.message()
    assert (events, caplog.records) == ([], [])


# What users say meanwhile.


def said(*steers: str) -> Conversation:
    return Conversation(tuple(Message(each, each, each, role="user") for each in steers))


async def test_what_follows_words_of_a_user_is_a_message_of_its_own_that_heeds_them() -> None:
    record = Record()
    stream = ActivityStream(record)
    stream.text("a")
    assert await stream.steers() == Conversation()
    stream.text("b")
    record.said = said("s-1", "s-2")
    assert await stream.steers() == record.said
    stream.text("c")
    assert record.events == ["open 1 in 0", "1 a", "1 b", "close 1", "heed s-1 s-2 in 1", "open 2 in 1", "2 c"]


async def test_message_of_which_nothing_is_there_yet_heeds_them_itself() -> None:
    record = Record()
    record.said = said("s-1")
    stream = ActivityStream(record)
    await stream.steers()
    stream.text("a")
    assert record.events == ["heed s-1 in 0", "open 1 in 0", "1 a"]


async def test_nobody_says_anything_to_a_stream_that_goes_nowhere() -> None:
    assert await ActivityStream(Nowhere()).steers() == Conversation()


async def test_words_of_users_are_not_asked_about_and_heeded_all_the_same() -> None:
    record = Record()
    record.said = said("s-1")
    stream = ActivityStream(RedactingSink(record, lambda _: None, "answer"))
    assert await stream.steers() == record.said
    assert record.events == ["heed s-1 in 0"]
