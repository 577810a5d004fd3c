"""What was said to a run and written in it, as a ``Run``; and inputs of clients, as ``Input``s.

The rule of the file: of what messages tell of a run as a whole, its opening is believed first, and how it stands is
said by the last that tells it, by serial; an end is final.

Source: @ably/ai-transport 0.8.0, ``src/core/transport/tree.ts``.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from operator import attrgetter
from typing import TYPE_CHECKING, Literal, cast, get_args

from temporal_ably._session.attempts import attempt_keys, step_of
from temporal_ably._session.messages import compose
from temporal_ably._session.model import Attempt, Input, Message, Run, Step
from temporal_ably._session.order import NO_TIME, AttemptKey, why_dead
from temporal_ably._session.places import CLIENT_EVENTS, is_said
from temporal_ably._wire.events import RunReason, StepReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from temporal_ably._session.messages import Originals
    from temporal_ably._session.parts import Part
    from temporal_ably._session.record import Entry
    from temporal_ably.envelope import Envelope

_SERIAL = attrgetter("serial")


def build_inputs(entries: Sequence[Entry]) -> tuple[Input, ...]:
    """Build inputs; the parts of one user's message are one.

    Args:
        entries: in the order of their serials.
    """
    said: dict[str, list[Entry]] = {}
    for entry in entries:
        envelope = entry.envelope
        if envelope.event == "input":
            said.setdefault(f"message {envelope.message_id}" if is_said(envelope) else entry.serial, []).append(entry)
    return tuple(_build_input(found) for found in said.values())


def _build_input(entries: Sequence[Entry]) -> Input:
    first = entries[0].envelope
    written = is_said(first)
    return Input(
        id=first.message_id,
        event_id=first.event_id,
        kind="message" if written else first.part.kind if first.part is not None else "",
        serial=first.serial,
        run=first.session_run,
        parent=first.parent,
        fork_of=first.fork_of,
        regenerates=first.regenerates,
        supersedes=first.supersedes,
        client_id=first.client_id,
        message=compose(entries)[0] if written else None,
    )


def build_run(run: str, entries: Sequence[Entry], originals: Originals | None = None) -> Run:
    """Build a run.

    Args:
        run: its id.
        entries: all of it, in the order of their serials.
        originals: what clients may copy, as for ``compose``.
    """
    envelopes = [entry.envelope for entry in entries]
    own = [each for each in envelopes if each.event not in CLIENT_EVENTS]
    steps: dict[str, list[Entry]] = {}
    for entry in entries:
        step = step_of(entry.envelope)
        if step is not None:
            steps.setdefault(step, []).append(entry)
    attempts = {step: _by_attempt(found) for step, found in steps.items()}
    canonical = [entry for found in attempts.values() for entry in found[max(found)]]
    said = [entry for entry in entries if entry.envelope.event == "input"]
    messages = compose(sorted([*canonical, *said], key=_SERIAL), originals)
    owned = _share(messages, attempts)
    ids = {each.message_id for each in envelopes if each.message_id} | {message.id for message in messages}
    ended, error, suspended = _status(own)
    return Run(
        run,
        ended,
        error,
        tuple(_build_step(step, found, owned.get(step, ())) for step, found in attempts.items()),
        messages,
        serial=entries[0].serial,
        suspended=suspended,
        input_id=_told(own, lambda each: "" if each.input_id in ids else each.input_id),
        parent=_told(envelopes, lambda each: "" if each.parent in ids else each.parent),
        client_id=_told(own, attrgetter("run_client_id")),
        fork_of=_told(own, attrgetter("fork_of")),
        regenerates=_told(own, attrgetter("regenerates")),
        invocations=tuple(dict.fromkeys(each.invocation for each in own)),
        unanswered=_unanswered(said, canonical, own),
        message_ids=frozenset(ids),
        input_ids=frozenset(each.input_id for each in own if each.input_id),
    )


def _told(envelopes: Sequence[Envelope], of: Callable[[Envelope], str]) -> str:
    openings = [each for each in envelopes if each.event == "run-start"]
    return _first(of(each) for each in openings or envelopes)


def _status(envelopes: Iterable[Envelope]) -> tuple[RunReason | Literal[""], str | None, bool]:
    suspended, resumed_by = False, ""
    end: Envelope | None = None
    for each in envelopes:
        if each.event == "run-end":
            end = each
        elif each.event == "run-resume":
            suspended, resumed_by = False, each.invocation
        elif each.event == "run-start":
            suspended = False
        elif each.event == "run-suspend":
            # That of an earlier invocation comes late: the run goes on already.
            suspended = resumed_by in ("", each.invocation)
    if end is None:
        return "", None, suspended
    # A reason of a newer contract ends the run, too; that it went well is not known.
    reason = cast("RunReason", end.reason) if end.reason in get_args(RunReason) else "error"
    return reason, end.error or None, False


def _unanswered(said: Iterable[Entry], canonical: Iterable[Entry], own: Iterable[Envelope]) -> tuple[str, ...]:
    """Give the messages of users that no output heeds; what the agent was woken for, it heeds."""
    heeded = {steer for entry in canonical for steer in entry.envelope.steers} | {each.input_id for each in own}
    found = (entry.envelope.message_id for entry in said if entry.envelope.session_run and is_said(entry.envelope))
    return tuple(dict.fromkeys(each for each in found if each not in heeded))


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
        own: dict[str, list[Part]] = {steps[message.serial]: []} if message.serial in steps else {}
        for part in message.parts:
            # What a client said belongs to no step.
            if part.serial in steps:
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
