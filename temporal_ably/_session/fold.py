"""Messages of a channel in, a ``Session`` out.

The rule of the file: the session is a function of the set of deliveries. ``Fold`` only remembers
what has not changed, so that one delivery costs one message and a snapshot costs the runs that
changed since the last one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Literal, cast

from temporal_ably._dialect import ait08
from temporal_ably._session.model import Attempt, Delivery, Message, Part, Run, Session, Step
from temporal_ably._session.order import AttemptKey
from temporal_ably._session.record import Record
from temporal_ably._wire import tags
from temporal_ably._wire.events import (
    Event,
    PartEmitted,
    PartText,
    RunClosed,
    RunOpened,
    StepClosed,
    StepOpened,
    StepReason,
)
from temporal_ably.errors import DecodeError


@dataclass(frozen=True)
class _Entry:
    """A message that means something. ``headers`` are its tags."""

    serial: str
    event: Event
    headers: Mapping[str, str]

    @property
    def run(self) -> str:
        return self.event.run.id if isinstance(self.event, RunOpened | RunClosed) else self.event.step.run.id


@dataclass(frozen=True)
class _StepEntry:
    """A message of a step."""

    serial: str
    event: StepOpened | StepClosed | PartEmitted | PartText
    headers: Mapping[str, str]

    @property
    def attempt(self) -> AttemptKey:
        """The attempt it belongs to: an opening is identified by its own serial."""
        return AttemptKey(tags.started_us(self.headers) or 0, self.event.step.serial)


class Fold:
    """Folds deliveries into a session, one at a time, in any order, repeats included."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._entries: dict[str, _Entry] = {}
        self._serials: dict[str, set[str]] = {}
        self._built: dict[str, tuple[str, Run]] = {}

    def apply(self, delivery: Delivery) -> bool:
        """Take in a delivery.

        Returns:
            Whether the session may have changed.
        """
        record = self._records.setdefault(delivery.serial, Record())
        if not record.apply(delivery):
            return False
        before = self._entries.pop(delivery.serial, None)
        if before is not None:
            self._serials[before.run].discard(delivery.serial)
            self._built.pop(before.run, None)
        after = _read(delivery.serial, record)
        if after is not None:
            self._entries[delivery.serial] = after
            self._serials.setdefault(after.run, set()).add(delivery.serial)
            self._built.pop(after.run, None)
        return before is not None or after is not None

    @property
    def session(self) -> Session:
        """The session as it stands."""
        for run, serials in self._serials.items():
            if serials and run not in self._built:
                ordered = sorted(serials)
                self._built[run] = ordered[0], _build_run(run, [self._entries[serial] for serial in ordered])
        return Session(tuple(run for _, run in sorted(self._built.values(), key=itemgetter(0))))


def _read(serial: str, record: Record) -> _Entry | None:
    message = record.message
    if message is None:
        return None
    try:
        event = ait08.decode(message, serial)
    except DecodeError:
        # A later contract may say what we do not understand; the rest of the session still stands.
        return None
    return _Entry(serial, event, _tags(message.extras)) if event is not None else None


def _tags(extras: object) -> dict[str, str]:
    headers = _mapping(_mapping(extras).get("headers"))
    return {name: value for name, value in headers.items() if isinstance(value, str)}


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def _build_run(run: str, entries: list[_Entry]) -> Run:
    """Build a run. ``entries`` stand in the order of their serials."""
    end: RunClosed | None = None
    steps: dict[str, list[_StepEntry]] = {}
    for entry in entries:
        if isinstance(entry.event, RunClosed):
            end = entry.event
        elif not isinstance(entry.event, RunOpened):
            step = entry.headers.get(tags.STEP, entry.event.step.id)
            steps.setdefault(step, []).append(_StepEntry(entry.serial, entry.event, entry.headers))
    built = tuple(_build_step(step, found) for step, found in steps.items())
    return Run(run, end.reason if end else "", end.error if end else None, built)


def _build_step(step: str, entries: list[_StepEntry]) -> Step:
    attempts: dict[AttemptKey, list[_StepEntry]] = {}
    for entry in entries:
        attempts.setdefault(entry.attempt, []).append(entry)
    ordered = sorted(attempts)
    winner = _number(attempts[ordered[-1]])
    last = len(ordered) - 1
    built = (_build_attempt(key, attempts[key], None if place == last else winner) for place, key in enumerate(ordered))
    return Step(step, tuple(built))


def _build_attempt(key: AttemptKey, entries: list[_StepEntry], superseded_by: int | None) -> Attempt:
    # Some tags stand on the first message only.
    facts = {name: value for entry in reversed(entries) for name, value in entry.headers.items()}
    ended: StepReason | Literal[""] = ""
    messages: dict[str, list[Part]] = {}
    for entry in entries:
        if isinstance(entry.event, StepClosed):
            ended = entry.event.reason
        elif not isinstance(entry.event, StepOpened):
            parts = messages.setdefault(entry.event.message_id, [])
            if isinstance(entry.event, PartText):
                parts.append(Part(entry.serial, entry.event.part.kind, entry.event.text, entry.event.status))
    return Attempt(
        number=_number(entries),
        started_us=key.started_us,
        serial=key.serial,
        workflow_id=facts.get(tags.WORKFLOW_ID, ""),
        activity_type=facts.get(tags.ACTIVITY_TYPE, ""),
        agent=facts.get(tags.AGENT, ""),
        ended=ended,
        superseded_by=superseded_by,
        messages=tuple(Message(message_id, tuple(parts)) for message_id, parts in messages.items()),
    )


def _number(entries: list[_StepEntry]) -> int:
    text = entries[0].headers.get(tags.ATTEMPT, "")
    return int(text) if text.isdigit() else 1
