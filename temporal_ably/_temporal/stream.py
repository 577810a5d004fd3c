"""The user's side of a stream: what an activity streams, in parts of messages.

The rule of the file: light, because a workflow's sandbox loads it afresh for each workflow. Each method
is one chunk, or says what it does of several.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterable, Mapping
from typing import TYPE_CHECKING, TypeVar, cast, overload

from temporal_ably._temporal.sink import Nowhere, checked
from temporal_ably._temporal.stream_parts import StreamPart, ToolCallPart
from temporal_ably._temporal.writer import Writer
from temporal_ably.errors import EncodeError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterable

    from temporal_ably._session.conversation import Conversation
    from temporal_ably._temporal.sink import Sink
    from temporal_ably._wire.parts import Json, JsonLike
    from temporal_ably.codec.adapters import Adapter

T = TypeVar("T")


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
        self._writer = Writer(sink)
        self._pid = os.getpid()
        self._calls = itertools.count(1)
        self._adapters: dict[object, Adapter[object]] = {}

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
        self._writer.grow("text", checked(chunk))

    def reasoning(self, chunk: str) -> None:
        """Stream what the model thinks. Consecutive calls extend one part.

        Args:
            chunk: the new text.

        Raises:
            EncodeError: if ``chunk`` is not a ``str``.
        """
        self._writer.grow("reasoning", checked(chunk))

    def text_part(self) -> StreamPart:
        """Begin a text part of its own, which may grow beside others.

        Use it as a context manager: ``with stream.text_part() as part: part.text("...")``.
        """
        return StreamPart(self._writer, "text")

    def reasoning_part(self) -> StreamPart:
        """Begin a reasoning part of its own, which may grow beside others; a context manager."""
        return StreamPart(self._writer, "reasoning")

    def tool_call(
        self,
        name: str,
        input: JsonLike,
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
        return ToolCallPart(self._writer, call_id, call)

    def _call_fields(
        self, name: str, call_id: str | None, title: str | None, *, dynamic: bool | None, provider_executed: bool | None
    ) -> dict[str, Json]:
        if call_id is None:
            call_id = self._sink.name_call(next(self._calls))
        return {
            "toolCallId": call_id,
            "toolName": name,
            "title": title,
            "dynamic": dynamic,
            "providerExecuted": provider_executed,
        }

    def tool_result(self, call_id: str, output: JsonLike, *, preliminary: bool | None = None) -> None:
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

    def tool_approval_request(self, call_id: str, *, approval_id: str | None = None) -> None:
        """Ask people whether a tool call of this message may be run; see ``temporal_ably.wait_for_approval``.

        Args:
            call_id: the call's id.
            approval_id: a name for the question; by default one is made of the call's id.

        Raises:
            EncodeError: if a value has the wrong type.
        """
        named = f"{call_id}/approval" if approval_id is None else approval_id
        self.write({"type": "tool-approval-request", "toolCallId": call_id, "approvalId": named})

    def data(self, name: str, value: JsonLike, *, id: str | None = None, transient: bool = False) -> None:
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

    def metadata(self, **values: JsonLike) -> None:
        """Add to the metadata of the current message, beside ``agent``, ``workflowId``, ``activityType``, ``attempt``.

        Args:
            values: JSON values by name; the last one of a name counts.

        Raises:
            EncodeError: if a value is not JSON, or all are too large for one message.
        """
        self.write({"type": "message-metadata", "messageMetadata": values})

    def message(self) -> None:
        """Begin a new message: what follows is shown apart from what came before."""
        self._writer.next_message()

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
            self._writer.grow("text", checked(chunk))
            return chunk
        if isinstance(chunk, Mapping):
            return self._writer.write(cast("Mapping[str, Json]", chunk))
        return "".join([self.write(each) for each in self._adapted(chunk)])

    def _adapted(self, chunk: object) -> Iterable[object]:
        if self._writer.mute:
            return ()
        from temporal_ably.codec.adapters import adapter_factory

        factory = adapter_factory(chunk)
        if factory is None:
            raise EncodeError(
                f"unable to stream a chunk of type {type(chunk).__qualname__}; only str and UIMessage chunks "
                "(mappings) are understood; pass its text, as in `yield chunk.text`, or register an adapter with "
                "temporal_ably.codec.register_adapter"
            )
        adapter = self._adapters.get(factory)
        if adapter is None:
            adapter = self._adapters.setdefault(factory, factory())
        return adapter(chunk)

    @overload
    def forward(self, source: AsyncIterable[T]) -> AsyncGenerator[T, None]: ...
    @overload
    def forward(self, source: Iterable[T]) -> Generator[T, None, None]: ...
    def forward(self, source: AsyncIterable[T] | Iterable[T]) -> AsyncGenerator[T, None] | Generator[T, None, None]:
        """Stream what a source gives, and give it on: ``async for chunk in current_stream().forward(source)``.

        Args:
            source: an async or a plain iterable of chunks that ``write`` takes. It stays the caller's: who stops
                early may go on with it, or close it.

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

    # What the agent reads.

    async def conversation(self, *, messages: int | None = 200, characters: int | None = 200_000) -> Conversation:
        """Read what was said in the session so far: what the agent has to know before it answers.

        It is the branch of the conversation that leads to the input that the workflow answers, that input itself, and
        what the run has said since, in earlier steps; not what earlier attempts of this activity wrote. Give it to a
        model with ``to_openai``, ``to_openai_responses`` or ``to_anthropic``. What users have said to the run meanwhile
        is there as well, and counts as heeded, as with ``steers``. What looks like an agent's output and was not
        published under the worker's own ``ABLY_CLIENT_ID`` is left out.

        The history is read once a turn, by each worker; later steps and attempts read only what has come since, and
        the same attempt nothing.

        Args:
            messages: how many at the most, the newest; ``None`` for any number.
            characters: of their JSON, how many at the most; ``None`` for any number. What the user said last is there
                in any case, and a user's message comes first.

        Returns:
            The conversation; it is empty outside an activity, and where nothing is published.

        Raises:
            HistoryError: if it cannot be read: nothing can be answered then, so let it fail the attempt.
        """
        said, unheeded = await self._sink.conversation()
        found = said.last(messages=messages, characters=characters)
        self._writer.heed([message.id for message in found if message.id in unheeded])
        return found

    async def steers(self) -> Conversation:
        """Give what users have said to this answer since it was last asked, while it goes on.

        To be asked between two calls of a model: whoever says something then has it heeded before the answer ends.
        Each is given to one activity of the run only. What is streamed from then on stands below it, as a message of
        its own, and tells the clients that it was heeded; so ask only for what will be heeded. It does not wait for
        anything to be said.

        Returns:
            The users' messages, oldest first, mostly none; always none outside an activity.
        """
        found = await self._sink.steers()
        self._writer.heed([message.id for message in found])
        return found

    # Its life.

    def open_early(self) -> None:
        """Publish the opening now if that is safe: the activity is known to stream, and not over."""
        if not self._writer.over:
            self._sink.open_early()

    @property
    def goes_nowhere(self) -> bool:
        """Whether nobody gets what is streamed."""
        return isinstance(self._sink, Nowhere)

    def end(self, *, quietly: bool = False) -> None:
        """Accept nothing more; the activity is over. A late chunk is told of in the log unless ``quietly``."""
        self._writer.end(quietly=quietly)

    def stop(self, error: Callable[[], Exception]) -> None:
        """Have whoever writes from now on get an error: a client stopped the run."""
        self._writer.stop(error)

    def touch(self) -> None:
        """Note that the activity asked for its stream."""
        self._sink.touched()
