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
    from collections.abc import Mapping

    from temporal_ably._session.model import Input, Message, Run
    from temporal_ably._session.record import Entry
    from temporal_ably.envelope import Envelope

_SERIAL = attrgetter("serial")


@dataclass(frozen=True)
class _Built:
    """What is at a place. ``run`` is set for a run, without what it began with."""

    entries: tuple[Entry, ...]
    inputs: tuple[Input, ...]
    run: Run | None

    @property
    def supersedes(self) -> str:
        """The run that a fork takes the place of."""
        return self.entries[0].envelope.supersedes


class Fold:
    """Folds deliveries into a session, one at a time, in any order, repeats included.

    Args:
        agent_client_id: the client id that agents publish with. Runs, steps and parts that another client published
            or changed are left out, and what a client says to copy of a run is what the agent wrote in it; empty to
            believe all. That clients cannot change what is not theirs, only their capabilities can see to: what a
            late reader gets of a forged message may have replaced the genuine one.
    """

    def __init__(self, *, agent_client_id: str = "") -> None:
        self._agent = agent_client_id
        self._records: dict[str, Record] = {}
        self._serials: dict[Place, set[str]] = {}
        self._built: dict[Place, _Built] = {}
        self._forked: dict[str, tuple[tuple[object, ...], Run]] = {}

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
        return Session(tuple(sorted(_Runs(self._built, self._forked, self._agent).all(), key=_SERIAL)), tuple(inputs))

    def _build(self, place: Place, serials: set[str]) -> _Built:
        found = (self._records[serial].entry for serial in sorted(serials))
        entries = tuple(entry for entry in found if entry is not None)
        run = build_run(place.id, entries) if place.kind == "run" else None
        return _Built(entries, build_inputs(entries), run)


class _Runs:
    """The runs of one snapshot, each with the results of tools that it began with.

    Args:
        built: what is at each place.
        remembered: runs that were built before, each after what it was built from.
        agent: the client id of agents, empty to believe what clients say to copy.
    """

    def __init__(
        self, built: Mapping[Place, _Built], remembered: dict[str, tuple[tuple[object, ...], Run]], agent: str
    ) -> None:
        self._runs = {place.id: each for place, each in built.items() if place.kind == "run"}
        self._remembered = remembered
        self._agent = agent
        forks = {place.id: each for place, each in built.items() if place.kind == "fork"}
        self._begun: dict[str, dict[str, _Built]] = {}
        if forks:
            # The first that answers to it began with it.
            for run in sorted((each.run for each in self._runs.values() if each.run is not None), key=_SERIAL):
                self._begun[run.id] = {each: forks.pop(each) for each in sorted(run.input_ids) if each in forks}
        self._begun |= {fork_id: {fork_id: fork} for fork_id, fork in forks.items() if fork_id not in self._runs}

    def all(self) -> list[Run]:
        """Give all runs. A fork that no run answers to yet is one by itself."""
        found = (self._run(run_id, frozenset()) for run_id in {**self._runs, **self._begun})
        return [run for run in found if run is not None]

    def _run(self, run_id: str, asking: frozenset[str]) -> Run | None:
        built, forks = self._runs.get(run_id), self._begun.get(run_id, {})
        if not forks:
            return built.run if built is not None else None
        originals = self._originals(forks, asking | {run_id}) if self._agent else None
        parts = (*([built] if built is not None else []), *forks.values())
        told = (*parts, *(originals or {}).values())
        before, run = self._remembered.get(run_id, ((), None))
        if run is None or list(map(id, before)) != list(map(id, told)):
            entries = sorted((entry for part in parts for entry in part.entries), key=_SERIAL)
            run = build_run(run_id, entries, originals)
            self._remembered[run_id] = told, run
        return run

    def _originals(self, forks: Mapping[str, _Built], asking: frozenset[str]) -> dict[str, tuple[Message, ...]]:
        """Give what each result of a tool has to copy: the messages of the run that it takes the place of."""
        found: dict[str, tuple[Message, ...]] = {}
        for fork_id, fork in forks.items():
            # Whoever lies may have a run take the place of itself.
            original = self._run(fork.supersedes, asking) if fork.supersedes not in asking else None
            found[fork_id] = original.messages if original is not None else ()
        return found
