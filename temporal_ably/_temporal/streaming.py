"""The decorator and the current stream.

The rule of the file: light, because a workflow's sandbox loads it afresh for each workflow.
"""

from __future__ import annotations

import functools
import inspect
import logging
import types
import typing
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar, cast, overload

from temporalio import activity, workflow

from temporal_ably._temporal.sink import Nowhere
from temporal_ably._temporal.stream import ActivityStream
from temporal_ably.errors import EncodeError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator, Iterator, Sequence
    from typing import TypeAlias

    # What it takes is whatever the generator yields.
    _Reducer: TypeAlias = Callable[..., object]

logger = logging.getLogger("temporal_ably")

P = ParamSpec("P")
C = TypeVar("C")
C_contra = TypeVar("C_contra", contravariant=True)
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

_DEFINITION = "__temporal_activity_definition"

_current: ContextVar[ActivityStream | None] = ContextVar("temporal_ably_stream", default=None)


def set_current(stream: ActivityStream) -> Token[ActivityStream | None]:
    """Make a stream the current one of this context."""
    return _current.set(stream)


def reset_current(token: Token[ActivityStream | None]) -> None:
    """Undo ``set_current``."""
    _current.reset(token)


def active_stream() -> ActivityStream | None:
    """Give the stream of this context, if there is one that this process owns."""
    stream = _current.get()
    return stream if stream is not None and stream.usable_here else None


def current_stream() -> ActivityStream:
    """Give the stream of the running activity.

    Outside an activity, in a process pool, or in a thread that has not the activity's context, it is
    a stream that goes nowhere: the same code runs in tests and scripts.
    """
    stream = active_stream()
    if stream is not None:
        stream.touch()
        return stream
    if workflow.in_workflow():
        logger.warning("unable to stream from a workflow; only activities stream; call current_stream() in an activity")
        # A lock is made, which the sandbox forbids.
        with workflow.unsafe.sandbox_unrestricted():
            stream = nowhere()
        stream.end(quietly=True)
        return stream
    if activity.in_activity():
        _warn_once(activity.info().activity_type)
    else:
        logger.debug("current_stream() was called outside an activity; what is written goes nowhere")
    return nowhere()


def nowhere() -> ActivityStream:
    """Give a stream that goes nowhere."""
    return ActivityStream(Nowhere())


_warned: set[str] = set()


def _warn_once(activity_type: str) -> None:
    if activity_type not in _warned:
        _warned.add(activity_type)
        logger.warning(
            "unable to stream from activity %s; the worker has no AblyInterceptor, or this thread or process has "
            "not the activity's context; see contextvars.copy_context()",
            activity_type,
        )


@overload
def streaming(function: Callable[P, AsyncIterator[object]]) -> Callable[P, Coroutine[object, object, str]]: ...
@overload
def streaming(function: Callable[P, Iterator[object]]) -> Callable[P, str]: ...
@overload
def streaming(*, reducer: Callable[[Sequence[C]], R]) -> _Reducing[C, R]: ...


def streaming(function: object = None, *, reducer: _Reducer | None = None) -> object:
    """Turn a generator into an activity that streams each chunk it yields.

    It stands under ``@activity.defn``. The activity's result is the joined text, or what
    ``reducer`` makes of the list of chunks. An async generator becomes a coroutine function, a
    plain generator a function for the worker's executor; methods work, too.

    Args:
        function: a generator function of chunks, which are what ``current_stream().write`` takes: ``str``,
            ``UIMessage`` chunks, or chunks of a class that has an adapter.
        reducer: makes the activity's result of the chunks, which it gets in the order of yield.

    Raises:
        TypeError: if it stands above ``@activity.defn``, or on something that is no generator.
    """
    if function is None:
        return functools.partial(_decorate, reducer=reducer)
    return _decorate(function, reducer=None)


class _Reducing(Protocol[C_contra, R_co]):
    @overload
    def __call__(
        self, function: Callable[P, AsyncIterator[C_contra]]
    ) -> Callable[P, Coroutine[object, object, R_co]]: ...
    @overload
    def __call__(self, function: Callable[P, Iterator[C_contra]]) -> Callable[P, R_co]: ...


def _decorate(function: object, *, reducer: _Reducer | None) -> object:
    name = getattr(function, "__qualname__", repr(function))
    if hasattr(function, _DEFINITION):
        raise TypeError(
            f"unable to make {name} stream; @streaming stands above @activity.defn; put @activity.defn on top and "
            "@streaming right under it"
        )
    if inspect.isasyncgenfunction(function):
        wrapper = _drive_async(function, reducer)
    elif inspect.isgeneratorfunction(function):
        wrapper = _drive(function, reducer)
    else:
        raise TypeError(f"unable to make {name} stream; it is no generator function; yield the chunks in it")
    _declare(wrapper, reducer)
    return wrapper


class _Chunks:
    """What an activity yielded, and the result that it makes."""

    def __init__(self, reducer: _Reducer | None) -> None:
        self._stream = current_stream()
        self._stream.open_early()
        self._reducer = reducer
        self._chunks: list[object] = []
        self._text: list[str] = []

    def add(self, chunk: object) -> EncodeError | None:
        """Stream a chunk, and give the error if it cannot be streamed; then it is not part of the result."""
        try:
            text = self._stream.write(chunk)
        except EncodeError as err:
            return err.with_traceback(None)
        if self._reducer is None:
            self._text.append(text)
        else:
            self._chunks.append(chunk)
        return None

    @property
    def result(self) -> object:
        """The activity's result."""
        return "".join(self._text) if self._reducer is None else self._reducer(self._chunks)


def _drive_async(
    function: Callable[..., AsyncGenerator[object, None]], reducer: _Reducer | None
) -> Callable[..., object]:
    @functools.wraps(function)
    async def activity_function(*args: object, **kwargs: object) -> object:
        chunks = _Chunks(reducer)
        source = function(*args, **kwargs)
        try:
            refused: EncodeError | None = None
            while True:
                try:
                    # An error is raised at the user's own line; a generator that handles it goes on.
                    chunk = await (source.__anext__() if refused is None else source.athrow(refused))
                except StopAsyncIteration:
                    return chunks.result
                refused = chunks.add(chunk)
        finally:
            await source.aclose()

    return activity_function


def _drive(function: Callable[..., Generator[object, None, None]], reducer: _Reducer | None) -> Callable[..., object]:
    @functools.wraps(function)
    def activity_function(*args: object, **kwargs: object) -> object:
        chunks = _Chunks(reducer)
        source = function(*args, **kwargs)
        try:
            refused: EncodeError | None = None
            while True:
                try:
                    chunk = next(source) if refused is None else source.throw(refused)
                except StopIteration:
                    return chunks.result
                refused = chunks.add(chunk)
        finally:
            source.close()

    return activity_function


def _declare(wrapper: Callable[..., object], reducer: _Reducer | None) -> None:
    # Temporal decodes the result by the annotation, callers of the generator would see an iterator's.
    returned = str if reducer is None else _returned(reducer)
    annotations = {**wrapper.__annotations__}
    signature = inspect.signature(wrapper)
    if returned is inspect.Signature.empty:
        annotations.pop("return", None)
    else:
        annotations["return"] = returned
    wrapper.__annotations__ = annotations
    vars(wrapper).update({"__signature__": signature.replace(return_annotation=returned)})


def _returned(reducer: _Reducer) -> object:
    if inspect.isclass(reducer):
        return reducer
    try:
        returned = inspect.signature(reducer).return_annotation
    except ValueError:
        # Some built-in functions have no signature.
        return inspect.Signature.empty
    if not isinstance(returned, str):
        return returned
    function: object = reducer
    while isinstance(function, functools.partial):
        function = cast("functools.partial[object]", function).func
    if not inspect.isroutine(function):
        function = type(function).__call__
    # Only the result's annotation is looked up: those of parameters may exist for type checkers alone.
    alone = types.SimpleNamespace(__annotations__={"return": returned})
    names = getattr(inspect.unwrap(cast("Callable[..., object]", function)), "__globals__", {})
    try:
        return typing.get_type_hints(alone, globalns=names)["return"]
    except NameError as err:
        raise TypeError(
            f"unable to tell the result type of a reducer; {err}; import it outside `if TYPE_CHECKING`"
        ) from err
