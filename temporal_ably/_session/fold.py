"""Envelopes of a channel in, a ``Session`` out.

The rule of the file: the session is a function of the set of deliveries. ``Fold`` only remembers
what has not changed, so that one delivery costs one message and a snapshot costs the runs that
changed since the last one.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from temporal_ably._session.model import Session
from temporal_ably._session.places import CLIENT_EVENTS, Place
from temporal_ably._session.record import Record
from temporal_ably._session.runs import build_inputs, build_run

if TYPE_CHECKING:
    from temporal_ably._session.model import Input, Run
    from temporal_ably._session.record import Entry
    from temporal_ably.envelope import Envelope

_SERIAL = attrgetter("serial")


@dataclass(frozen=True)
class _Built:
    """What is at a place. ``run`` is set for a run, and for a fork that no run answers to yet."""

    entries: tuple[Entry, ...]
    inputs: tuple[Input, ...]
    run: Run | None


class Fold:
    """Folds deliveries into a session, one at a time, in any order, repeats included.

    Args:
        agent_client_id: the client id that agents publish with. Runs, steps and parts that another client published
            or changed are left out; empty to believe all. That clients cannot change what is not theirs, only their
            capabilities can see to: what a late reader gets of a forged message may have replaced the genuine one.
    """

    def __init__(self, *, agent_client_id: str = "") -> None:
        self._agent = agent_client_id
        self._records: dict[str, Record] = {}
        self._serials: dict[Place, set[str]] = {}
        self._built: dict[Place, _Built] = {}
        self._forked: dict[str, tuple[tuple[_Built, ...], Run]] = {}

    def apply(self, envelope: Envelope) -> bool:
        """Take in a delivery.

        Returns:
            Whether the session may have changed.
        """
        serial = envelope.serial
        if not serial or self._is_forged(envelope):
            return False
        record = self._records.setdefault(serial, Record())
        before = record.place
        if not record.apply(envelope):
            return False
        after = record.place
        for place in (before, after):
            if place is not None:
                self._built.pop(place, None)
        if before is not None:
            self._serials[before].discard(serial)
        if after is not None:
            self._serials.setdefault(after, set()).add(serial)
        return before is not None or after is not None

    def _is_forged(self, envelope: Envelope) -> bool:
        if not self._agent or envelope.action == "delete":
            return False
        # Whoever changes a message leaves its publisher as it is.
        publisher, changed_by = envelope.client_id, envelope.version_client_id or envelope.client_id
        if envelope.event in CLIENT_EVENTS:
            return publisher == self._agent and changed_by != self._agent
        return publisher != self._agent or changed_by != self._agent

    @property
    def session(self) -> Session:
        """The session as it stands."""
        for place, serials in self._serials.items():
            if serials and place not in self._built:
                self._built[place] = self._build(place, serials)
        inputs = sorted((each for built in self._built.values() for each in built.inputs), key=_SERIAL)
        return Session(tuple(sorted(self._runs(), key=_SERIAL)), tuple(inputs))

    def _build(self, place: Place, serials: set[str]) -> _Built:
        found = (self._records[serial].entry for serial in sorted(serials))
        entries = tuple(entry for entry in found if entry is not None)
        run = build_run(place.id, entries) if place.kind in ("run", "fork") else None
        return _Built(entries, build_inputs(entries), run)

    def _runs(self) -> list[Run]:
        """Give all runs, each with the result of a tool that it began with."""
        runs = {place.id: built for place, built in self._built.items() if place.kind == "run"}
        forks = {place.id: built for place, built in self._built.items() if place.kind == "fork"}
        begun: dict[str, list[_Built]] = {}
        if forks:
            # The first that answers to it began with it.
            for run in sorted((built.run for built in runs.values() if built.run is not None), key=_SERIAL):
                begun[run.id] = [forks.pop(each) for each in sorted(run.input_ids) if each in forks]
        found = [built.run for built in forks.values()]
        found += [self._with_forks(built, begun.get(run_id, [])) for run_id, built in runs.items()]
        return [run for run in found if run is not None]

    def _with_forks(self, built: _Built, forks: list[_Built]) -> Run | None:
        if not forks or built.run is None:
            return built.run
        parts = (built, *forks)
        before, remembered = self._forked.get(built.run.id, ((), built.run))
        if list(map(id, before)) != list(map(id, parts)):
            entries = sorted((entry for part in parts for entry in part.entries), key=_SERIAL)
            remembered = build_run(built.run.id, entries)
            self._forked[built.run.id] = parts, remembered
        return remembered
