"""The user's side of a stream: the decorator and the current stream.

The rule of the file: light, because a workflow's sandbox loads it afresh for each workflow.
"""

from __future__ import annotations

import functools
import inspect
import logging
import os
import threading
import types
import typing
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar, cast, overload

from temporalio import activity, workflow

from temporal_ably.errors import EncodeError, StreamClosedError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator, Iterator, Sequence
    from types import TracebackType

logger = logging.getLogger("temporal_ably")

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

STREAMING_MARK = "__temporal_ably_streaming__"
_DEFINITION = "__temporal_activity_definition"


class Sink(Protocol):
    """Where a stream's parts go. All calls return at once, from any thread."""

    def open_part(self, key: int, message: int) -> None:
        """Begin a text part of a message, known as ``key`` from now on."""
        ...

    def text(self, key: int, text: str) -> None:
        """Extend a part."""
        ...

    def close_part(self, key: int) -> None:
        """End a part."""
        ...

    def touched(self) -> None:
        """Note that the activity asked for its stream."""
        ...


class ActivityStream:
    """What an activity streams, in parts of messages. Safe to use from any thread.

    Args:
        sink: where the parts go.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._keys = 0
        self._message = 0
        self._message_used = False
        self._text_key: int | None = None
        self._ended = False
        self._said_late = False

    @property
    def usable_here(self) -> bool:
        """Whether this process owns the stream; a forked one holds a stale copy."""
        return self._pid == os.getpid()

    def text(self, chunk: str) -> None:
        """Stream text. Consecutive calls extend one part.

        Args:
            chunk: the new text.

        Raises:
            EncodeError: if ``chunk`` is not a ``str``.
        """
        text = _checked(chunk)
        with self._lock:
            if self._goes_on() and text:
                if self._text_key is None:
                    self._text_key = self._open_part()
                self._sink.text(self._text_key, text)

    def text_part(self) -> TextPart:
        """Begin a text part of its own, which may grow beside others.

        Use it as a context manager: ``with stream.text_part() as part: part.text("...")``.
        """
        with self._lock:
            if not self._goes_on():
                return TextPart(_NOWHERE, 0, self._lock, self._goes_on)
            self._close_text()
            return TextPart(self._sink, self._open_part(), self._lock, self._goes_on)

    def _goes_on(self) -> bool:
        if self._ended and not self._said_late:
            self._said_late = True
            logger.warning("unable to stream; the activity is over; what a task or thread of it writes is dropped")
        return not self._ended

    def message(self) -> None:
        """Begin a new message: what follows is shown apart from what came before."""
        with self._lock:
            if not self._goes_on():
                return
            self._close_text()
            if self._message_used:
                self._message += 1
                self._message_used = False

    def end(self) -> None:
        """Accept nothing more; the activity is over."""
        with self._lock:
            self._ended = True

    def touch(self) -> None:
        """Note that the activity asked for its stream."""
        self._sink.touched()

    def _open_part(self) -> int:
        self._keys += 1
        self._message_used = True
        self._sink.open_part(self._keys, self._message)
        return self._keys

    def _close_text(self) -> None:
        if self._text_key is not None:
            self._sink.close_part(self._text_key)
            self._text_key = None


class TextPart:
    """One text part that may grow beside others; a context manager. Safe to use from any thread.

    Args:
        sink: where its text goes.
        key: its key there.
        lock: the stream's.
        goes_on: tells whether the activity still runs.
    """

    def __init__(self, sink: Sink, key: int, lock: threading.Lock, goes_on: Callable[[], bool]) -> None:
        self._sink = sink
        self._key = key
        self._goes_on = goes_on
        self._lock = lock
        self._closed = False

    def text(self, chunk: str) -> None:
        """Extend the part.

        Args:
            chunk: the new text.

        Raises:
            EncodeError: if ``chunk`` is not a ``str``.
            StreamClosedError: if the part was closed.
        """
        text = _checked(chunk)
        with self._lock:
            if self._closed:
                raise StreamClosedError("unable to extend a text part; it is closed; begin a new one with text_part()")
            if self._goes_on() and text:
                self._sink.text(self._key, text)

    def close(self) -> None:
        """End the part. Closing twice is harmless."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._sink.close_part(self._key)

    def __enter__(self) -> TextPart:
        """Give the part."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the part."""
        self.close()


class _Nowhere:
    """The sink outside an activity."""

    def open_part(self, key: int, message: int) -> None:
        del key, message

    def text(self, key: int, text: str) -> None:
        del key, text

    def close_part(self, key: int) -> None:
        del key

    def touched(self) -> None:
        pass


_NOWHERE = _Nowhere()
_current: ContextVar[ActivityStream | None] = ContextVar("temporal_ably_stream", default=None)


def _checked(chunk: object) -> str:
    if isinstance(chunk, str):
        try:
            chunk.encode()
        except UnicodeEncodeError as err:
            raise EncodeError(f"unable to stream a chunk; {err}; pass text that UTF-8 can hold") from None
        return chunk
    raise EncodeError(
        f"unable to stream a chunk of type {type(chunk).__qualname__}; only str chunks are understood; "
        "pass its text, as in `yield chunk.text`"
    )


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
            return ActivityStream(_NOWHERE)
    if activity.in_activity():
        _warn_once(activity.info().activity_type)
    else:
        logger.debug("current_stream() was called outside an activity; what is written goes nowhere")
    return ActivityStream(_NOWHERE)


def nowhere() -> ActivityStream:
    """Give a stream that goes nowhere."""
    return ActivityStream(_NOWHERE)


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
def streaming(function: Callable[P, AsyncIterator[str]]) -> Callable[P, Coroutine[object, object, str]]: ...
@overload
def streaming(function: Callable[P, Iterator[str]]) -> Callable[P, str]: ...
@overload
def streaming(*, reducer: Callable[[Sequence[str]], R]) -> _Reducing[R]: ...


def streaming(function: object = None, *, reducer: Callable[[Sequence[str]], object] | None = None) -> object:
    """Turn a generator into an activity that streams each chunk it yields.

    It stands under ``@activity.defn``. The activity's result is the joined text, or what
    ``reducer`` makes of the list of chunks. An async generator becomes a coroutine function, a
    plain generator a function for the worker's executor; methods work, too.

    Args:
        function: a generator function of ``str`` chunks.
        reducer: makes the activity's result of the chunks, which it gets in the order of yield.

    Raises:
        TypeError: if it stands above ``@activity.defn``, or on something that is no generator.
    """
    if function is None:
        return functools.partial(_decorate, reducer=reducer or _join)
    return _decorate(function, reducer=_join)


class _Reducing(Protocol[R_co]):
    @overload
    def __call__(self, function: Callable[P, AsyncIterator[str]]) -> Callable[P, Coroutine[object, object, R_co]]: ...
    @overload
    def __call__(self, function: Callable[P, Iterator[str]]) -> Callable[P, R_co]: ...


def _join(chunks: Sequence[str]) -> str:
    return "".join(chunks)


def _decorate(function: object, *, reducer: Callable[[Sequence[str]], object]) -> object:
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


def _drive_async(
    function: Callable[..., AsyncGenerator[str, None]], reducer: Callable[[Sequence[str]], object]
) -> Callable[..., object]:
    @functools.wraps(function)
    async def activity_function(*args: object, **kwargs: object) -> object:
        stream, chunks = current_stream(), list[str]()
        source = function(*args, **kwargs)
        try:
            chunk = await source.__anext__()
            while True:
                try:
                    stream.text(chunk)
                except EncodeError as err:
                    # At the user's own line; a generator that handles it goes on.
                    chunk = await source.athrow(err.with_traceback(None))
                    continue
                chunks.append(chunk)
                chunk = await source.__anext__()
        except StopAsyncIteration:
            return reducer(chunks)
        finally:
            await source.aclose()

    return activity_function


def _drive(
    function: Callable[..., Generator[str, None, None]], reducer: Callable[[Sequence[str]], object]
) -> Callable[..., object]:
    @functools.wraps(function)
    def activity_function(*args: object, **kwargs: object) -> object:
        stream, chunks = current_stream(), list[str]()
        source = function(*args, **kwargs)
        try:
            chunk = next(source)
            while True:
                try:
                    stream.text(chunk)
                except EncodeError as err:
                    chunk = source.throw(err.with_traceback(None))
                    continue
                chunks.append(chunk)
                chunk = next(source)
        except StopIteration:
            return reducer(chunks)
        finally:
            source.close()

    return activity_function


def _declare(wrapper: Callable[..., object], reducer: Callable[[Sequence[str]], object]) -> None:
    # Temporal decodes the result by the annotation, callers of the generator would see an iterator's.
    returned = str if reducer is _join else _returned(reducer)
    annotations = {**wrapper.__annotations__}
    signature = inspect.signature(wrapper)
    if returned is inspect.Signature.empty:
        annotations.pop("return", None)
    else:
        annotations["return"] = returned
    wrapper.__annotations__ = annotations
    vars(wrapper).update({"__signature__": signature.replace(return_annotation=returned), STREAMING_MARK: True})


def _returned(reducer: Callable[[Sequence[str]], object]) -> object:
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
