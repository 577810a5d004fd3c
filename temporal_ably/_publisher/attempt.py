"""The frame of one step attempt: opening, messages, end. Pure.

Opening is run-start and step-start, sent together; everything else waits for the serial of the
step-start, which every output carries. A part is created after all earlier ones, and after those
that the user had closed are closed on the channel. A message's first part and what begins the
message are one atomic publish.

Fenced (its deadline passed, or a later attempt of the step is known here), an attempt sends no
text and opens nothing; it only closes its own open streams as cancelled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from temporal_ably._dialect import ait08
from temporal_ably._publisher.outbox import Rank, Ticket
from temporal_ably._publisher.stream import Move, Stream
from temporal_ably._wire import tags
from temporal_ably._wire.events import (
    Event,
    PartEmitted,
    PartText,
    Run,
    RunOpened,
    Step,
    StepClosed,
    StepOpened,
    StepReason,
)
from temporal_ably._wire.operations import Append, Message, Operation, Publish, Update
from temporal_ably.codec.text import message_start, text_part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from temporal_ably._wire.parts import Json, Status

# Ably's smallest message limit is 64 KiB and an update carries the whole part: the rest is for headers.
PART_BYTES = 40 * 1024
_SLICE_CHARS = 8 * 1024

_RUN_START = "run-start"
_STEP_START = "step-start"
_STEP_END = "step-end"


@dataclass(frozen=True)
class Plan:
    """What an attempt publishes as, and where.

    ``owner_id`` and ``owner_run_id`` name the workflow that the run belongs to. ``opens_run`` says
    whether the run's opening must go first. ``since_us`` is when the workflow run began that repeats
    the step, 0 where none does. A tombstone has no output: it makes that of an earlier attempt go.
    """

    channel: str
    run: Run
    step: str
    origin: tags.Origin
    owner_id: str
    owner_run_id: str
    opens_run: bool = True
    full_tags: bool = False
    since_us: int = 0
    tombstone: bool = False

    @property
    def wire_step(self) -> str:
        """The step's name in the dialect.

        Each try of a workflow has names of its own, so that a tombstone, whoever sends it and however
        late, never takes the place of what a later try writes.
        """
        return wire_step(self.step, self.since_us)

    @property
    def id(self) -> str:
        """A name for the attempt that no other attempt of any worker has."""
        return f"{self.run.id}/{self.wire_step}/{self.origin.started_us}"


def wire_step(step: str, since_us: int) -> str:
    """Name a step in the dialect; ``since_us`` as in ``Plan``."""
    return f"{step}@{since_us}" if since_us else step


class Attempt:
    """An outbox for one attempt of a step.

    Args:
        plan: its identity and place.
        allowed: tells whether the attempt may still write; asked right before each operation.
    """

    def __init__(self, plan: Plan, allowed: Callable[[], bool] = lambda: True) -> None:
        self.plan = plan
        self.serial = ""
        self.lost_chars = 0
        self._allowed = allowed
        self._held = False
        self._opening = False
        self._finish: StepReason | None = None
        self._ended = False
        self._fenced = False
        self._sending: set[str] = set()
        self._run_open = not plan.opens_run
        self._since = 0.0
        self._streams: list[Stream] = []
        self._by_key: dict[int, Stream] = {}
        self._parts: dict[int, int] = {}

    def hold(self) -> None:
        """Send nothing until ``release``: the run it belongs to is not known for sure."""
        self._held = True

    def release(self, run: Run) -> None:
        """Begin to send, as part of ``run``."""
        self._held = False
        if run.id != self.plan.run.id:
            self._run_open = not self.plan.opens_run
        self.plan = replace(self.plan, run=run)

    def run_is_open(self) -> None:
        """Skip the run's opening: this process has published it."""
        self._run_open = True

    # What the user's side asks for.

    def open(self, now: float) -> None:
        """Publish the opening; otherwise it goes with the first part."""
        if not self._opening:
            self._opening = True
            self._since = now

    def open_part(self, key: int, message: int, now: float) -> None:
        """Begin a text part of the ``message``-th message, known as ``key`` from now on."""
        if self._listens:
            self.open(now)
            self._by_key[key] = self._new_stream(message, now)

    def text(self, key: int, text: str, now: float) -> None:
        """Extend a part; where it grows too large, it is closed and continued in a new one."""
        if not self._listens:
            return
        for start in range(0, len(text), _SLICE_CHARS):
            piece = text[start : start + _SLICE_CHARS]
            stream = self._by_key[key]
            if stream.closed:
                self.lost_chars += len(piece)
                continue
            if stream.size_bytes + len(piece.encode()) > PART_BYTES:
                stream.close("complete", now)
                stream = self._by_key[key] = self._new_stream(stream.message, now)
            stream.push(piece, now)

    def lose(self, key: int, chars: int) -> None:
        """Count characters that found no room."""
        if self._listens:
            self._by_key[key].lose(chars)
            self.lost_chars += chars

    def close_part(self, key: int, now: float) -> None:
        """End a part as complete."""
        if self._listens:
            self._by_key.pop(key).close("complete", now)

    def finish(self, reason: StepReason, now: float) -> None:
        """End the attempt: open parts are closed, then the step."""
        if self._finish is None:
            self._finish = reason
            self._close_all("complete" if reason == "complete" else "cancelled", now)
        self._since = now

    def fence(self, now: float, *, superseded: bool = False) -> None:
        """Let nothing more out but the close of open streams.

        Args:
            now: seconds of the engine's clock.
            superseded: whether a later attempt of the step is known.
        """
        if self._finish == "complete" and not (superseded or self.plan.tombstone):
            # The activity succeeded in time; what is still held is canonical.
            return
        self._fenced = True
        for stream in self._streams:
            stream.drop_held()
        self._streams = [stream for stream in self._streams if stream.created or not stream.idle]
        self._close_all("cancelled", now)

    @property
    def muted(self) -> bool:
        """Whether whatever the user still writes goes nowhere."""
        return self._fenced or self._ended

    @property
    def _listens(self) -> bool:
        # A thread or task that the activity left behind may write on after its end.
        return not self.muted and self._finish is None

    @property
    def finished(self) -> bool:
        """Whether the activity's side is over."""
        return self._finish is not None

    @property
    def held_bytes(self) -> int:
        """Bytes of text that are not acknowledged."""
        return sum(stream.held_bytes for stream in self._streams)

    # What the schedule asks for.

    @property
    def channel(self) -> str:
        """The channel."""
        return self.plan.channel

    @property
    def run_id(self) -> str:
        """The run that it writes to."""
        return self.plan.run.id

    @property
    def opened(self) -> bool:
        """Whether the opening is on the channel."""
        return bool(self.serial) and self._run_open

    @property
    def done(self) -> bool:
        """Whether nothing is left, now or later."""
        if self._fenced:
            return not self._streams and not self._sending
        return self._ended or (self._finish is not None and not self._opening)

    @property
    def open_streams(self) -> int:
        """How many streams are open."""
        return sum(1 for stream in self._streams if stream.status == "streaming")

    def ready(self) -> Iterator[Ticket]:
        """Yield what could be sent now, in order."""
        if not self._fenced and not self._allowed():
            self.fence(self._since)
        if self._ended:
            return
        if not self.opened:
            yield from self._ready_opening()
        elif self._streams:
            yield from self._ready_streams()
        elif self._finish is not None and not self._fenced:
            yield from self._frame(_STEP_END)

    def _ready_opening(self) -> Iterator[Ticket]:
        if not self._opening or self._fenced or self._held:
            return
        if not self._run_open:
            yield from self._frame(_RUN_START)
        if not self.serial:
            yield from self._frame(_STEP_START)

    def _frame(self, name: str) -> Iterator[Ticket]:
        if name not in self._sending:
            yield Ticket(self, name, Rank.TOMBSTONE if self.plan.tombstone else Rank.FRAMING, self._since)

    def _ready_streams(self) -> Iterator[Ticket]:
        settled = True
        for stream in self._streams:
            if stream.ready and (stream.created or settled):
                rank = Rank.FRAMING if stream.urgent else Rank.TEXT
                yield Ticket(self, stream, rank, stream.since, len(self._opening_parts(stream)) + 1)
            if not stream.created:
                return
            # Streams that the user had closed must be closed before the next begins; open ones run beside it.
            settled = settled and stream.status == "streaming"

    def take(self, ticket: Ticket, now: float) -> Operation:
        """Build a ticket's operation and note that it is in flight."""
        if isinstance(ticket.what, str):
            self._sending.add(ticket.what)
            return Publish((self._frame_message(ticket.what),))
        stream = ticket.what
        move = stream.move()
        operation = self._stream_operation(stream, move)
        stream.sent(move, now)
        return operation

    def acked(self, ticket: Ticket, serials: tuple[str, ...], now: float) -> None:
        """Note success. ``serials``: one a message."""
        if isinstance(ticket.what, str):
            self._frame_acked(ticket.what, serials[0])
            return
        ticket.what.acked(serials[-1])
        ticket.what.since = now
        self._drop_closed()

    def unsent(self, ticket: Ticket) -> None:
        """Note that the operation is certainly not on the channel and may be sent again."""
        if isinstance(ticket.what, str):
            self._sending.discard(ticket.what)
        else:
            ticket.what.unsent()
            if self._fenced:
                ticket.what.drop_held()
            self._drop_uncreated_when_fenced()

    def doubted(self, ticket: Ticket) -> None:
        """Note that the outcome is unknown: frames are sent again under their id, streams repaired."""
        if isinstance(ticket.what, str):
            self._sending.discard(ticket.what)
        else:
            ticket.what.doubted()
            self._drop_uncreated_when_fenced()

    def abandon(self, ticket: Ticket) -> None:
        """Note that the operation can never succeed: without its opening, the attempt is over."""
        if isinstance(ticket.what, str):
            self._sending.discard(ticket.what)
            if ticket.what == _RUN_START:
                self._run_open = True
            else:
                self._ended = True
                self._streams.clear()
        else:
            self.lost_chars += ticket.what.held_chars
            ticket.what.abandon()
            self._drop_closed()

    # How it looks on the wire.

    def _frame_acked(self, name: str, serial: str) -> None:
        self._sending.discard(name)
        if name == _RUN_START:
            self._run_open = True
        elif name == _STEP_START:
            self.serial = serial
        else:
            self._ended = True

    def _step(self) -> Step:
        return Step(self.plan.run, self.plan.wire_step, self.serial)

    def _frame_message(self, name: str) -> Message:
        plan = self.plan
        if name == _RUN_START:
            run_tags = tags.run_tags(plan.owner_id, plan.owner_run_id)
            return replace(_tagged(RunOpened(plan.run), run_tags), id=ait08.run_start_id(plan.run.id))
        own = tags.step_tags(plan.origin, plan.step, 0)
        if name == _STEP_START:
            own |= tags.first_tags(plan.origin, full=plan.full_tags)
            return replace(_tagged(StepOpened(self._step()), own), id=f"{plan.id}/start")
        return replace(_tagged(StepClosed(self._step(), self._finish or "failed"), own), id=f"{plan.id}/end")

    def _stream_operation(self, stream: Stream, move: Move) -> Operation:
        own = tags.step_tags(self.plan.origin, self.plan.step, stream.length if move.verb != "create" else 0)
        message = _tagged(PartText(self._step(), self._message_id(stream), stream.part, move.text, move.status), own)
        if move.verb == "append":
            return Append(stream.serial, message)
        if move.verb == "update":
            return Update(stream.serial, message)
        opening = [_tagged(event, own) for event in self._opening_parts(stream)]
        base = f"{self.plan.id}/{stream.message}/{stream.part.id}"
        return Publish(tuple(replace(each, id=f"{base}:{n}") for n, each in enumerate([*opening, message])))

    def _opening_parts(self, stream: Stream) -> list[Event]:
        if not stream.opens_message or stream.created:
            return []
        message_id = self._message_id(stream)
        parts = message_start(message_id, self._metadata())
        return [PartEmitted(self._step(), message_id, part) for part in parts]

    def _message_id(self, stream: Stream) -> str:
        return f"{self.plan.run.id}/{self.plan.step}/{stream.message}"

    def _metadata(self) -> dict[str, Json]:
        origin = self.plan.origin
        return {
            "agent": origin.agent,
            "workflowId": origin.workflow_id,
            "activityType": origin.activity_type,
            "attempt": origin.attempt,
        }

    def _new_stream(self, message: int, now: float) -> Stream:
        index = self._parts.get(message, 0)
        self._parts[message] = index + 1
        stream = Stream(message, text_part(str(index)), opens_message=index == 0)
        stream.since = now
        self._streams.append(stream)
        return stream

    def _close_all(self, status: Status, now: float) -> None:
        for stream in self._streams:
            stream.close(status, now)

    def _drop_closed(self) -> None:
        self._streams = [stream for stream in self._streams if not stream.closed]

    def _drop_uncreated_when_fenced(self) -> None:
        if self._fenced:
            self._streams = [stream for stream in self._streams if stream.created]


def _tagged(event: Event, own: Mapping[str, str]) -> Message:
    message = ait08.encode(event)
    return replace(message, extras={**message.extras, "headers": dict(own)})
