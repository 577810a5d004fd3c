"""What ``write`` and ``forward`` take: text, UIMessage chunks in any order, chunks of other classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pytest

from temporal_ably import EncodeError
from temporal_ably.codec import adapters, register_adapter
from tests.temporal.record import recorded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from temporal_ably._temporal.stream import ActivityStream
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


# Chunks of other classes.


@dataclass
class Token:
    text: str


@dataclass
class Shout(Token):
    pass


@dataclass
class Several:
    chunks: list[object]


@pytest.fixture(autouse=True)
def own_adapters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters, "_factories", {})


class Parts:
    """An adapter that opens a part with the first token and closes it with an empty one."""

    def __init__(self) -> None:
        self._open = False

    def __call__(self, token: Token) -> Iterable[str | Chunk]:
        if not self._open:
            self._open = True
            yield start("t")
        yield delta("t", token.text) if token.text else end("t")


def test_adapter_keeps_state_for_one_stream() -> None:
    register_adapter(Token, Parts)
    for _ in range(2):
        stream, events = recorded()
        assert [stream.write(Token(text)) for text in ("a", "b", "")] == ["a", "b", ""]
        assert events == ["open 1 in 0", "1 a", "1 b", "close 1"]


def test_subclass_is_taken_for_its_nearest_base() -> None:
    register_adapter(Token, lambda: lambda token: [token.text])
    assert events_of(Shout("a")) == ["open 1 in 0", "1 a"]
    register_adapter(Shout, lambda: lambda token: [token.text.upper()])
    assert events_of(Shout("a"), Token("b")) == ["open 1 in 0", "1 A", "1 b"]


def test_base_and_subclass_share_the_adapter_of_a_stream() -> None:
    register_adapter(Token, Parts)
    assert events_of(Token("a"), Shout("b")) == ["open 1 in 0", "1 a", "1 b"]


def test_adapter_may_make_chunks_of_another_class_that_has_one() -> None:
    register_adapter(Token, lambda: lambda token: [token.text])
    register_adapter(Several, lambda: lambda several: cast("Any", several.chunks))
    assert events_of(Several([Token("a"), "b"])) == ["open 1 in 0", "1 a", "1 b"]


def test_class_without_an_adapter_is_refused_with_the_way_out() -> None:
    stream, events = recorded()
    with pytest.raises(EncodeError, match=r"chunk of type Token; .* temporal_ably\.codec\.register_adapter"):
        stream.write(Token("a"))
    assert events == []


def test_error_of_an_adapter_is_the_users_own_and_what_it_gave_before_stays() -> None:
    def fail(token: Token) -> Iterator[str]:
        yield token.text
        raise ZeroDivisionError

    register_adapter(Token, lambda: fail)
    stream, events = recorded()
    with pytest.raises(ZeroDivisionError):
        stream.write(Token("a"))
    stream.write("b")
    assert events == ["open 1 in 0", "1 a", "1 b"]


# Forwarding.


async def source(*chunks: Any) -> AsyncIterator[Any]:
    for chunk in chunks:
        yield chunk


async def take(stream: ActivityStream, *chunks: Any) -> list[Any]:
    return [chunk async for chunk in stream.forward(source(*chunks))]


async def test_forward_streams_an_async_source_and_gives_its_chunks_on() -> None:
    stream, events = recorded()
    assert await take(stream, "a", delta_chunk := {"type": "data-x", "data": "d"}) == ["a", delta_chunk]
    assert events == ["open 1 in 0", "1 a", "close 1", 'data-x "d" in 0']


def test_forward_streams_a_plain_source_and_gives_its_chunks_on() -> None:
    stream, events = recorded()
    assert list(stream.forward(["a", "b"])) == ["a", "b"]
    assert list(stream.forward(chunk for chunk in "cd")) == ["c", "d"]
    assert events == ["open 1 in 0", "1 a", "1 b", "1 c", "1 d"]


def test_forward_takes_from_the_source_only_what_is_asked_for() -> None:
    stream, events = recorded()
    left = iter("abc")
    for chunk in stream.forward(left):
        if chunk == "b":
            break
    assert list(left) == ["c"]
    assert events == ["open 1 in 0", "1 a", "1 b"]


async def test_forward_that_is_left_early_has_streamed_what_was_taken() -> None:
    stream, events = recorded()
    taking = stream.forward(source("a", "b", "c"))
    async for chunk in taking:
        if chunk == "b":
            break
    await taking.aclose()
    stream.text("d")
    assert events == ["open 1 in 0", "1 a", "1 b", "1 d"]


async def test_error_of_the_source_comes_through_and_what_it_gave_before_stays() -> None:
    async def failing() -> AsyncIterator[str]:
        yield "a"
        raise ZeroDivisionError

    stream, events = recorded()
    with pytest.raises(ZeroDivisionError):
        _ = [chunk async for chunk in stream.forward(failing())]
    assert events == ["open 1 in 0", "1 a"]


async def test_chunk_that_cannot_be_streamed_is_an_error_of_the_iterator_and_is_not_given_on() -> None:
    stream, events = recorded()
    soon, now = stream.forward(source("a", 7)), stream.forward(iter(["b", 7]))
    assert (await anext(soon), next(now)) == ("a", "b")
    with pytest.raises(EncodeError, match="of type int"):
        await anext(soon)
    with pytest.raises(EncodeError, match="of type int"):
        next(now)
    assert events == ["open 1 in 0", "1 a", "1 b"]
