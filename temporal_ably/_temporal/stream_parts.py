"""Parts that grow beside others: what ``text_part``, ``reasoning_part`` and ``tool_call_part`` give.

The rule of the file: light, because a workflow's sandbox loads it afresh for each workflow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporal_ably._temporal.sink import checked
from temporal_ably.errors import StreamClosedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from temporal_ably._temporal.writer import Writer
    from temporal_ably._wire.parts import Json


class StreamPart:
    """A text or reasoning part that may grow beside others; a context manager. Safe to use from any thread.

    Args:
        writer: what it is written by.
        kind: ``text`` or ``reasoning``.
    """

    def __init__(self, writer: Writer, kind: str) -> None:
        self._writer = writer
        self._kind = kind
        self._key = writer.begin(kind)
        self._closed = False

    def text(self, chunk: str) -> None:
        """Extend the part.

        Args:
            chunk: the new text.

        Raises:
            EncodeError: if ``chunk`` is not a ``str``.
            StreamClosedError: if the part was closed.
        """
        text = checked(chunk)
        if self._closed:
            raise StreamClosedError(
                f"unable to extend a {self._kind} part; it is closed; begin a new one with {self._kind}_part()"
            )
        self._writer.extend(self._key, text)

    def close(self) -> None:
        """End the part. Closing twice is harmless."""
        if not self._closed:
            self._closed = True
            self._writer.close(self._key)

    def __enter__(self) -> StreamPart:
        """Give the part."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the part."""
        self.close()


class ToolCallPart:
    """A tool call whose input comes in pieces; a context manager. Safe to use from any thread.

    Args:
        writer: what it is written by.
        call_id: the call's id.
        call: the fields of its ``tool-input-start`` chunk.

    Raises:
        EncodeError: if a field has the wrong type, or a call of this id is open.
    """

    def __init__(self, writer: Writer, call_id: str, call: Mapping[str, Json]) -> None:
        self.call_id = call_id
        self._writer = writer
        self._key = writer.begin_call(call)
        self._closed = False

    def text(self, chunk: str) -> None:
        """Extend the input.

        Args:
            chunk: the next piece of its JSON text.

        Raises:
            EncodeError: if ``chunk`` is not a ``str``, or the input grows too large for one message.
            StreamClosedError: if the part was closed.
        """
        text = checked(chunk)
        if self._closed or not self._writer.extend_call(self._key, self.call_id, text):
            raise StreamClosedError(
                f"unable to extend the input of tool call {self.call_id!r}; it is closed; begin a new call"
            )

    def close(self) -> None:
        """Tell that the input is whole. Closing twice is harmless."""
        if not self._closed:
            self._closed = True
            self._writer.close_call(self._key, self.call_id)

    def __enter__(self) -> ToolCallPart:
        """Give the part."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tell that the input is whole."""
        self.close()
