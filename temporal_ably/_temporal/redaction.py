"""``on_part``: the user's say over what leaves the worker.

What goes to Ably does not pass Temporal's payload codec, so here is the place to rewrite or drop it.
Whatever goes wrong in it, the part stays in the worker.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from temporal_ably._temporal.sink import check_fields, check_input, check_size
from temporal_ably._wire.parts import Whole
from temporal_ably.codec.fields import read_json
from temporal_ably.codec.table import Action, Chunk, Close, Extend, Open
from temporal_ably.codec.vercel import CODEC

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from temporal_ably._session.conversation import Conversation
    from temporal_ably._temporal.sink import Sink
    from temporal_ably._wire.parts import Json, Status, Streamed

    # JSON values, into which users look without a check at each level.
    OnPart: TypeAlias = Callable[[Mapping[str, Any]], Mapping[str, Any] | None]

logger = logging.getLogger("temporal_ably")

T = TypeVar("T")

_IDS = ("id", "toolCallId")


@dataclass
class _Call:
    """A tool call whose input is still being streamed. ``part`` is what its start was made into."""

    message: int
    part: Streamed
    text: str = ""


class RedactingSink:
    """Asks the user's function about each chunk before it goes on. The stream's lock guards it.

    Args:
        sink: where the rest goes.
        on_part: gives a chunk of the same type, or ``None`` to drop it.
        activity_type: for the log.
    """

    def __init__(self, sink: Sink, on_part: OnPart, activity_type: str) -> None:
        self._sink = sink
        self._on_part = on_part
        self._activity_type = activity_type
        # By key: what the user began, and what was begun in its place.
        self._parts: dict[int, tuple[Streamed, Streamed]] = {}
        self._calls: dict[int, _Call] = {}
        self._said = False

    def open_early(self) -> None:
        """Pass it on."""
        self._sink.open_early()

    def begin(self, key: int, message: int, part: Streamed) -> None:
        """Begin the part unless its start is dropped; then all of it is."""
        asked = self._ask(Open(part))
        if not isinstance(asked, Open):
            return
        if part.kind == "tool-input":
            # A piece of JSON says nothing to anybody: the input is asked about, and published, as a whole.
            self._calls[key] = _Call(message, asked.part)
            return
        self._parts[key] = part, asked.part
        self._sink.begin(key, message, asked.part)

    def extend(self, key: int, text: str) -> None:
        """Extend the part by what is left of the text."""
        if key in self._calls:
            self._calls[key].text += text
            return
        parts = self._parts.get(key)
        if parts is not None:
            part = parts[1]
            asked = self._ask(Extend(part.kind, part.id, text))
            if isinstance(asked, Extend) and asked.text:
                self._sink.extend(key, asked.text)

    def close(self, key: int, fields: Mapping[str, str], status: Status) -> None:
        """End the part. What its end adds to the fields of its start is asked about, too."""
        call = self._calls.pop(key, None)
        if call is not None and status == "complete":
            self._emit_call(key, call, fields)
        parts = self._parts.pop(key, None)
        if parts is not None:
            begun, part = parts
            added = {name: value for name, value in fields.items() if begun.fields.get(name) != value}
            self._sink.close(key, self._added(part, added) if added else {}, status)

    def _emit_call(self, key: int, call: _Call, fields: Mapping[str, str]) -> None:
        part = replace(call.part, fields={**call.part.fields, **fields, "toolName": call.part.fields["toolName"]})
        chunk = {**CODEC.describe(part.kind, part.fields), **CODEC.decode(CODEC.close(part, call.text))[-1]}
        asked = self._guarded(chunk, lambda: _same_call(part, call.text, self._on_part(chunk)))
        if asked is not None:
            made, text = asked
            self._sink.begin(key, call.message, made)
            if text:
                self._sink.extend(key, text)
            self._sink.close(key, {}, "complete")

    def _added(self, part: Streamed, added: Mapping[str, str]) -> Mapping[str, str]:
        asked = self._ask(Close(part.kind, part.id, {**part.fields, **added}))
        if isinstance(asked, Close | Whole):
            return {name: value for name, value in asked.fields.items() if name not in _IDS}
        return {}

    def emit(self, message: int, part: Whole) -> None:
        """Add the part unless it is dropped."""
        asked = self._ask(part)
        if isinstance(asked, Whole):
            self._sink.emit(message, asked)

    def set_metadata(self, message: int, values: Mapping[str, Json]) -> None:
        """Add what is left of the metadata."""
        asked = self._ask(CODEC.encode({"type": "message-metadata", "messageMetadata": dict(values)}))
        if isinstance(asked, Whole):
            metadata = CODEC.describe(asked.kind, asked.fields).get("messageMetadata")
            if isinstance(metadata, dict):
                self._sink.set_metadata(message, metadata)

    def name_call(self, number: int) -> str:
        """Pass it on."""
        return self._sink.name_call(number)

    def touched(self) -> None:
        """Pass it on."""
        self._sink.touched()

    def heed(self, message: int, steers: Sequence[str]) -> None:
        """Pass it on."""
        self._sink.heed(message, steers)

    async def steers(self) -> Conversation:
        """Pass it on; it is not from here."""
        return await self._sink.steers()

    async def conversation(self) -> tuple[Conversation, frozenset[str]]:
        """Give it as it is on the channel, where everything was asked about before."""
        return await self._sink.conversation()

    def _ask(self, action: Action) -> Action | None:
        # A tool call that is whole is two chunks, of which the second has all.
        chunk = CODEC.decode(action)[-1]
        if isinstance(action, Whole):
            chunk = {**CODEC.describe(action.kind, action.fields), **chunk}
        return self._guarded(chunk, lambda: _same(action, chunk, self._on_part(chunk)))

    def _guarded(self, chunk: Chunk, ask: Callable[[], T | None]) -> T | None:
        try:
            return ask()
        except Exception as err:  # noqa: BLE001 - the user's function; what it was to hide must not go out
            if not self._said:
                self._said = True
                logger.error(
                    "unable to ask on_part about a %s chunk of activity %s; it raised %s; such chunks are not "
                    "published, the activity goes on",
                    chunk["type"],
                    self._activity_type,
                    type(err).__name__,
                )
            return None


def _same(action: Action, chunk: Chunk, asked: Mapping[str, Json] | None) -> Action | None:
    """Read what the function gave; ``None`` drops the part.

    Raises:
        ValueError: if it is of another type or part, which would break the stream.
        EncodeError: if it is no chunk that can be sent.
    """
    if asked is None:
        return None
    if asked.get("type") != chunk["type"]:
        raise ValueError("on_part changed the type of a chunk")
    encoded = CODEC.encode(asked)
    if isinstance(encoded, Close) and encoded.whole is not None:
        encoded = encoded.whole
    if isinstance(encoded, Open) and isinstance(action, Open) and encoded.part.id != action.part.id:
        raise ValueError("on_part changed the id of a part")
    if isinstance(encoded, Whole):
        check_size(encoded)
    elif isinstance(encoded, Open):
        check_fields(encoded.part.kind, encoded.part.fields)
    return encoded


def _same_call(part: Streamed, text: str, asked: Mapping[str, Json] | None) -> tuple[Streamed, str] | None:
    """Read what the function gave of a whole tool call: the part, and the JSON text of its input.

    Raises:
        ValueError: if it is of another type or call.
        EncodeError: if it cannot be sent.
    """
    if asked is None:
        return None
    if asked.get("type") != "tool-input-available" or asked.get("toolCallId") != part.id:
        raise ValueError("on_part changed the type or the id of a tool call")
    opened = CODEC.encode({**asked, "type": "tool-input-start"})
    if not isinstance(opened, Open):
        raise TypeError("a tool call does not begin")
    check_fields(opened.part.kind, opened.part.fields)
    # What was not changed goes out letter by letter; the chunk itself may have been changed in place.
    if "input" not in asked:
        text = ""
    elif asked["input"] != read_json(text, text):
        text = json.dumps(asked["input"], ensure_ascii=False, separators=(",", ":"))
    check_input(part.id, len(text.encode()))
    return opened.part, text
