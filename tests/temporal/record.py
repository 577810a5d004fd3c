"""A sink that keeps what it is told, as lines."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from temporal_ably._session.conversation import Conversation
from temporal_ably._temporal.stream import ActivityStream
from temporal_ably._temporal.streaming import reset_current, set_current

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from temporal_ably._wire.parts import Json, Status, Streamed, Whole


class Record:
    """Text parts are opened as ``open 1 in 0``, others with kind and fields; a whole part is its kind, fields, data."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.touches = 0
        self.early = 0
        self.said = Conversation()
        self.unheeded = frozenset[str]()

    def open_early(self) -> None:
        self.early += 1

    def begin(self, key: int, message: int, part: Streamed) -> None:
        fields = {name: value for name, value in part.fields.items() if name != "id"}
        kind = "" if part.kind == "text" else f" {part.kind}"
        self.events.append(f"open {key}{kind}{_shown(fields)} in {message}")

    def extend(self, key: int, text: str) -> None:
        self.events.append(f"{key} {text}")

    def close(self, key: int, fields: Mapping[str, str], status: Status) -> None:
        self.events.append(f"close {key}{_shown(fields)}" + ("" if status == "complete" else f" {status}"))

    def emit(self, message: int, part: Whole) -> None:
        data = "" if part.data in ("", None) else f" {json.dumps(part.data)}"
        passing = " passing" if part.ephemeral else ""
        self.events.append(f"{part.kind}{_shown(part.fields)}{data}{passing} in {message}")

    def set_metadata(self, message: int, values: Mapping[str, Json]) -> None:
        self.events.append(f"metadata {json.dumps(values)} in {message}")

    def name_call(self, number: int) -> str:
        return f"step/call-{number}"

    def touched(self) -> None:
        self.touches += 1

    def heed(self, message: int, steers: Sequence[str]) -> None:
        self.events.append(f"heed {' '.join(steers)} in {message}")

    async def steers(self) -> Conversation:
        return self.said

    async def conversation(self) -> tuple[Conversation, frozenset[str]]:
        return self.said, self.unheeded


def _shown(fields: Mapping[str, str]) -> str:
    return "".join(f" {name}={value}" for name, value in fields.items())


def recorded() -> tuple[ActivityStream, list[str]]:
    """A stream, and what it tells its sink."""
    record = Record()
    return ActivityStream(record), record.events


@contextmanager
def current(stream: ActivityStream) -> Generator[None, None, None]:
    token = set_current(stream)
    try:
        yield
    finally:
        reset_current(token)
