"""A channel on paper: what publishers do on it, as the deliveries that a subscriber gets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from temporal_ably._dialect import ait08
from temporal_ably._session.fold import Fold
from temporal_ably._wire import tags
from temporal_ably._wire.events import (
    Event,
    PartEmitted,
    PartText,
    Run,
    RunClosed,
    RunOpened,
    RunReason,
    Step,
    StepClosed,
    StepOpened,
    StepReason,
)
from temporal_ably._wire.parts import Json, Status, Streamed, Whole
from temporal_ably.codec.table import Chunk, Close, Extend, Open
from temporal_ably.codec.vercel import CODEC
from temporal_ably.envelope import Action, Envelope

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from temporal_ably._session.model import Session

RUN = Run("run-1", "")
BEGIN: tuple[Chunk, ...] = ({"type": "start"}, {"type": "start-step"})


@dataclass(frozen=True)
class Delivery:
    """A message as a channel delivers it."""

    serial: str
    version: str
    action: Action
    name: str
    data: Json
    extras: Mapping[str, Any] = field(repr=False)
    client_id: str = ""
    changed_by: str = ""

    @property
    def envelope(self) -> Envelope:
        version = {"serial": self.version, "clientId": self.changed_by}
        return Envelope.of({**vars(self), "clientId": self.client_id, "version": version}, channel="ai:test")

    def without_tags(self) -> Delivery:
        """Give the message as an agent of another make would send it."""
        return replace(self, extras={name: tier for name, tier in self.extras.items() if name != "headers"})

    def without_dialect(self) -> Delivery:
        """Give the message as it might look in another dialect."""
        return replace(self, name="other", extras={"headers": self.extras["headers"]})


def fold(deliveries: Iterable[Delivery]) -> Session:
    folding = Fold()
    for delivery in deliveries:
        folding.apply(delivery.envelope)
    return folding.session


@dataclass
class Recording:
    """Live deliveries in ``live``; ``history`` has one entry for each message."""

    live: list[Delivery] = field(default_factory=list[Delivery])
    history: dict[str, Delivery] = field(default_factory=dict[str, Delivery])
    publisher: str = ""
    _clock: int = 0

    @property
    def session(self) -> Session:
        """What a subscriber sees who missed nothing."""
        return fold(self.live)

    def create(
        self, event: Event, headers: dict[str, str], *, ephemeral: bool = False, publisher: str | None = None
    ) -> str:
        message = ait08.encode(event)
        serial = self._tick()
        extras = {**message.extras, "headers": headers, **({"ephemeral": True} if ephemeral else {})}
        client_id = self.publisher if publisher is None else publisher
        self._deliver(Delivery(serial, serial, "create", message.name, message.data, extras, client_id, client_id))
        return serial

    def append(self, serial: str, event: Event, headers: dict[str, str]) -> None:
        message = ait08.encode(event)
        # Ably leaves the name out of appends.
        extras = {**message.extras, "headers": headers}
        publisher = self.history[serial].client_id
        self._deliver(Delivery(serial, self._tick(), "append", "", message.data, extras, publisher, self.publisher))

    def update(self, serial: str, data: str, action: Action = "update", *, changed_by: str | None = None) -> None:
        by = self.publisher if changed_by is None else changed_by
        self._deliver(replace(self.history[serial], version=self._tick(), action=action, data=data, changed_by=by))

    def delete(self, serial: str) -> None:
        """Delete a message as a moderator might: without name and headers."""
        self._deliver(Delivery(serial, self._tick(), "delete", "", None, {}))

    def whole(self, delivery: Delivery) -> Delivery:
        """Give the update that a subscriber gets who has not seen the message before ``delivery``."""
        parts = [each for each in self.live if each.serial == delivery.serial and each.version <= delivery.version]
        text = ""
        for part in parts:
            text = (text if part.action == "append" else "") + str(part.data or "")
        return replace(delivery, action="update", name=parts[0].name, data=text)

    def _deliver(self, delivery: Delivery) -> None:
        self.live.append(delivery)
        self.history[delivery.serial] = self.whole(delivery) if delivery.action == "append" else delivery

    def _tick(self) -> str:
        self._clock += 1
        return f"{self._clock:08d}"

    def open_run(self, run: Run = RUN) -> None:
        self.create(RunOpened(run), tags.run_tags(run, "run-start", "wf-1", "wf-run-1"))

    def close_run(self, run: Run = RUN, reason: RunReason = "complete", error: str | None = None) -> None:
        headers = tags.run_tags(run, "run-end", "wf-1", "wf-run-1") | tags.end_tags(reason, error)
        self.create(RunClosed(run, reason, error), headers)

    def attempt(
        self, step: str = ":0:1", *, number: int = 1, started_us: int = 1000, run: Run = RUN, activity: str = "answer"
    ) -> AttemptScript:
        return AttemptScript(self, step, number, started_us, run, activity)


@dataclass
class AttemptScript:
    """One attempt that publishes on a recording."""

    channel: Recording
    step_id: str
    number: int
    started_us: int
    run: Run
    activity: str
    step: Step = field(init=False)
    _open: dict[tuple[int, str, str], TextScript] = field(default_factory=dict[tuple[int, str, str], "TextScript"])

    def __post_init__(self) -> None:
        headers = self.headers("step-start") | tags.first_tags(self._origin, "", full=False)
        serial = self.channel.create(StepOpened(Step(self.run, self.step_id)), headers)
        self.step = Step(self.run, self.step_id, serial)

    @property
    def _origin(self) -> tags.Origin:
        return tags.Origin(
            "wf-1", "wf-run-1", "Flow", "1", self.activity, self.number, self.started_us, self.activity, "default", "q"
        )

    def headers(self, event: tags.EventName, length: int = 0) -> dict[str, str]:
        return tags.step_tags(self._origin, self.run.id, self.step_id, event, length)

    def message_id(self, message: int) -> str:
        return f"{self.run.id}/{self.step_id}/{message}"

    def write(self, *chunks: Chunk, message: int = 0) -> AttemptScript:
        """Publish chunks of a model's stream."""
        for chunk in chunks:
            action = CODEC.encode(chunk)
            if isinstance(action, Open):
                script = TextScript(self, message, action.part)
                self._open[message, action.part.kind, action.part.id] = script
            elif isinstance(action, Extend):
                self._open[message, action.kind, action.id].append(action.text)
            elif isinstance(action, Close) and (message, action.kind, action.id) in self._open:
                self._open.pop((message, action.kind, action.id)).close(fields=action.fields)
            else:
                self.emit(cast("Whole", action.whole if isinstance(action, Close) else action), message)
        return self

    def emit(self, part: Whole, message: int = 0) -> str:
        headers = self.headers("part") | tags.part_tags(message, CODEC.describe(part.kind, part.fields))
        event = PartEmitted(self.step, self.message_id(message), part)
        return self.channel.create(event, headers, ephemeral=part.ephemeral)

    def text(self, message: int = 0, part_id: str = "t0") -> TextScript:
        return TextScript(self, message, Streamed("text", part_id, {"id": part_id}))

    def end(self, reason: StepReason = "complete") -> None:
        self.channel.create(StepClosed(self.step, reason), self.headers("step-end") | tags.end_tags(reason))


@dataclass
class TextScript:
    """One streamed part of an attempt."""

    attempt: AttemptScript
    message: int
    part: Streamed
    length: int = 0
    serial: str = field(init=False)

    def __post_init__(self) -> None:
        self.serial = self.attempt.channel.create(self._event("", "streaming"), self._headers("streaming"))

    def _event(self, text: str, status: Status) -> PartText:
        return PartText(self.attempt.step, self.attempt.message_id(self.message), self.part, text, status)

    def _headers(self, status: Status) -> dict[str, str]:
        described = CODEC.describe(self.part.kind, self.part.fields)
        return self.attempt.headers("part", self.length) | tags.part_tags(self.message, described, status)

    def append(self, *chunks: str) -> TextScript:
        for chunk in chunks:
            self.length += len(chunk)
            self.attempt.channel.append(self.serial, self._event(chunk, "streaming"), self._headers("streaming"))
        return self

    def lose(self, *chunks: str) -> TextScript:
        """Write text that never reaches the channel."""
        self.length += sum(map(len, chunks))
        return self

    def close(self, status: Status = "complete", fields: Mapping[str, str] | None = None) -> TextScript:
        self.part = replace(self.part, fields={**self.part.fields, **(fields or {})})
        self.attempt.channel.append(self.serial, self._event("", status), self._headers(status))
        return self
