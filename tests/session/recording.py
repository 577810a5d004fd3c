"""A channel on paper: what a publisher does on it, as the deliveries that a subscriber gets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import cast

from temporal_ably._dialect import ait08
from temporal_ably._wire import tags
from temporal_ably._wire.events import (
    Event,
    PartEmitted,
    PartText,
    Run,
    RunClosed,
    RunOpened,
    Step,
    StepClosed,
    StepOpened,
    StepReason,
)
from temporal_ably._wire.parts import Json, Status, Streamed, Whole
from temporal_ably.codec.table import Chunk
from temporal_ably.codec.vercel import CODEC
from temporal_ably.envelope import Action, Envelope

RUN = Run("run-1", "")


@dataclass(frozen=True)
class Delivery:
    """A message as a channel delivers it."""

    serial: str
    version: str
    action: Action
    name: str
    data: Json
    extras: object

    @property
    def envelope(self) -> Envelope:
        return Envelope.of({**vars(self), "version": {"serial": self.version}}, channel="ai:test")


@dataclass
class Recording:
    """Live deliveries in ``live``; ``history`` has one entry for each message."""

    live: list[Delivery] = field(default_factory=list[Delivery])
    history: dict[str, Delivery] = field(default_factory=dict[str, Delivery])
    _clock: int = 0

    def create(self, event: Event, headers: dict[str, str]) -> str:
        message = ait08.encode(event)
        serial = self._tick()
        extras = {**message.extras, "headers": headers}
        self._deliver(Delivery(serial, serial, "create", message.name, message.data, extras))
        return serial

    def append(self, serial: str, event: Event, headers: dict[str, str]) -> None:
        message = ait08.encode(event)
        # Ably leaves the name out of appends.
        extras = {**message.extras, "headers": headers}
        self._deliver(Delivery(serial, self._tick(), "append", "", message.data, extras))

    def update(self, serial: str, data: str, action: Action = "update") -> None:
        self._deliver(replace(self.history[serial], version=self._tick(), action=action, data=data))

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
        self.create(RunOpened(run), {tags.VERSION: "1"})

    def close_run(self, run: Run = RUN) -> None:
        self.create(RunClosed(run, "complete"), {tags.VERSION: "1"})

    def attempt(self, step: str, *, number: int = 1, started_us: int = 1000, run: Run = RUN) -> AttemptScript:
        return AttemptScript(self, step, number, started_us, run)


@dataclass
class AttemptScript:
    """One attempt that publishes on a recording."""

    channel: Recording
    step_id: str
    number: int
    started_us: int
    run: Run
    step: Step = field(init=False)

    def __post_init__(self) -> None:
        first = {tags.AGENT: "writer", tags.ACTIVITY_TYPE: "answer"}
        serial = self.channel.create(StepOpened(Step(self.run, self.step_id)), self.headers | first)
        self.step = Step(self.run, self.step_id, serial)

    @property
    def headers(self) -> dict[str, str]:
        return {
            tags.VERSION: "1",
            tags.WORKFLOW_ID: "wf-1",
            tags.STEP: self.step_id,
            tags.ATTEMPT: str(self.number),
            tags.STARTED: str(self.started_us),
        }

    def start(self, message_id: str) -> None:
        self.channel.create(PartEmitted(self.step, message_id, Whole("start", {})), self.headers)

    def text(self, message_id: str = "m", part_id: str = "t0") -> TextScript:
        return TextScript(self, message_id, Streamed("text", part_id, {"id": part_id}))

    def end(self, reason: StepReason = "complete") -> None:
        self.channel.create(StepClosed(self.step, reason), self.headers)


@dataclass
class TextScript:
    """One text part of an attempt."""

    attempt: AttemptScript
    message_id: str
    part: Streamed
    serial: str = field(init=False)

    def __post_init__(self) -> None:
        self.serial = self.attempt.channel.create(self._event("", "streaming"), self.attempt.headers)

    def _event(self, text: str, status: Status) -> PartText:
        return PartText(self.attempt.step, self.message_id, self.part, text, status)

    def append(self, *chunks: str) -> TextScript:
        for chunk in chunks:
            self.attempt.channel.append(self.serial, self._event(chunk, "streaming"), self.attempt.headers)
        return self

    def close(self, status: Status = "complete") -> TextScript:
        self.attempt.channel.append(self.serial, self._event("", status), self.attempt.headers)
        return self
