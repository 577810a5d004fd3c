"""Where a stream goes: the seam between the user's side and the publisher, and what is checked there.

The rule of the file: light, because a workflow's sandbox loads it afresh for each workflow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from temporal_ably.errors import EncodeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from temporal_ably._session.conversation import Conversation
    from temporal_ably._wire.parts import Json, Status, Streamed, Whole

# Ably's smallest message limit is 64 KiB: the rest is for headers.
_WHOLE_BYTES = 56 * 1024
_INPUT_BYTES = 40 * 1024
# A streamed part may have 40 KiB of text beside them.
_FIELDS_BYTES = 20 * 1024


class Sink(Protocol):
    """Where a stream's parts go. All calls return at once, from any thread."""

    def open_early(self) -> None:
        """Publish the opening now if that is safe, to hide its round trip."""
        ...

    def begin(self, key: int, message: int, part: Streamed) -> None:
        """Begin a streamed part of a message, known as ``key`` from now on."""
        ...

    def extend(self, key: int, text: str) -> None:
        """Extend a part."""
        ...

    def close(self, key: int, fields: Mapping[str, str], status: Status) -> None:
        """End a part."""
        ...

    def emit(self, message: int, part: Whole) -> None:
        """Add a whole part to a message."""
        ...

    def set_metadata(self, message: int, values: Mapping[str, Json]) -> None:
        """Add to the metadata of a message."""
        ...

    def name_call(self, number: int) -> str:
        """Give an id for the ``number``-th tool call that the user did not name, unique in the run."""
        ...

    def touched(self) -> None:
        """Note that the activity asked for its stream."""
        ...

    def heed(self, message: int, steers: Sequence[str]) -> None:
        """Say that a message, of which nothing is there yet, heeds what users said meanwhile."""
        ...

    async def steers(self) -> Conversation:
        """Give what users have said to the run meanwhile and nothing heeds yet."""
        ...

    async def conversation(self) -> tuple[Conversation, frozenset[str]]:
        """Give what was said in the session so far, and which messages of users the run has still to heed.

        Raises:
            HistoryError: if it cannot be read.
        """
        ...


class Nowhere:
    """The sink outside an activity."""

    def open_early(self) -> None:
        """Do nothing."""

    def begin(self, key: int, message: int, part: Streamed) -> None:
        del key, message, part

    def extend(self, key: int, text: str) -> None:
        del key, text

    def close(self, key: int, fields: Mapping[str, str], status: Status) -> None:
        del key, fields, status

    def emit(self, message: int, part: Whole) -> None:
        del message, part

    def set_metadata(self, message: int, values: Mapping[str, Json]) -> None:
        del message, values

    def name_call(self, number: int) -> str:
        return f"call-{number}"

    def touched(self) -> None:
        """Do nothing."""

    def heed(self, message: int, steers: Sequence[str]) -> None:
        del message, steers

    async def steers(self) -> Conversation:
        """Nothing was said."""
        return (await self.conversation())[0]

    async def conversation(self) -> tuple[Conversation, frozenset[str]]:
        """Nothing was said."""
        from temporal_ably._session.conversation import Conversation

        return Conversation(), frozenset()


def checked(chunk: object) -> str:
    """Give a chunk of text.

    Raises:
        EncodeError: if it is none.
    """
    if isinstance(chunk, str):
        try:
            chunk.encode()
        except UnicodeEncodeError as err:
            raise EncodeError(f"unable to stream a chunk; {err}; pass text that UTF-8 can hold") from None
        return chunk
    raise EncodeError(
        f"unable to stream a chunk of type {type(chunk).__qualname__} as text; only str chunks are text; pass its "
        "text, as in `chunk.text`, or write(chunk)"
    )


def check_size(part: Whole) -> None:
    """Check that a whole part fits a message.

    Raises:
        EncodeError: if it does not.
    """
    from temporal_ably._wire.parts import fields_bytes, size_bytes

    size = size_bytes(part)
    if size > _WHOLE_BYTES:
        fields = fields_bytes(part.fields)
        if fields > size // 2:
            raise EncodeError(
                f"unable to stream a {part.kind} part with fields of {fields} bytes, which stand on the channel twice; "
                f"one message of Ably holds {_WHOLE_BYTES}; stream less of {', '.join(part.fields)}"
            )
        raise EncodeError(
            f"unable to stream a {part.kind} part of {size} bytes; one message of Ably holds {_WHOLE_BYTES}; stream "
            "less, or store it elsewhere and stream its URL"
        )


def check_fields(kind: str, fields: Mapping[str, str]) -> None:
    """Check that the fields of a streamed part fit beside its text.

    Raises:
        EncodeError: if they do not.
    """
    from temporal_ably._wire.parts import fields_bytes

    size = fields_bytes(fields)
    if size > _FIELDS_BYTES:
        raise EncodeError(
            f"unable to stream a {kind} part with fields of {size} bytes; beside its text one message of Ably holds "
            f"{_FIELDS_BYTES}; stream less of {', '.join(fields)}"
        )


def check_input(call_id: str, size: int) -> None:
    """Check that the streamed input of a tool call fits a message; text goes on in another part, JSON cannot.

    Raises:
        EncodeError: if it does not.
    """
    if size > _INPUT_BYTES:
        raise EncodeError(
            f"unable to stream the input of tool call {call_id!r}; {size} bytes are more than one message of Ably "
            f"holds ({_INPUT_BYTES} for a streamed input); pass what is large by reference"
        )
