"""What is open in a stream, and what each chunk does to it.

The rule of the file: light, because a workflow's sandbox loads it afresh for each workflow. The codec
is imported where it is used, in activities only. What is wrong with a chunk is told at the user's own
line, and nothing of it is sent.
"""

from __future__ import annotations

import json
import logging
import threading
from typing import TYPE_CHECKING

from temporal_ably._temporal.sink import check_fields, check_input, check_size
from temporal_ably.errors import EncodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from temporal_ably._temporal.sink import Sink
    from temporal_ably._wire.parts import Json, Status, Streamed, Whole
    from temporal_ably.codec.table import Close

logger = logging.getLogger("temporal_ably")

# What a client's stream would take for the end of everything; the run's end says it, once.
_HELD_BACK = ("finish-step", "error", "abort")


class Writer:
    """Turns chunks into parts of messages. Safe to use from any thread.

    Args:
        sink: where the parts go.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        # The user's `on_part` runs inside, and may stream something itself.
        self._lock = threading.RLock()
        self._keys = 0
        self._message = 0
        self._message_used = False
        self._metadata: dict[str, Json] = {}
        self._growing: tuple[str, int] | None = None
        self._open: dict[tuple[str, str], int] = {}
        self._own: set[int] = set()
        self._input_bytes: dict[int, int] = {}
        self._ended = False
        self._said_late = False
        self._stopped: Callable[[], Exception] | None = None
        self.mute: bool = False

    # Parts that grow by themselves.

    def grow(self, kind: str, text: str) -> None:
        """Extend the part of this kind that grew last, or begin one."""
        with self._lock:
            if not (self._goes_on() and text):
                return
            if self._growing is None or self._growing[0] != kind:
                self._end_growing()
                self._growing = kind, self._new_part(_streamed(kind))
            self._sink.extend(self._growing[1], text)

    def begin(self, kind: str) -> int:
        """Begin a part beside others and give its key, 0 where nothing goes anywhere any more."""
        with self._lock:
            if not self._goes_on():
                return 0
            self._end_growing()
            return self._new_part(_streamed(kind))

    def extend(self, key: int, text: str) -> None:
        """Extend a part that was begun."""
        with self._lock:
            if self._goes_on() and text:
                self._sink.extend(key, text)

    def close(self, key: int) -> None:
        """End a part that was begun."""
        with self._lock:
            # The end of the activity has ended it.
            if not self._ended:
                self._sink.close(key, {}, "complete")

    def begin_call(self, call: Mapping[str, Json]) -> int:
        """Begin a tool call beside others and give its key, 0 where nothing goes anywhere any more.

        Args:
            call: the fields of its ``tool-input-start`` chunk.

        Raises:
            EncodeError: if a field has the wrong type, or a call of this id is open.
        """
        if self.mute:
            return 0
        from temporal_ably.codec.table import Open
        from temporal_ably.codec.vercel import CODEC

        action = CODEC.encode({"type": "tool-input-start", **call})
        with self._lock:
            if not (self._goes_on() and isinstance(action, Open)):
                return 0
            key = self._open_part(action.part)
            # It ends when its own end is asked for, whatever other chunks say.
            self._own.add(key)
            return key

    def extend_call(self, key: int, call_id: str, text: str) -> bool:
        """Extend the input of a call that was begun, and tell whether it was still open.

        Raises:
            EncodeError: if the input grows too large for one message.
        """
        with self._lock:
            if not self._goes_on():
                return True
            if self._open.get(("tool-input", call_id)) != key:
                return False
            self._extend_open("tool-input", call_id, text)
            return True

    def close_call(self, key: int, call_id: str) -> None:
        """End a call that was begun."""
        with self._lock:
            if not self._ended and self._open.get(("tool-input", call_id)) == key:
                self._close_call(call_id)

    # UIMessage chunks.

    def write(self, chunk: Mapping[str, Json]) -> str:
        """Do what a ``UIMessage`` chunk says, and give the text that it adds to the answer.

        Raises:
            EncodeError: if it cannot be streamed, or does not fit what is open.
        """
        if self.mute:
            # In a workflow's sandbox, nothing more may be imported.
            return ""
        from temporal_ably.codec.table import Close, Extend, Open
        from temporal_ably.codec.vercel import CODEC

        action = CODEC.encode(chunk)
        with self._lock:
            if not self._goes_on():
                pass
            elif isinstance(action, Extend):
                self._extend_open(action.kind, action.id, action.text)
            elif isinstance(action, Open):
                self._open_part(action.part)
            elif isinstance(action, Close):
                self._close_open_part(action)
            else:
                self._emit(action)
        return action.text if isinstance(action, Extend) and action.kind == "text" else ""

    def _open_part(self, part: Streamed) -> int:
        place = (part.kind, part.id)
        if place in self._open:
            raise EncodeError(
                f"unable to begin the {part.kind} part {part.id!r}; it is open already; end it first, or use another id"
            )
        check_fields(part.kind, part.fields)
        self._end_growing()
        key = self._open[place] = self._new_part(part)
        return key

    def _extend_open(self, kind: str, part_id: str, text: str) -> None:
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
        check_input(call_id, size)
        self._input_bytes[key] = size

    def _close_open_part(self, action: Close) -> None:
        key = self._open.get((action.kind, action.id))
        if key is not None:
            check_fields(action.kind, action.fields)
            if action.whole is not None:
                self._fill_input(key, action.id, action.whole)
            self._forget_open(action.kind, action.id)
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

    def _fill_input(self, key: int, call_id: str, whole: Whole) -> None:
        # Some models begin a call and give its input at once.
        if whole.data not in ("", None) and not self._input_bytes.get(key):
            text = json.dumps(whole.data, ensure_ascii=False, separators=(",", ":"))
            self._count_input(key, call_id, text)
            self._sink.extend(key, text)

    def _emit(self, part: Whole) -> None:
        if part.kind in ("start", "finish", "message-metadata"):
            self._add_metadata(part)
        elif part.kind in _HELD_BACK:
            if part.kind != "finish-step":
                self._end_open("cancelled")
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
        key = self._forget_open("tool-input", call_id)
        if key is not None:
            self._sink.close(key, {}, "complete")

    def _forget_open(self, kind: str, part_id: str) -> int | None:
        key = self._open.pop((kind, part_id), None)
        if key is not None:
            self._own.discard(key)
            self._input_bytes.pop(key, None)
        return key

    def _add(self, part: Whole) -> None:
        check_size(part)
        if not part.ephemeral:
            self._end_growing()
            self._message_used = True
        self._sink.emit(self._message, part)

    # Its life.

    @property
    def over(self) -> bool:
        """Whether nothing is accepted any more."""
        return self._ended

    def next_message(self) -> None:
        """Begin a new message."""
        with self._lock:
            if self._goes_on():
                self._next_message()

    def heed(self, steers: Sequence[str]) -> None:
        """Have what follows heed what users said: a message of its own, which stands below their words."""
        with self._lock:
            if steers and self._goes_on():
                self._next_message()
                self._sink.heed(self._message, steers)

    def end(self, *, quietly: bool = False) -> None:
        """Accept nothing more; say so at the next chunk unless told to be quiet."""
        with self._lock:
            self._ended = True
            self.mute = quietly
            self._said_late = quietly

    def stop(self, error: Callable[[], Exception]) -> None:
        """Have whoever writes from now on, until the end, get an error. It waits for nobody."""
        self._stopped = error

    def _goes_on(self) -> bool:
        if self._stopped is not None and not self._ended:
            raise self._stopped()
        if self._ended and not self._said_late:
            self._said_late = True
            logger.warning("unable to stream; the activity is over; what a task or thread of it writes is dropped")
        return not self._ended

    def _next_message(self) -> None:
        self._end_open("complete")
        if self._message_used:
            self._message += 1
            self._message_used = False
            self._metadata = {}

    def _new_part(self, part: Streamed) -> int:
        self._keys += 1
        key = self._keys
        self._message_used = True
        self._sink.begin(key, self._message, part)
        return key

    def _end_growing(self) -> None:
        if self._growing is not None:
            self._sink.close(self._growing[1], {}, "complete")
            self._growing = None

    def _end_open(self, status: Status) -> None:
        self._end_growing()
        for (kind, part_id), key in list(self._open.items()):
            if key not in self._own:
                self._forget_open(kind, part_id)
                self._sink.close(key, {}, status)


def _streamed(kind: str) -> Streamed:
    from temporal_ably._wire.parts import Streamed

    # The publisher numbers the parts of a message.
    return Streamed(kind, "", {"id": ""})
