"""What a stream takes besides UIMessage chunks: chunks of other classes by their adapters, and whole sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pytest

from temporal_ably import EncodeError
from temporal_ably.codec import adapters, register_adapter
from tests.temporal.record import recorded
from tests.temporal.test_writer import delta, end, events_of, start

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from temporal_ably._temporal.stream import ActivityStream
    from tests.temporal.test_writer import Chunk


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


async def test_who_stops_early_may_go_on_with_the_source() -> None:
    async def tokens() -> AsyncIterator[str]:
        yield "a"
        yield "b"

    stream, events = recorded()
    source = tokens()
    async for chunk in stream.forward(source):
        assert chunk == "a"
        break
    assert [chunk async for chunk in source] == ["b"]
    assert events[-1].endswith(" a")
