"""The reducer of ``@streaming``: what it makes, and how the activity's result type is told."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import pytest

from temporal_ably import streaming
from temporal_ably.codec import register_adapter

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.nowhere import Unknown  # pyright: ignore[reportMissingImports, reportUnknownVariableType]

    from tests.temporal.record import Record


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


def test_what_stops_inside_an_adapter_does_not_end_the_activity_as_complete() -> None:
    class Odd:
        pass

    def stop(chunk: Odd) -> NoReturn:
        raise StopIteration

    register_adapter(Odd, lambda: stop)

    @streaming
    def tell() -> Iterator[object]:
        yield "one"
        yield Odd()
        yield "two"

    with pytest.raises(StopIteration):
        tell()
