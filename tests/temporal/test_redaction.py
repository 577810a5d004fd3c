"""``on_part``: the user's say over what leaves the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from temporal_ably._temporal.redaction import RedactingSink
from temporal_ably._temporal.stream import ActivityStream
from tests.temporal.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from temporal_ably._temporal.redaction import OnPart
    from temporal_ably._wire.parts import Json

SECRET = "hush"  # noqa: S105 - what the user wants hidden


def redacted(on_part: OnPart) -> tuple[ActivityStream, list[str]]:
    record = Record()
    return ActivityStream(RedactingSink(record, on_part, "answer")), record.events


def asked_about(write: Callable[[ActivityStream], object]) -> list[Mapping[str, Json]]:
    asked: list[Mapping[str, Json]] = []

    def on_part(chunk: Mapping[str, Json]) -> Mapping[str, Json]:
        asked.append(chunk)
        return chunk

    stream, _ = redacted(on_part)
    write(stream)
    return asked


def tell_all(stream: ActivityStream) -> None:
    stream.metadata(model="small")
    stream.text("a")
    stream.reasoning("b")
    with stream.tool_call_part("look", call_id="c1") as call:
        call.text("{}")
    stream.tool_call("look", {"q": 1}, call_id="c2", dynamic=True)
    stream.tool_result("c2", {"found": 1}, preliminary=True)
    stream.tool_error("c2", "no")
    stream.tool_denied("c2")
    stream.data("x", {"n": 1}, id="p")
    stream.data("y", {"n": 1}, transient=True)
    stream.source("u", title="T")
    stream.source_document("T", media_type="a/b")
    stream.file("u", media_type="a/b")


def test_each_kind_of_part_is_asked_about_as_the_chunk_that_it_is() -> None:
    call: dict[str, Json] = {"toolCallId": "c2"}
    assert asked_about(tell_all) == [
        {"type": "message-metadata", "messageMetadata": {"model": "small"}},
        {"type": "text-start", "id": ""},
        {"type": "text-delta", "id": "", "delta": "a"},
        {"type": "reasoning-start", "id": ""},
        {"type": "reasoning-delta", "id": "", "delta": "b"},
        {"type": "tool-input-start", "toolCallId": "c1", "toolName": "look"},
        {"type": "tool-input-available", "toolCallId": "c1", "toolName": "look", "input": {}},
        {"type": "tool-input-available", **call, "toolName": "look", "dynamic": True, "input": {"q": 1}},
        {"type": "tool-output-available", **call, "preliminary": True, "output": {"found": 1}},
        {"type": "tool-output-error", **call, "errorText": "no"},
        {"type": "tool-output-denied", **call},
        {"type": "data-x", "id": "p", "data": {"n": 1}},
        {"type": "data-y", "transient": True, "data": {"n": 1}},
        {"type": "source-url", "sourceId": "u", "title": "T", "url": "u"},
        {"type": "source-document", "sourceId": "T", "mediaType": "a/b", "title": "T"},
        {"type": "file", "mediaType": "a/b", "url": "u"},
    ]


def test_who_changes_nothing_gets_what_there_would_be_without() -> None:
    record = Record()
    tell_all(ActivityStream(record))
    stream, events = redacted(lambda chunk: chunk)
    tell_all(stream)
    assert events == record.events


def test_who_drops_everything_lets_nothing_out() -> None:
    stream, events = redacted(lambda chunk: None)
    tell_all(stream)
    assert events == []


def replacing(chunk: Mapping[str, Json]) -> Mapping[str, Json]:
    return cast("Mapping[str, Json]", _without(dict(chunk)))


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without(each) for key, each in cast("dict[str, Any]", value).items()}
    return value.replace(SECRET, "***") if isinstance(value, str) else value


def test_what_the_function_replaces_is_replaced_in_each_kind_of_part() -> None:
    stream, events = redacted(replacing)
    stream.metadata(a=SECRET)
    stream.text(f"a {SECRET}")
    stream.reasoning(SECRET)
    with stream.tool_call_part(SECRET, title=SECRET, call_id="c1") as call:
        call.text(f'"{SECRET}"')
    stream.tool_call("look", {"q": SECRET}, call_id="c2")
    stream.tool_result("c2", {"found": {"deep": SECRET}})
    stream.tool_error("c2", SECRET)
    stream.data("x", SECRET)
    stream.source(SECRET, id="1", title=SECRET)
    stream.file(SECRET, media_type="a/b")
    assert SECRET not in repr(events)
    assert repr(events).count("***") == 13


def test_what_the_end_of_a_part_says_again_does_not_undo_what_its_start_hid() -> None:
    stream, events = redacted(replacing)
    stream.write({"type": "tool-input-start", "toolCallId": "c1", "toolName": SECRET})
    stream.write({"type": "tool-input-available", "toolCallId": "c1", "toolName": SECRET, "input": {"q": SECRET}})
    assert events == ["open 1 tool-input toolCallId=c1 toolName=*** in 0", '1 {"q":"***"}', "close 1"]


def test_what_the_end_of_a_part_adds_is_asked_about() -> None:
    stream, events = redacted(replacing)
    for kind in ("text", "reasoning"):
        stream.write({"type": f"{kind}-start", "id": "1"})
        stream.write({"type": f"{kind}-end", "id": "1", "providerMetadata": {"signature": SECRET}})
    stream.write({"type": "tool-input-start", "toolCallId": "c1", "toolName": SECRET})
    added: Json = {"signature": SECRET}
    stream.write({"type": "tool-input-available", "toolCallId": "c1", "toolName": SECRET, "providerMetadata": added})
    assert events[1::2] == [
        'close 1 providerMetadata={"signature":"***"}',
        'close 2 providerMetadata={"signature":"***"}',
        "close 3",
    ]
    assert events[-2] == 'open 3 tool-input toolCallId=c1 toolName=*** providerMetadata={"signature":"***"} in 0'


def hide_input(chunk: Mapping[str, Json]) -> Mapping[str, Json]:
    return {**chunk, "input": {"hidden": True}} if chunk["type"] == "tool-input-available" else chunk


def test_the_input_of_a_streamed_call_is_asked_about_as_a_whole() -> None:
    stream, events = redacted(hide_input)
    with stream.tool_call_part("pay", call_id="c1") as call:
        call.text('{"card":"41')
        call.text(f'11{SECRET}"}}')
    stream.write({"type": "tool-input-start", "toolCallId": "c2", "toolName": "pay"})
    stream.write({"type": "tool-input-available", "toolCallId": "c2", "toolName": "pay", "input": {"card": SECRET}})
    assert events == [
        *("open 1 tool-input toolCallId=c1 toolName=pay in 0", '1 {"hidden":true}', "close 1"),
        *("open 2 tool-input toolCallId=c2 toolName=pay in 0", '2 {"hidden":true}', "close 2"),
    ]


def test_a_streamed_call_whose_input_is_dropped_is_not_there() -> None:
    stream, events = redacted(lambda chunk: None if chunk["type"] == "tool-input-available" else chunk)
    with stream.tool_call_part("pay", call_id="c1") as call:
        call.text("{}")
    assert events == []


def test_a_streamed_input_that_is_no_json_is_asked_about_as_text() -> None:
    stream, events = redacted(replacing)
    with stream.tool_call_part("pay", call_id="c1") as call:
        call.text(f"pay {SECRET}")
    assert events[1] == '1 "pay ***"'


def test_part_is_ended_though_what_its_end_adds_is_dropped() -> None:
    stream, events = redacted(lambda chunk: None if chunk["type"] == "text-end" else chunk)
    stream.write({"type": "text-start", "id": "1"})
    stream.write({"type": "text-end", "id": "1", "providerMetadata": {"signature": SECRET}})
    assert events == ["open 1 in 0", "close 1"]


@pytest.mark.parametrize("kind", ["text", "reasoning", "tool-input"])
def test_dropping_the_start_drops_the_whole_part_and_nothing_else(kind: str) -> None:
    stream, events = redacted(lambda chunk: None if chunk["type"] == f"{kind}-start" else chunk)
    stream.text("a")
    stream.reasoning("b")
    with stream.tool_call_part("look", call_id="c1") as call:
        call.text("{}")
    assert [event for event in events if event.startswith("open")] == [
        opened
        for opened in ("open 1 in 0", "open 2 reasoning in 0", "open 3 tool-input toolCallId=c1 toolName=look in 0")
        if opened.split()[2] != {"text": "in"}.get(kind, kind)
    ]
    assert len(events) == 6


def test_piece_of_text_may_be_dropped_or_emptied_alone() -> None:
    def on_part(chunk: Mapping[str, Json]) -> Mapping[str, Json] | None:
        if chunk.get("delta") == "b":
            return None
        return {**chunk, "delta": ""} if chunk.get("delta") == "c" else chunk

    stream, events = redacted(on_part)
    for text in "abcd":
        stream.text(text)
    assert events == ["open 1 in 0", "1 a", "1 d"]


def raising(chunk: Mapping[str, Json]) -> Mapping[str, Json]:
    raise ValueError(f"{SECRET} {chunk}")


def of_another_type(chunk: Mapping[str, Json]) -> Mapping[str, Json]:
    return {**chunk, "type": "data-other", "data": SECRET}


def under_another_id(chunk: Mapping[str, Json]) -> Mapping[str, Json]:
    return {**chunk, "id": "other", "toolCallId": "other"}


def no_chunk_at_all(chunk: Mapping[str, Json]) -> Mapping[str, Json]:
    return cast("Mapping[str, Json]", chunk["type"])


def that_is_no_json(chunk: Mapping[str, Json]) -> Mapping[str, Json]:
    bad: Any = object()
    return {**chunk, "providerMetadata": bad, "data": bad, "delta": bad, "messageMetadata": bad}


def too_large(chunk: Mapping[str, Json]) -> Mapping[str, Json]:
    big: Json = {"a": "x" * 70_000}
    return {**chunk, "providerMetadata": big, "data": big, "messageMetadata": big}


WRONG = [raising, of_another_type, under_another_id, no_chunk_at_all, that_is_no_json, too_large]


@pytest.mark.parametrize("on_part", WRONG, ids=lambda function: function.__name__)
def test_whatever_goes_wrong_the_part_stays_in_the_worker_with_one_log_line_that_does_not_show_it(
    on_part: OnPart, caplog: pytest.LogCaptureFixture
) -> None:
    stream, events = redacted(on_part)
    assert stream.write(f"text {SECRET}") == f"text {SECRET}"
    stream.tool_call_part("look", call_id="c1").close()
    if on_part is not under_another_id:
        stream.data("x", {"a": SECRET})
        stream.metadata(a=SECRET)
    assert events == []
    [record] = caplog.records
    assert record.levelname == "ERROR"
    assert "activity answer" in record.getMessage()
    assert record.getMessage().endswith("such chunks are not published, the activity goes on")
    assert SECRET not in caplog.text


def test_result_of_the_activity_keeps_what_viewers_do_not_get() -> None:
    stream, events = redacted(replacing)
    assert stream.write(f"a {SECRET}") == f"a {SECRET}"
    assert stream.write(SECRET) == SECRET
    assert events == ["open 1 in 0", "1 a ***", "1 ***"]


def test_names_of_calls_opening_and_touches_are_passed_on() -> None:
    record = Record()
    sink = RedactingSink(record, lambda chunk: None, "answer")
    sink.open_early()
    sink.touched()
    assert (record.early, record.touches, sink.name_call(2)) == (1, 1, "step/call-2")


def test_what_is_not_changed_goes_out_letter_by_letter() -> None:
    stream, events = redacted(lambda chunk: chunk)
    for call_id, text in (("c1", 'free "text"'), ("c2", '{"q" : 1}')):
        with stream.tool_call_part("look", call_id=call_id) as call:
            call.text(text)
    assert events[1::3] == ['1 free "text"', '2 {"q" : 1}']


def test_a_function_that_streams_something_itself_mixes_nothing_up() -> None:
    streams: list[ActivityStream] = []

    def on_part(chunk: Mapping[str, Json]) -> Mapping[str, Json]:
        if chunk["type"] == "text-start":
            streams[0].reasoning("note")
        return chunk

    stream, events = redacted(on_part)
    streams.append(stream)
    stream.text("answer")
    texts = [event for event in events if event.endswith((" note", " answer"))]
    assert len({event.split()[0] for event in texts}) == 2
