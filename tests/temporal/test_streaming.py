from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import subprocess
import sys
import threading
import traceback
import typing
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from temporalio import activity

from temporal_ably import EncodeError, current_stream, streaming
from temporal_ably._temporal.streaming import active_stream
from temporal_ably.codec import adapters, register_adapter

if TYPE_CHECKING:
    from collections.abc import Callable

    from temporal_ably._temporal.stream import ActivityStream
    from tests.temporal.record import Record


FORKS = """
import os, sys
from temporal_ably._temporal.stream import ActivityStream
from temporal_ably._temporal.streaming import current_stream, set_current
from tests.temporal.record import Record

record = Record()
set_current(ActivityStream(record))
child = os.fork()
if child == 0:
    current_stream().text("from a stale copy")
    print("child", record.events, flush=True)
    sys.exit(0)
os.waitpid(child, 0)
current_stream().text("mine")
print("parent", record.events)
"""


# Which stream is current.


def test_current_stream_of_an_activity_is_touched(record: Record) -> None:
    current_stream().text("x")
    assert record.events == ["open 1 in 0", "1 x"]
    assert record.touches == 1


def test_outside_an_activity_a_stream_goes_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    stream = current_stream()
    stream.text("x")
    stream.message()
    with stream.text_part() as part:
        part.text("y")
    assert active_stream() is None
    assert [record.levelname for record in caplog.records] == ["DEBUG"]


def test_thread_without_the_activitys_context_has_no_stream(record: Record) -> None:
    found: list[ActivityStream | None] = []
    thread = threading.Thread(target=lambda: found.append(active_stream()))
    thread.start()
    thread.join()
    assert found == [None]


def test_thread_with_a_copied_context_has_the_activitys_stream(record: Record) -> None:
    context = contextvars.copy_context()
    thread = threading.Thread(target=lambda: context.run(lambda: current_stream().text("x")))
    thread.start()
    thread.join()
    assert record.events == ["open 1 in 0", "1 x"]


async def test_task_of_an_activity_has_its_stream(record: Record) -> None:
    async def write() -> None:
        current_stream().text("x")

    await asyncio.create_task(write())
    assert record.events == ["open 1 in 0", "1 x"]


def test_forked_process_does_not_use_its_stale_copy() -> None:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-W", "ignore", "-c", FORKS], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.splitlines() == ["child []", "parent ['open 1 in 0', '1 mine']"]


# The decorator.


@streaming
async def words(text: str) -> AsyncIterator[str]:
    for word in text.split():
        yield word


@streaming
def letters(text: str, *, times: int = 1) -> Iterator[str]:
    for _ in range(times):
        yield from text


async def test_async_generator_becomes_a_coroutine_that_streams_and_returns_the_joined_text(record: Record) -> None:
    assert await words("to be") == "tobe"
    assert record.events == ["open 1 in 0", "1 to", "1 be"]
    assert inspect.iscoroutinefunction(words)


def test_generator_becomes_a_function_that_streams_and_returns_the_joined_text(record: Record) -> None:
    assert letters("ab", times=2) == "abab"
    assert record.events == ["open 1 in 0", "1 a", "1 b", "1 a", "1 b"]
    assert not inspect.iscoroutinefunction(letters)


async def test_generator_without_chunks_returns_the_empty_text(record: Record) -> None:
    assert (await words(""), letters("")) == ("", "")
    assert record.events == []


async def test_decorated_function_works_without_a_worker() -> None:
    assert (await words("a b"), letters("ab")) == ("ab", "ab")


class Agent:
    def __init__(self, name: str) -> None:
        self.name = name

    @activity.defn(name="agent-words")
    @streaming
    async def words(self, question: str) -> AsyncIterator[str]:
        yield f"{self.name}: "
        yield question

    @streaming
    def letters(self) -> Iterator[str]:
        yield from self.name


async def test_methods_stream(record: Record) -> None:
    agent = Agent("Ada")
    assert await agent.words("why") == "Ada: why"
    assert agent.letters() == "Ada"
    assert record.events == ["open 1 in 0", "1 Ada: ", "1 why", "1 A", "1 d", "1 a"]


@pytest.mark.parametrize("function", [words, letters, Agent.words])
def test_annotations_say_what_temporal_decodes_though_they_are_postponed(function: Callable[..., object]) -> None:
    assert typing.get_type_hints(function)["return"] is str
    assert inspect.signature(function).return_annotation is str


def test_name_documentation_and_parameters_are_kept() -> None:
    assert (letters.__name__, letters.__module__) == ("letters", __name__)
    assert list(inspect.signature(letters).parameters) == ["text", "times"]
    assert typing.get_type_hints(letters)["text"] is str


def test_temporal_takes_a_decorated_generator_for_an_async_activity() -> None:
    @activity.defn
    @streaming
    async def answer(prompt: str) -> AsyncIterator[str]:
        yield prompt

    definition = activity._Definition.must_from_callable(answer)  # pyright: ignore[reportUnknownMemberType]
    assert (definition.name, definition.is_async, definition.arg_types, definition.ret_type) == (
        "answer",
        True,
        [str],
        str,
    )


async def test_decorated_generator_hides_the_round_trip_of_its_opening(record: Record) -> None:
    await words("a")
    letters("a")
    assert (record.early, record.touches) == (2, 2)


# Chunks that are no text.


@dataclass
class Token:
    text: str


@pytest.fixture
def adapter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters, "_factories", {})
    register_adapter(Token, lambda: lambda token: [token.text])


@streaming
async def model() -> AsyncIterator[str | Token | dict[str, Any]]:
    yield {"type": "reasoning-start", "id": "r"}
    yield {"type": "reasoning-delta", "id": "r", "delta": "hm"}
    yield {"type": "reasoning-end", "id": "r"}
    yield {"type": "text-start", "id": "t"}
    yield {"type": "text-delta", "id": "t", "delta": "to"}
    yield {"type": "text-end", "id": "t"}
    yield {"type": "data-x", "data": "d"}
    yield Token(" be")
    yield " or"
    yield {"type": "finish"}


@pytest.mark.usefixtures("adapter")
async def test_result_is_the_text_of_the_answer_whatever_else_was_streamed(record: Record) -> None:
    assert await model() == "to be or"
    assert record.events == [
        *["open 1 reasoning in 0", "1 hm", "close 1"],
        *["open 2 in 0", "2 to", "close 2"],
        *['data-x "d" in 0', "open 3 in 0", "3  be", "3  or"],
    ]


@pytest.mark.usefixtures("adapter")
async def test_result_is_the_same_without_a_worker() -> None:
    assert await model() == "to be or"


@pytest.mark.usefixtures("adapter")
async def test_reducer_gets_the_chunks_as_they_were_yielded(record: Record) -> None:
    def names(chunks: Sequence[str | Token | dict[str, Any]]) -> list[str]:
        return [type(chunk).__name__ for chunk in chunks]

    @streaming(reducer=names)
    def now() -> Iterator[str | Token | dict[str, Any]]:
        yield Token("a")
        yield {"type": "data-x", "data": "d"}
        yield "b"

    assert now() == ["Token", "dict", "str"]
    assert inspect.signature(now).return_annotation == list[str]


async def test_chunk_out_of_order_is_an_error_at_the_users_own_yield_and_no_part_of_the_result(record: Record) -> None:
    @streaming(reducer=list)
    async def soon() -> AsyncIterator[Any]:
        yield "a"
        try:
            yield {"type": "text-delta", "id": "t", "delta": "b"}
        except EncodeError:
            yield "c"

    assert await soon() == ["a", "c"]
    assert record.events == ["open 1 in 0", "1 a", "1 c"]


# Misuse.


def test_wrong_order_of_decorators_is_refused_with_the_right_one() -> None:
    @activity.defn
    async def answer() -> AsyncIterator[str]:
        yield "x"

    with pytest.raises(TypeError, match=r"put @activity\.defn on top and @streaming right under it"):
        streaming(answer)


def count(chunks: Sequence[str]) -> int:
    return len(chunks)


@pytest.mark.parametrize("function", [count, len, asyncio.sleep, "text"])
def test_what_is_no_generator_function_is_refused(function: Any) -> None:
    with pytest.raises(TypeError, match="it is no generator function; yield the chunks in it"):
        streaming(function)


def raised_at(err: BaseException) -> str:
    return [frame.name for frame in traceback.extract_tb(err.__traceback__)][-1]


async def test_wrong_chunk_is_an_error_at_the_users_own_yield(record: Record) -> None:
    @streaming
    async def soon() -> AsyncIterator[Any]:
        yield 1

    @streaming
    def now() -> Iterator[Any]:
        yield 1

    with pytest.raises(EncodeError) as caught:
        await soon()
    assert raised_at(caught.value) == "soon"
    with pytest.raises(EncodeError) as caught:
        now()
    assert raised_at(caught.value) == "now"
    assert record.events == []


async def test_generator_may_handle_a_wrong_chunk_and_go_on(record: Record) -> None:
    @streaming
    async def soon() -> AsyncIterator[Any]:
        try:
            yield 1
        except EncodeError:
            yield "one"

    @streaming
    def now() -> Iterator[Any]:
        try:
            yield 1
        except EncodeError:
            yield "one"

    assert (await soon(), now()) == ("one", "one")
    assert record.events == ["open 1 in 0", "1 one", "1 one"]


async def test_generator_may_end_at_a_wrong_chunk(record: Record) -> None:
    @streaming
    async def soon() -> AsyncIterator[Any]:
        yield "a"
        try:
            yield 1
        except EncodeError:
            return

    assert await soon() == "a"


# Endings.


async def test_cancel_is_raised_inside_the_generator_and_its_finally_runs(record: Record) -> None:
    waiting, cleaned = asyncio.Event(), list[str]()

    @streaming
    async def soon() -> AsyncIterator[str]:
        try:
            yield "a"
            waiting.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cleaned.append("cancelled")
            raise
        finally:
            cleaned.append("finally")

    task = asyncio.ensure_future(soon())
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == ["cancelled", "finally"]
    assert record.events == ["open 1 in 0", "1 a"]


async def test_generator_that_swallows_a_cancel_completes(record: Record) -> None:
    waiting = asyncio.Event()

    @streaming
    async def soon() -> AsyncIterator[str]:
        yield "a"
        waiting.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            yield "b"

    task = asyncio.ensure_future(soon())
    await waiting.wait()
    task.cancel()
    assert await task == "ab"


async def test_error_of_the_generator_is_the_activitys(record: Record) -> None:
    cleaned: list[str] = []

    @streaming
    async def soon() -> AsyncIterator[str]:
        try:
            yield "a"
            raise ZeroDivisionError
        finally:
            cleaned.append("soon")

    @streaming
    def now() -> Iterator[str]:
        try:
            yield "a"
            raise ZeroDivisionError
        finally:
            cleaned.append("now")

    with pytest.raises(ZeroDivisionError):
        await soon()
    with pytest.raises(ZeroDivisionError):
        now()
    assert cleaned == ["soon", "now"]
