"""The user's side of a stream: what an activity streams, in parts of messages.

The rule of the file: light, because a workflow's sandbox loads it afresh for each workflow. The codec
is imported where it is used, in activities only. What is wrong with a chunk is told at the user's own
line, and nothing of it is sent.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import AsyncIterable, Mapping
from typing import TYPE_CHECKING, TypeVar, cast, overload

from temporal_ably._temporal.sink import check_fields, check_size, checked
from temporal_ably._temporal.stream_parts import StreamPart, ToolCallPart
from temporal_ably.errors import EncodeError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterable

    from temporal_ably._temporal.sink import Sink
    from temporal_ably._wire.parts import Json, Status, Streamed, Whole
    from temporal_ably.codec.adapters import Adapter
    from temporal_ably.codec.table import Close

logger = logging.getLogger("temporal_ably")

T = TypeVar("T")

# Ably's smallest message limit is 64 KiB: the rest is for headers. Text has no limit: it goes on in another part.
_INPUT_BYTES = 40 * 1024

# What a client's stream would take for the end of everything; the run's end says it, once.
_HELD_BACK = ("finish-step", "error", "abort")


class ActivityStream:
    """What an activity streams, in parts of messages. Safe to use from any thread.

    Consecutive calls of ``text`` extend one part, so do those of ``reasoning``; any other part that
    stays in the message closes it. Parts that grow side by side: ``text_part``, ``reasoning_part``,
    ``tool_call_part``. All values must be JSON, and become the clients' ``UIMessage`` parts.

    Args:
        sink: where the parts go.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._lock = threading.RLock()
        self._pid = os.getpid()
        self._keys = 0
        self._calls = 0
        self._message = 0
        self._message_used = False
        self._metadata: dict[str, Json] = {}
        self._growing: tuple[str, int] | None = None
        self._open: dict[tuple[str, str], int] = {}
        self._input_bytes: dict[int, int] = {}
        self._adapters: dict[object, Adapter[object]] = {}
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
        self._grow("text", checked(chunk))

    def reasoning(self, chunk: str) -> None:
        """Stream what the model thinks. Consecutive calls extend one part.

        Args:
            chunk: the new text.

        Raises:
            EncodeError: if ``chunk`` is not a ``str``.
        """
        self._grow("reasoning", checked(chunk))

    def text_part(self) -> StreamPart:
        """Begin a text part of its own, which may grow beside others.

        Use it as a context manager: ``with stream.text_part() as part: part.text("...")``.
        """
        return self._begin_part("text")

    def reasoning_part(self) -> StreamPart:
        """Begin a reasoning part of its own, which may grow beside others; a context manager."""
        return self._begin_part("reasoning")

    def tool_call(
        self,
        name: str,
        input: Json,
        *,
        call_id: str | None = None,
        title: str | None = None,
        dynamic: bool | None = None,
        provider_executed: bool | None = None,
    ) -> str:
        """Stream a tool call whose input is known.

        Args:
            name: the tool's name.
            input: a JSON value; an object or a string.
            call_id: the call's id, unique in the run, such as the model's; by default one is made.
            title: what people read instead of the name.
            dynamic: whether clients know the tool only at run time (``dynamic-tool`` parts).
            provider_executed: whether the model's provider ran the tool itself.

        Returns:
            The call's id, for ``tool_result``.

        Raises:
            EncodeError: if a value has the wrong type, is not JSON, or is too large for one message.
        """
        call = self._call_fields(name, call_id, title, dynamic=dynamic, provider_executed=provider_executed)
        self.write({"type": "tool-input-available", **call, "input": input})
        return cast("str", call["toolCallId"])

    def tool_call_part(
        self,
        name: str,
        *,
        call_id: str | None = None,
        title: str | None = None,
        dynamic: bool | None = None,
        provider_executed: bool | None = None,
    ) -> ToolCallPart:
        """Begin a tool call whose input comes in pieces of JSON text; a context manager.

        ``with stream.tool_call_part("search") as call: call.text('{"query":')``. Arguments are those
        of ``tool_call``; the id is ``call.call_id``.

        Raises:
            EncodeError: if a value has the wrong type, or the id is that of a call that is still open.
        """
        call = self._call_fields(name, call_id, title, dynamic=dynamic, provider_executed=provider_executed)
        call_id = cast("str", call["toolCallId"])
        self.write({"type": "tool-input-start", **call})
        return ToolCallPart(self, name, call_id)

    def _call_fields(
        self, name: str, call_id: str | None, title: str | None, *, dynamic: bool | None, provider_executed: bool | None
    ) -> dict[str, Json]:
        if call_id is None:
            with self._lock:
                self._calls += 1
                call_id = self._sink.name_call(self._calls)
        return {
            "toolCallId": call_id,
            "toolName": name,
            "title": title,
            "dynamic": dynamic,
            "providerExecuted": provider_executed,
        }

    def tool_result(self, call_id: str, output: Json, *, preliminary: bool | None = None) -> None:
        """Stream what a tool returned; the call may be of another activity of the same run.

        Args:
            call_id: the call's id.
            output: a JSON value.
            preliminary: whether a later result will replace this one.

        Raises:
            EncodeError: if a value has the wrong type, is not JSON, or is too large for one message.
        """
        chunk = {"type": "tool-output-available", "toolCallId": call_id, "output": output, "preliminary": preliminary}
        self.write(chunk)

    def tool_error(self, call_id: str, error: str) -> None:
        """Stream that a tool failed.

        Args:
            call_id: the call's id.
            error: a text for end users.

        Raises:
            EncodeError: if a value has the wrong type.
        """
        self.write({"type": "tool-output-error", "toolCallId": call_id, "errorText": error})

    def tool_denied(self, call_id: str) -> None:
        """Stream that a tool call of this message was not allowed.

        Args:
            call_id: the call's id.

        Raises:
            EncodeError: if ``call_id`` is not a ``str``.
        """
        self.write({"type": "tool-output-denied", "toolCallId": call_id})

    def data(self, name: str, value: Json, *, id: str | None = None, transient: bool = False) -> None:
        """Stream data of your own, the part ``data-<name>`` of clients.

        Args:
            name: the kind of data.
            value: a JSON object, array, string or ``None``.
            id: later data of the same name and id replaces it.
            transient: whether only clients that watch now get it; it is no part of the message and is
                never in history.

        Raises:
            EncodeError: if a value has the wrong type, is not JSON, or is too large for one message.
        """
        self.write({"type": f"data-{name}", "data": value, "id": id, "transient": transient or None})

    def source(self, url: str, *, title: str | None = None, id: str | None = None) -> None:
        """Stream a web page that an answer rests on.

        Args:
            url: its address.
            title: what people read.
            id: a name for it; by default the address.

        Raises:
            EncodeError: if a value has the wrong type, or is too large for one message.
        """
        self.write({"type": "source-url", "sourceId": url if id is None else id, "url": url, "title": title})

    def source_document(
        self, title: str, *, media_type: str, filename: str | None = None, id: str | None = None
    ) -> None:
        """Stream a document that an answer rests on.

        Args:
            title: what people read.
            media_type: such as ``application/pdf``.
            filename: its file name.
            id: a name for it; by default the title.

        Raises:
            EncodeError: if a value has the wrong type, or is too large for one message.
        """
        source_id = title if id is None else id
        chunk = {"type": "source-document", "sourceId": source_id, "mediaType": media_type, "title": title}
        self.write(chunk | {"filename": filename})

    def file(self, url: str, *, media_type: str) -> None:
        """Stream a file, by its address.

        Args:
            url: where clients get it; a ``data:`` URL only for small ones.
            media_type: such as ``image/png``.

        Raises:
            EncodeError: if a value has the wrong type, or is too large for one message.
        """
        self.write({"type": "file", "url": url, "mediaType": media_type})

    def metadata(self, **values: Json) -> None:
        """Add to the metadata of the current message, beside ``agent``, ``workflowId``, ``activityType``, ``attempt``.

        Args:
            values: JSON values by name; the last one of a name counts.

        Raises:
            EncodeError: if a value is not JSON, or all are too large for one message.
        """
        self.write({"type": "message-metadata", "messageMetadata": values})

    def message(self) -> None:
        """Begin a new message: what follows is shown apart from what came before."""
        with self._lock:
            if self._goes_on():
                self._next_message()

    def write(self, chunk: object) -> str:
        """Stream a chunk: a ``str``, a ``UIMessage`` chunk, or one of a class that has an adapter.

        A ``UIMessage`` chunk is a mapping with ``type`` as the Vercel AI SDK has it (``text-delta``,
        ``tool-input-start``, ``data-...``). ``start`` begins a message. What would end it early for
        clients (``finish``, ``finish-step``, ``error``, ``abort``) is not sent; metadata of ``finish`` is.

        Args:
            chunk: the chunk.

        Returns:
            The text that the chunk added to the answer.

        Raises:
            EncodeError: if nothing is known of its type, its shape is wrong, a value is not JSON, or it
                is too large for one message.
        """
        if isinstance(chunk, str):
            self._grow("text", checked(chunk))
            return chunk
        if isinstance(chunk, Mapping):
            return self._write_chunk(cast("Mapping[str, Json]", chunk))
        return "".join([self.write(each) for each in self._adapted(chunk)])

    def _adapted(self, chunk: object) -> Iterable[object]:
        from temporal_ably.codec.adapters import adapter_factory

        factory = adapter_factory(chunk)
        if factory is None:
            raise EncodeError(
                f"unable to stream a chunk of type {type(chunk).__qualname__}; only str and UIMessage chunks "
                "(mappings) are understood; pass its text, as in `yield chunk.text`, or register an adapter with "
                "temporal_ably.codec.register_adapter"
            )
        with self._lock:
            adapter = self._adapters.get(factory)
            if adapter is None:
                adapter = self._adapters[factory] = factory()
        return adapter(chunk)

    @overload
    def forward(self, source: AsyncIterable[T]) -> AsyncGenerator[T, None]: ...
    @overload
    def forward(self, source: Iterable[T]) -> Generator[T, None, None]: ...
    def forward(self, source: AsyncIterable[T] | Iterable[T]) -> AsyncGenerator[T, None] | Generator[T, None, None]:
        """Stream what a source gives, and give it on: ``async for chunk in current_stream().forward(source)``.

        Args:
            source: an async or a plain iterable of chunks that ``write`` takes.

        Returns:
            An iterator of the same chunks, async if the source is.

        Raises:
            EncodeError: from the iterator, as ``write`` does.
        """
        return self._forward_async(source) if isinstance(source, AsyncIterable) else self._forward(source)

    async def _forward_async(self, source: AsyncIterable[T]) -> AsyncGenerator[T, None]:
        async for chunk in source:
            self.write(chunk)
            yield chunk

    def _forward(self, source: Iterable[T]) -> Generator[T, None, None]:
        for chunk in source:
            self.write(chunk)
            yield chunk

    # UIMessage chunks.

    def _write_chunk(self, chunk: Mapping[str, Json]) -> str:
        from temporal_ably.codec.table import Close, Extend, Open
        from temporal_ably.codec.vercel import CODEC

        action = CODEC.encode(chunk)
        with self._lock:
            if not self._goes_on():
                pass
            elif isinstance(action, Extend):
                self._extend(action.kind, action.id, action.text)
            elif isinstance(action, Open):
                self._begin(action.part)
            elif isinstance(action, Close):
                self._close(action)
            else:
                self._emit(action)
        return action.text if isinstance(action, Extend) and action.kind == "text" else ""

    def _begin(self, part: Streamed) -> None:
        place = (part.kind, part.id)
        if place in self._open:
            raise EncodeError(
                f"unable to begin the {part.kind} part {part.id!r}; it is open already; end it first, or use another id"
            )
        check_fields(part.kind, part.fields)
        self._end_growing()
        self._open[place] = self._new_part(part)

    def _extend(self, kind: str, part_id: str, text: str) -> None:
        key = self._open.get((kind, part_id))
        if key is None:
            raise EncodeError(
                f"unable to extend the {kind} part {part_id!r}; it is not open; begin it with a {kind}-start chunk"
            )
        if kind == "tool-input":
            self._count_input(key, part_id, text)
        if text:
            self._sink.extend(key, text)

    def _count_input(self, key: int, call_id: str, text: str) -> None:
        size = self._input_bytes.get(key, 0) + len(text.encode())
        if size > _INPUT_BYTES:
            raise EncodeError(
                f"unable to stream the input of tool call {call_id!r}; {size} bytes are more than one message of Ably "
                f"holds ({_INPUT_BYTES} for a streamed input); pass what is large by reference"
            )
        self._input_bytes[key] = size

    def _close(self, action: Close) -> None:
        key = self._open.get((action.kind, action.id))
        if key is not None:
            check_fields(action.kind, action.fields)
            del self._open[action.kind, action.id]
            self._input_bytes.pop(key, None)
            # The publisher numbers the parts of a message anew; a tool call keeps its id.
            fields = {name: value for name, value in action.fields.items() if name != "id"}
            self._sink.close(key, fields, "complete")
        elif action.whole is not None:
            self._add(action.whole)
        else:
            raise EncodeError(
                f"unable to end the {action.kind} part {action.id!r}; it is not open; begin it with a "
                f"{action.kind}-start chunk"
            )

    def _emit(self, part: Whole) -> None:
        if part.kind in ("start", "finish", "message-metadata"):
            self._add_metadata(part)
        elif part.kind in _HELD_BACK:
            if part.kind != "finish-step":
                self._close_open("cancelled")
                logger.debug("a chunk of type %s is not published; the end of the run tells how it went", part.kind)
        elif part.kind == "start-step" and not self._message_used:
            pass  # Each message begins with one.
        else:
            if part.kind == "tool-input-error":
                check_size(part)
                self._close_call(part.fields["toolCallId"])
            self._add(part)

    def _add_metadata(self, part: Whole) -> None:
        from temporal_ably.codec.message import message_metadata
        from temporal_ably.codec.vercel import CODEC

        # As it was encoded: what the user changes later changes nothing.
        metadata = CODEC.describe(part.kind, part.fields).get("messageMetadata")
        begins = part.kind == "start" and self._message_used
        # It goes out whole each time.
        merged = {**({} if begins else self._metadata), **(metadata if isinstance(metadata, dict) else {})}
        check_size(message_metadata(merged))
        if part.kind == "start":
            self._next_message()
        self._metadata = merged
        if isinstance(metadata, dict):
            self._sink.set_metadata(self._message, metadata)

    def _close_call(self, call_id: str) -> None:
        key = self._open.pop(("tool-input", call_id), None)
        if key is not None:
            self._sink.close(key, {}, "complete")

    def _add(self, part: Whole) -> None:
        check_size(part)
        if not part.ephemeral:
            self._end_growing()
        self._message_used = True
        self._sink.emit(self._message, part)

    # Parts that grow.

    def _grow(self, kind: str, text: str) -> None:
        with self._lock:
            if not (self._goes_on() and text):
                return
            if self._growing is None or self._growing[0] != kind:
                self._end_growing()
                self._growing = kind, self._new_part(_streamed(kind))
            self._sink.extend(self._growing[1], text)

    def _end_growing(self) -> None:
        if self._growing is not None:
            self._sink.close(self._growing[1], {}, "complete")
            self._growing = None

    def _begin_part(self, kind: str) -> StreamPart:
        with self._lock:
            if not self._goes_on():
                return StreamPart(self, kind, 0)
            self._end_growing()
            return StreamPart(self, kind, self._new_part(_streamed(kind)))

    def _new_part(self, part: Streamed) -> int:
        self._keys += 1
        self._message_used = True
        self._sink.begin(self._keys, self._message, part)
        return self._keys

    def extend_part(self, key: int, text: str) -> None:
        """Extend a part of its own."""
        with self._lock:
            if self._goes_on() and text:
                self._sink.extend(key, text)

    def close_part(self, key: int) -> None:
        """End a part of its own."""
        with self._lock:
            # The end of the activity has ended it.
            if not self._ended:
                self._sink.close(key, {}, "complete")

    def _close_open(self, status: Status) -> None:
        self._end_growing()
        for key in self._open.values():
            self._sink.close(key, {}, status)
        self._open.clear()

    # Its life.

    def _next_message(self) -> None:
        self._close_open("complete")
        if self._message_used:
            self._message += 1
            self._message_used = False
            self._metadata = {}

    def _goes_on(self) -> bool:
        if self._ended and not self._said_late:
            self._said_late = True
            logger.warning("unable to stream; the activity is over; what a task or thread of it writes is dropped")
        return not self._ended

    def open_early(self) -> None:
        """Publish the opening now if that is safe: the activity is known to stream."""
        self._sink.open_early()

    def end(self) -> None:
        """Accept nothing more; the activity is over."""
        with self._lock:
            self._ended = True

    def touch(self) -> None:
        """Note that the activity asked for its stream."""
        self._sink.touched()


def _streamed(kind: str) -> Streamed:
    from temporal_ably._wire.parts import Streamed

    # The publisher numbers the parts of a message.
    return Streamed(kind, "", {"id": ""})
