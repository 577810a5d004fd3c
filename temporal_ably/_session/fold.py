"""Envelopes of a channel in, a ``Session`` out.

The rule of the file: the session is a function of the set of deliveries. ``Fold`` only remembers
what has not changed, so that one delivery costs one message and a snapshot costs the runs that
changed since the last one.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, Literal, cast, get_args

from temporal_ably._session.attempts import attempt_keys, step_of
from temporal_ably._session.messages import compose
from temporal_ably._session.model import Attempt, Message, Run, Session, Step
from temporal_ably._session.order import NO_TIME, AttemptKey, why_dead
from temporal_ably._session.record import Entry, Record
from temporal_ably._wire.events import RunReason, StepReason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from temporal_ably._session.parts import Part
    from temporal_ably.envelope import Envelope

_SERIAL = attrgetter("serial")


class Fold:
    """Folds deliveries into a session, one at a time, in any order, repeats included."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._serials: dict[str, set[str]] = {}
        self._built: dict[str, tuple[str, Run]] = {}

    def apply(self, envelope: Envelope) -> bool:
        """Take in a delivery.

        Returns:
            Whether the session may have changed.
        """
        serial = envelope.serial
        if not serial:
            return False
        record = self._records.setdefault(serial, Record())
        before = record.run
        if not record.apply(envelope):
            return False
        after = record.run
        for run in {before, after}:
            self._built.pop(run, None)
        if before:
            self._serials[before].discard(serial)
        if after:
            self._serials.setdefault(after, set()).add(serial)
        return bool(before or after)

    @property
    def session(self) -> Session:
        """The session as it stands."""
        for run, serials in self._serials.items():
            if serials and run not in self._built:
                entries = (self._records[serial].entry for serial in sorted(serials))
                self._built[run] = min(serials), _build_run(run, [entry for entry in entries if entry is not None])
        return Session(tuple(run for _, run in sorted(self._built.values(), key=itemgetter(0))))


def _build_run(run: str, entries: list[Entry]) -> Run:
    """Build a run. ``entries`` stand in the order of their serials."""
    end: Envelope | None = None
    steps: dict[str, list[Entry]] = {}
    for entry in entries:
        envelope = entry.envelope
        if envelope.event == "run-end":
            end = envelope
        step = step_of(envelope)
        if step is not None:
            steps.setdefault(step, []).append(entry)
    attempts = {step: _by_attempt(found) for step, found in steps.items()}
    canonical = (entry for found in attempts.values() for entry in found[max(found)])
    messages = compose(sorted(canonical, key=_SERIAL))
    owned = _share(messages, attempts)
    built = tuple(_build_step(step, found, owned.get(step, ())) for step, found in attempts.items())
    if end is None:
        return Run(run, steps=built, messages=messages)
    # A reason of a newer contract ends the run, too; that it went well is not known.
    reason = cast("RunReason", end.reason) if end.reason in get_args(RunReason) else "error"
    return Run(run, reason, end.error or None, built, messages)


def _by_attempt(entries: list[Entry]) -> dict[AttemptKey, list[Entry]]:
    attempts: dict[AttemptKey, list[Entry]] = {}
    for entry, key in zip(entries, attempt_keys([entry.envelope for entry in entries]), strict=True):
        attempts.setdefault(key, []).append(entry)
    return attempts


def _share(
    messages: tuple[Message, ...], attempts: dict[str, dict[AttemptKey, list[Entry]]]
) -> dict[str, tuple[Message, ...]]:
    """Give each step what of the messages is its own; a foreign agent may write one message in several steps."""
    steps = {entry.serial: step for step, found in attempts.items() for entry in found[max(found)]}
    shares: dict[str, list[Message]] = {}
    for message in messages:
        own: dict[str, list[Part]] = {steps[message.serial]: []}
        for part in message.parts:
            own.setdefault(steps[part.serial], []).append(part)
        for step, parts in own.items():
            whole = len(parts) == len(message.parts)
            shares.setdefault(step, []).append(message if whole else replace(message, parts=tuple(parts)))
    return {step: tuple(found) for step, found in shares.items()}


def _build_step(step: str, attempts: dict[AttemptKey, list[Entry]], messages: tuple[Message, ...]) -> Step:
    ordered = sorted(attempts)
    built: list[Attempt] = []
    for key, by in pairwise(ordered):
        attempt = _build_attempt(key, attempts[key], compose(attempts[key]))
        number = _number(attempts[by])
        why = why_dead(key, attempt.number, attempt.ended, by, number)
        built.append(replace(attempt, superseded_by=number, why_dead=why))
    winner = ordered[-1]
    return Step(step, (*built, _build_attempt(winner, attempts[winner], messages)))


def _build_attempt(key: AttemptKey, entries: list[Entry], messages: tuple[Message, ...]) -> Attempt:
    ended: StepReason | Literal[""] = ""
    for entry in entries:
        if entry.envelope.event == "step-end":
            reason = entry.envelope.reason
            ended = cast("StepReason", reason) if reason in get_args(StepReason) else "failed"
    envelopes = [entry.envelope for entry in entries]
    return Attempt(
        number=_number(entries),
        started=None if key.started == NO_TIME else key.started,
        serial=key.serial,
        workflow_id=_first(each.workflow_id for each in envelopes),
        run_id=_first(each.run_id for each in envelopes),
        activity_id=_first(each.activity_id for each in envelopes),
        # Some tags stand on the first message only.
        activity_type=_first(each.activity_type for each in envelopes),
        agent=_first(each.agent for each in envelopes),
        ended=ended,
        messages=messages,
    )


def _first(values: Iterable[str]) -> str:
    return next((value for value in values if value), "")


def _number(entries: list[Entry]) -> int:
    return next((entry.envelope.attempt for entry in entries if entry.envelope.attempt is not None), 1)
