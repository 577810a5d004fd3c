from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import logging
import subprocess
import sys
import threading
import traceback
import typing
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from temporalio import activity

from temporal_ably import EncodeError, StreamClosedError, current_stream, streaming
from temporal_ably._temporal.streaming import (
    STREAMING_MARK,
    ActivityStream,
    active_stream,
    reset_current,
    set_current,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tests.nowhere import Unknown  # pyright: ignore[reportMissingImports, reportUnknownVariableType]

FORKS = """
import os, sys
from temporal_ably._temporal.streaming import ActivityStream, current_stream, set_current
from tests.temporal.test_streaming import Record

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


class Record:
    """A sink that keeps what it is told, as lines."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.touches = 0

    def open_part(self, key: int, message: int) -> None:
        self.events.append(f"open {key} in {message}")

    def text(self, key: int, text: str) -> None:
        self.events.append(f"{key} {text}")

    def close_part(self, key: int) -> None:
        self.events.append(f"close {key}")

    def touched(self) -> None:
        self.touches += 1


@contextmanager
def current(stream: ActivityStream) -> Generator[None, None, None]:
    token = set_current(stream)
    try:
        yield
    finally:
        reset_current(token)


@pytest.fixture
def record() -> Iterator[Record]:
    """The sink of the stream that is current during the test."""
    record = Record()
    with current(ActivityStream(record)):
        yield record


# The stream.


def test_consecutive_text_extends_one_part() -> None:
    record = Record()
    stream = ActivityStream(record)
    stream.text("a")
    stream.text("b")
    assert record.events == ["open 1 in 0", "1 a", "1 b"]


def test_empty_text_opens_nothing() -> None:
    record = Record()
    stream = ActivityStream(record)
    stream.text("")
    with stream.text_part() as part:
        part.text("")
    assert record.events == ["open 1 in 0", "close 1"]


def test_part_of_its_own_closes_the_running_text() -> None:
    record = Record()
    stream = ActivityStream(record)
    stream.text("a")
    with stream.text_part() as one, stream.text_part() as other:
        one.text("b")
        other.text("c")
        one.text("d")
    stream.text("e")
    assert record.events == [
        *["open 1 in 0", "1 a", "close 1"],
        *["open 2 in 0", "open 3 in 0", "2 b", "3 c", "2 d", "close 3", "close 2"],
        *["open 4 in 0", "4 e"],
    ]


def test_part_is_closed_when_its_block_fails() -> None:
    record = Record()

    def fail() -> None:
        with ActivityStream(record).text_part():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert record.events[-1] == "close 1"


def test_closed_part_refuses_text_and_a_second_close_is_harmless() -> None:
    record = Record()
    part = ActivityStream(record).text_part()
    part.close()
    part.close()
    with pytest.raises(StreamClosedError, match=r"unable to extend a text part; it is closed; begin a new one"):
        part.text("late")
    assert record.events == ["open 1 in 0", "close 1"]


def test_new_message_closes_the_running_text_and_counts_only_used_ones() -> None:
    record = Record()
    stream = ActivityStream(record)
    stream.message()
    stream.text("a")
    stream.message()
    stream.message()
    stream.text("b")
    assert record.events == ["open 1 in 0", "1 a", "close 1", "open 2 in 1", "2 b"]


@pytest.mark.parametrize("chunk", [b"bytes", 1, None, {"text": "x"}])
def test_chunk_that_is_no_text_is_refused_by_its_type(chunk: Any) -> None:
    stream = ActivityStream(Record())
    for write in (stream.text, stream.text_part().text):
        with pytest.raises(EncodeError, match=rf"chunk of type {type(chunk).__name__}; only str chunks are understood"):
            write(chunk)


def test_text_that_utf8_cannot_hold_is_refused() -> None:
    record = Record()
    with pytest.raises(EncodeError, match="pass text that UTF-8 can hold"):
        ActivityStream(record).text("half a pair: \ud83d")
    assert record.events == []


def test_whatever_is_written_after_the_end_is_dropped_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    record = Record()
    stream = ActivityStream(record)
    part = stream.text_part()
    stream.end()
    late: list[Callable[[], object]] = [
        lambda: stream.text("late"),
        stream.message,
        stream.text_part,
        lambda: part.text("late"),
    ]
    for write in late:
        write()
    assert caplog.messages == ["unable to stream; the activity is over; what a task or thread of it writes is dropped"]
    assert record.events == ["open 1 in 0"]


def test_threads_may_share_a_stream_and_a_part() -> None:
    record = Record()
    stream = ActivityStream(record)
    part = stream.text_part()

    def write() -> None:
        for _ in range(100):
            stream.text("x")
            part.text("y")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert record.events.count("1 y") == 400
    assert record.events.count("2 x") == 400
    assert len(record.events) == 802


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
    assert getattr(function, STREAMING_MARK) is True


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


# The reducer.


@dataclass
class Answer:
    chunks: Sequence[str]


def count(chunks: Sequence[str]) -> int:
    return len(chunks)


def unknown_to_the_interpreter(chunks: Unknown) -> Answer:  # pyright: ignore[reportUnknownParameterType]
    return Answer(typing.cast("Sequence[str]", chunks))


class Counter:
    def __call__(self, chunks: Sequence[str]) -> Answer:
        return Answer(chunks)


@pytest.mark.parametrize(
    ("reducer", "result", "returned"),
    [
        (count, 2, int),
        (list, ["a", "b"], list),
        (Answer, Answer(["a", "b"]), Answer),
        (unknown_to_the_interpreter, Answer(["a", "b"]), Answer),
        (Counter(), Answer(["a", "b"]), Answer),
        (functools.partial(count), 2, int),
        (lambda chunks: len(chunks), 2, inspect.Signature.empty),  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
        (max, "b", inspect.Signature.empty),
    ],
    ids=["function", "built-in type", "class", "type-checked names", "object", "partial", "lambda", "built-in"],
)
async def test_reducer_makes_the_result_and_says_its_type(
    record: Record, reducer: Callable[[Sequence[str]], object], result: object, returned: object
) -> None:
    @streaming(reducer=reducer)
    async def soon() -> AsyncIterator[str]:
        yield "a"
        yield "b"

    @streaming(reducer=reducer)
    def now() -> Iterator[str]:
        yield from "ab"

    assert (await soon(), now()) == (result, result)
    for function in (soon, now):
        assert inspect.signature(function).return_annotation is returned
        assert typing.get_type_hints(function).get("return", inspect.Signature.empty) is returned
    assert record.events == ["open 1 in 0", "1 a", "1 b", "1 a", "1 b"]


def test_reducer_whose_result_type_is_unknown_at_run_time_is_refused() -> None:
    def reduce(chunks: Sequence[str]) -> Unknown:  # pyright: ignore[reportUnknownParameterType]
        raise NotImplementedError

    def now() -> Iterator[str]:
        yield "a"

    with pytest.raises(TypeError, match=r"name 'Unknown' is not defined; import it outside `if TYPE_CHECKING`"):
        streaming(reducer=reduce)(now)  # pyright: ignore[reportUnknownArgumentType]


# Misuse.


def test_wrong_order_of_decorators_is_refused_with_the_right_one() -> None:
    @activity.defn
    async def answer() -> AsyncIterator[str]:
        yield "x"

    with pytest.raises(TypeError, match=r"put @activity\.defn on top and @streaming right under it"):
        streaming(answer)


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
