"""The frame of one step attempt: opening, messages, end. Pure.

Opening is run-start and step-start, sent together; everything else waits for the serial of the
step-start, which every output carries. Parts are created in the order in which the user made them,
after those that the user had closed are closed on the channel; what follows each other goes out as
one publish. A message begins with its first part.

Fenced (its deadline passed, or a later attempt of the step is known here), an attempt sends no
text and opens nothing; it only closes its own open streams as cancelled.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from temporal_ably._publisher import messages
from temporal_ably._publisher.bundle import Bundle
from temporal_ably._publisher.outbox import Rank, Ticket
from temporal_ably._publisher.stream import Stream
from temporal_ably._wire.parts import size_bytes
from temporal_ably.codec.message import message_metadata, message_start, numbered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from temporal_ably._publisher.plan import Plan
    from temporal_ably._wire.events import Run, StepReason
    from temporal_ably._wire.operations import Operation
    from temporal_ably._wire.parts import Json, Status, Streamed, Whole

# Ably's smallest message limit is 64 KiB and an update carries the whole part: the rest is for headers.
PART_BYTES = 40 * 1024
_SLICE_CHARS = 8 * 1024

# What finds its tool call anywhere in the run, and makes no message of its own.
_AMENDING = ("tool-output-available", "tool-output-error")


class Attempt:
    """An outbox for one attempt of a step.

    Args:
        plan: its identity and place.
        allowed: tells whether the attempt may still write; asked right before each operation.
    """

    def __init__(self, plan: Plan, allowed: Callable[[], bool] = lambda: True) -> None:
        self.plan = plan
        self.serial = ""
        self.lost = 0
        self.has_output = False
        self._shown = False
        self._replaces = False
        self._allowed = allowed
        self._held = False
        self._opening = False
        self._finish: StepReason | None = None
        self._ended = False
        self._fenced = False
        self._sending: set[str] = set()
        self._run_open = not plan.opens_run
        self._since = 0.0
        self._queue: list[Bundle] = []
        self._bundles = 0
        self._by_key: dict[int, Stream] = {}
        self._parts: dict[int, int] = {}
        self._metadata: dict[int, dict[str, Json]] = {}
        self._heeds: dict[int, tuple[str, ...]] = {}

    def hold(self) -> None:
        """Send nothing until ``release``: the run it belongs to is not known for sure."""
        self._held = True

    def release(self, run: Run, *, prefix: str = "", rewrites: bool = False) -> None:
        """Begin to send.

        Args:
            run: the run that it belongs to.
            prefix: tells its step from those of the run's other invocations.
            rewrites: whether this step was written before.
        """
        self._held = False
        plan = self.plan
        if (run.id, run.invocation) != (plan.run.id, plan.run.invocation):
            self._run_open = not plan.opens_run
        replaces = plan.replaces or rewrites
        self.plan = replace(plan, run=run, step=prefix + plan.step, replaces=replaces, rewrites=rewrites)

    def run_is_open(self) -> None:
        """Skip the run's opening: this process has published it."""
        self._run_open = True

    # What the user's side asks for.

    def open(self, now: float) -> None:
        """Publish the opening; otherwise it goes with the first part."""
        if not self._opening:
            self._opening = True
            self._since = now

    def emit(self, message: int, part: Whole, now: float) -> None:
        """Add a whole part to the ``message``-th message."""
        if not self._listens:
            return
        self.open(now)
        if part.kind not in _AMENDING and not part.ephemeral:
            self._begin(message, now)
        self._join(message, part, now)

    def set_metadata(self, message: int, values: Mapping[str, Json], now: float) -> None:
        """Add to the metadata of the ``message``-th message, which its first part carries if it comes later."""
        if not self._listens:
            return
        metadata = self._metadata_of(message)
        metadata.update(values)
        if message in self._parts:
            # Readers replace metadata, so it always goes out whole, and what was not sent yet need not be.
            part = message_metadata(metadata)
            if not (self._queue and self._queue[-1].renew(message, part)):
                self._join(message, part, now)

    def heed(self, message: int, steers: Iterable[str], now: float) -> None:
        """Say that the ``message``-th message, of which nothing is there yet, heeds what users said meanwhile."""
        del now
        self._heeds[message] = (*self._heeds.get(message, ()), *steers)

    def open_part(self, key: int, message: int, part: Streamed, now: float) -> None:
        """Begin a streamed part of the ``message``-th message, known as ``key`` from now on."""
        if self._listens:
            self.open(now)
            self._by_key[key] = self._new_stream(message, part, now)

    def text(self, key: int, text: str, now: float) -> None:
        """Extend a part; where it grows too large, it is closed and continued in a new one."""
        if not self._listens or key not in self._by_key:
            return
        for start in range(0, len(text), _SLICE_CHARS):
            piece = text[start : start + _SLICE_CHARS]
            stream = self._by_key[key]
            if stream.closed:
                self.lost += len(piece)
                continue
            if stream.size_bytes + len(piece.encode()) > PART_BYTES:
                stream.close("complete", now)
                stream = self._by_key[key] = self._new_stream(stream.message, stream.part, now)
            stream.push(piece, now)

    def lose(self, key: int | None, size: int) -> None:
        """Count what found no room: characters of a part, or a whole part."""
        if self._listens:
            if key is not None and key in self._by_key:
                self._by_key[key].lose(size)
            self.lost += size

    def close_part(self, key: int, fields: Mapping[str, str], status: Status, now: float) -> None:
        """End a part. ``fields`` are laid over its own."""
        if self._listens and key in self._by_key:
            self._by_key.pop(key).close(status, now, fields)

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
        for stream in self._streams():
            stream.drop_held()
        self._queue = [bundle for bundle in self._queue if bundle.created or bundle.sending]
        self._close_all("cancelled", now)

    def give_up(self) -> None:
        """Forget what is not sent, for good."""
        self.lost += sum(bundle.abandon() for bundle in self._queue)
        self._queue.clear()
        self._ended = True

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
        """Bytes of text and parts that are not acknowledged."""
        return sum(bundle.held_bytes for bundle in self._queue)

    def begins_to_replace(self) -> bool:
        """Tell, once, that something of it stands in the place of earlier attempts' output."""
        shown = self.has_output or (self._ended and not self._fenced)
        if not (self.plan.replaces and shown) or self._replaces:
            return False
        self._replaces = True
        return True

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
            return not self._queue and not self._sending
        return self._ended or (self._finish is not None and not self._opening)

    @property
    def open_streams(self) -> int:
        """How many streams are open."""
        return sum(1 for stream in self._streams() if stream.status == "streaming")

    def ready(self) -> Iterator[Ticket]:
        """Yield what could be sent now, in order."""
        if not self._fenced and not self._allowed():
            self.fence(self._since)
        if self._ended:
            return
        if not self.opened:
            yield from self._ready_opening()
        elif self._queue:
            yield from self._ready_parts()
        elif self._finish is not None and not self._fenced:
            yield from self._frame(messages.STEP_END)

    def _ready_opening(self) -> Iterator[Ticket]:
        if not self._opening or self._fenced or self._held:
            return
        if not self._run_open:
            yield from self._frame(messages.RUN_START)
        if not self.serial:
            yield from self._frame(messages.STEP_START)

    def _frame(self, name: str) -> Iterator[Ticket]:
        if name not in self._sending:
            yield Ticket(self, name, Rank.TOMBSTONE if self.plan.tombstone else Rank.FRAMING, self._since)

    def _ready_parts(self) -> Iterator[Ticket]:
        settled = True
        for bundle in self._queue:
            stream = bundle.stream
            if not bundle.created:
                if settled and not bundle.sending:
                    yield Ticket(self, bundle, self._rank, bundle.since, bundle.cost)
                return
            if stream is not None and stream.ready:
                yield Ticket(self, stream, self._rank, stream.since)
            # Streams that the user had closed must be closed before the next begins; open ones run beside it.
            settled = settled and stream is not None and stream.status == "streaming"

    @property
    def _rank(self) -> Rank:
        # Only what lets a viewer see that something begins goes before what others have waited with.
        return Rank.TEXT if self._shown else Rank.FRAMING

    def take(self, ticket: Ticket, now: float) -> Operation:
        """Build a ticket's operation and note that it is in flight."""
        what = ticket.what
        if isinstance(what, str):
            self._sending.add(what)
            return messages.frame(self.plan, what, self.serial, self._finish or "failed")
        if isinstance(what, Bundle):
            what.sent()
            if what.stream is not None:
                what.stream.sent(what.stream.move(), now)
            return messages.creation(self.plan, self.serial, what, self._heeds)
        move = what.move()
        what.sent(move, now)
        return messages.change(self.plan, self.serial, what, move, self._heeds)

    def acked(self, ticket: Ticket, serials: tuple[str, ...], now: float) -> None:
        """Note success. ``serials``: one a message."""
        what = ticket.what
        if isinstance(what, str):
            self._frame_acked(what, serials[0])
            return
        what.acked(serials[-1])
        if isinstance(what, Bundle):
            self.has_output = True
            if what.stream is not None:
                what.stream.since = now
            else:
                self._shown = True
        else:
            what.since = now
            self._shown = True
        self._drop_done()

    def unsent(self, ticket: Ticket) -> None:
        """Note that the operation is certainly not on the channel and may be sent again."""
        what = ticket.what
        if isinstance(what, str):
            self._sending.discard(what)
            return
        if isinstance(what, Bundle):
            what.unsettled()
        else:
            what.unsent()
            if self._fenced:
                what.drop_held()
        self._drop_uncreated_when_fenced()

    def doubted(self, ticket: Ticket) -> None:
        """Note that the outcome is unknown: creations are sent again under their ids, streams repaired."""
        what = ticket.what
        if isinstance(what, str):
            self._sending.discard(what)
            return
        if isinstance(what, Bundle):
            what.unsettled()
        else:
            what.doubted()
        self._drop_uncreated_when_fenced()

    def abandon(self, ticket: Ticket) -> None:
        """Note that the operation can never succeed: without its opening, the attempt is over."""
        what = ticket.what
        if isinstance(what, str):
            self._abandon_frame(what)
        elif isinstance(what, Bundle):
            self.lost += what.abandon()
        else:
            self.lost += what.refused()
        self._drop_done()

    def _abandon_frame(self, name: str) -> None:
        self._sending.discard(name)
        if name == messages.RUN_START:
            self._run_open = True
        else:
            self._ended = True
            self._queue.clear()

    def _frame_acked(self, name: str, serial: str) -> None:
        self._sending.discard(name)
        if name == messages.RUN_START:
            self._run_open = True
        elif name == messages.STEP_START:
            self.serial = serial
        else:
            self._ended = True

    # The queue.

    def _streams(self) -> Iterator[Stream]:
        return (bundle.stream for bundle in self._queue if bundle.stream is not None)

    def _new_stream(self, message: int, part: Streamed, now: float) -> Stream:
        self._begin(message, now)
        index = self._parts[message]
        self._parts[message] = index + 1
        stream = Stream(message, numbered(part, index))
        stream.since = now
        self._bundle_for(0, now).stream = stream
        return stream

    def _begin(self, message: int, now: float) -> None:
        if message not in self._parts:
            self._parts[message] = 0
            for part in message_start(self._metadata_of(message)):
                self._join(message, part, now)

    def _join(self, message: int, part: Whole, now: float) -> None:
        self._bundle_for(size_bytes(part), now).add(message, part)

    def _bundle_for(self, size: int, now: float) -> Bundle:
        if not (self._queue and self._queue[-1].takes(size)):
            self._queue.append(Bundle(self._bundles, now))
            self._bundles += 1
        return self._queue[-1]

    def _metadata_of(self, message: int) -> dict[str, Json]:
        origin = self.plan.origin
        own: dict[str, Json] = {
            "agent": origin.agent,
            "workflowId": origin.workflow_id,
            "activityType": origin.activity_type,
            "attempt": origin.attempt,
        }
        return self._metadata.setdefault(message, own)

    def _close_all(self, status: Status, now: float) -> None:
        for stream in self._streams():
            stream.close(status, now)

    def _drop_done(self) -> None:
        self._queue = [bundle for bundle in self._queue if not bundle.done]

    def _drop_uncreated_when_fenced(self) -> None:
        if self._fenced:
            self._queue = [bundle for bundle in self._queue if bundle.created]
