"""Writes to a recorder what a publisher would, one attempt at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from temporal_ably._dialect import ait08
from temporal_ably._wire import tags
from temporal_ably._wire.events import (
    Event,
    PartEmitted,
    PartText,
    Run,
    RunClosed,
    RunReason,
    Step,
    StepClosed,
    StepOpened,
    StepReason,
)
from temporal_ably._wire.operations import Append, Message, Publish
from temporal_ably._wire.parts import Json, Streamed, Whole
from temporal_ably.codec.vercel import CODEC

if TYPE_CHECKING:
    from collections.abc import Mapping

    from temporal_ably._transport.base import Connection
    from temporal_ably.testing import AblyRecorder

RUN = Run("run", "run/in")
STEP = ":0:1"


async def connected(recorder: AblyRecorder) -> Connection:
    connection = recorder.connect()
    await connection.open()
    return connection


def tagged(event: Event, own: Mapping[str, str]) -> Message:
    message = ait08.encode(event)
    return replace(message, extras={**message.extras, "headers": own})


async def publish(connection: Connection, channel: str, message: Message) -> str:
    (serial,) = await connection.send(channel, Publish((message,)))
    return serial


async def end_run(connection: Connection, channel: str, reason: RunReason = "complete") -> None:
    own = tags.run_tags(RUN, "run-end", "wf", "wf-run") | tags.end_tags(reason)
    await publish(connection, channel, tagged(RunClosed(RUN, reason), own))


class Writer:
    """An attempt of the one step of a channel; `number` is its start, too."""

    def __init__(self, connection: Connection, channel: str, number: int = 1) -> None:
        self._connection = connection
        self._channel = channel
        self._number = number
        self._step = Step(RUN, STEP)

    async def begin(self) -> None:
        own = self._tags("step-start") | {tags.ACTIVITY_TYPE: "answer"}
        serial = await publish(self._connection, self._channel, tagged(StepOpened(self._step), own))
        self._step = Step(RUN, STEP, serial)
        await self.emit("start")
        await self.emit("start-step")

    async def emit(self, kind: str, data: Json = "") -> None:
        own = self._tags("part") | tags.part_tags(0, CODEC.describe(kind, {}))
        event = PartEmitted(self._step, f"{RUN.id}/{STEP}/0", Whole(kind, {}, data))
        await publish(self._connection, self._channel, tagged(event, own))

    async def say(self, *texts: str) -> None:
        serial = await publish(self._connection, self._channel, self._text("", 0))
        for place, text in enumerate(texts, start=1):
            message = self._text(text, len("".join(texts[:place])))
            await self._connection.send(self._channel, Append(serial, message))

    async def end(self, reason: StepReason = "complete") -> None:
        own = self._tags("step-end") | tags.end_tags(reason)
        await publish(self._connection, self._channel, tagged(StepClosed(self._step, reason), own))

    def _text(self, text: str, length: int) -> Message:
        part = Streamed("text", "0", {"id": "0"})
        own = self._tags("part", length) | tags.part_tags(0, CODEC.describe("text", part.fields), "streaming")
        return tagged(PartText(self._step, f"{RUN.id}/{STEP}/0", part, text, "streaming"), own)

    def _tags(self, event: tags.EventName, length: int = 0) -> dict[str, str]:
        origin = tags.Origin(
            workflow_id="wf",
            workflow_run_id="wf-run",
            workflow_type="Chat",
            activity_id="1",
            activity_type="answer",
            attempt=self._number,
            started_us=self._number,
            agent="",
            namespace="default",
            task_queue="tasks",
        )
        return tags.step_tags(origin, RUN.id, STEP, event, length)
