"""How inputs and runs of a session hang together, and which of them a path through it shows.

The rule of the file: what counts is what the messages say of their place, never when they came. A node is an input
that is a message of its own, or a run. Where the stock client would lose something, which is where a parent is
unknown or leads back to its own child, the child stands by itself.

Source: @ably/ai-transport 0.8.0, ``src/core/transport/tree.ts``, ``branch-source.ts``, ``conversation-projection.ts``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from temporal_ably._session.model import Input, Message, Run


class Node(NamedTuple):
    """A run, or an input that is a message of its own; then ``run`` is ``None``. ``parent`` is what it follows."""

    place: int
    id: str
    parent: str
    fork_of: str
    messages: tuple[Message, ...]
    run: Run | None


class _Group(NamedTuple):
    """What alternatives have in common: they follow the same message, and are edits of one message or answers."""

    parent: str
    root: str


class _Choice:
    """The ways to go where a path branches.

    Attributes:
        groups: for each group of alternatives the one to take.
        replaced: for each message within a run that was made again, who takes its place: a run, or its own.
    """

    def __init__(self) -> None:
        self.groups: dict[_Group, int] = {}
        self.replaced: dict[str, int] = {}


class Branches:
    """The nodes of a session, by what they follow. They are named by their place in ``nodes``.

    Args:
        runs: all runs, in the order of their serials.
        inputs: all inputs, in the order of their serials.
    """

    def __init__(self, runs: Sequence[Run], inputs: Sequence[Input]) -> None:
        self.inputs = inputs
        self.nodes = _nodes(runs, inputs)
        self._superseded = {each.supersedes for each in inputs if each.supersedes and not each.run}
        self._runs = {node.run.id: node for node in self.nodes if node.run is not None}
        self._owners = self._index()
        self._parents = self._parents_without_cycles()
        self._groups = [self._group(node) for node in self.nodes]
        self._members: dict[_Group, list[int]] = {}
        for place, group in enumerate(self._groups):
            if group is not None:
                self._members.setdefault(group, []).append(place)
        self._remade = self._remakers()

    # What belongs to what.

    def run(self, run_id: str) -> Node | None:
        """Find a run."""
        return self._runs.get(run_id)

    def owner(self, message_id: str) -> Node | None:
        """Find the node that a message belongs to."""
        place = self._owners.get(message_id)
        return None if place is None else self.nodes[place]

    def lineage(self, node: Node) -> list[Node]:
        """Give a node and all that it follows, the first one first."""
        found: list[Node] = []
        place: int | None = node.place
        while place is not None:
            found.append(self.nodes[place])
            place = self._parents[place]
        return found[::-1]

    def _index(self) -> dict[str, int]:
        owners = {node.id: node.place for node in self.nodes if node.run is None}
        for node in self._runs.values():
            for message_id in node.run.message_ids if node.run else ():
                owners.setdefault(message_id, node.place)
        for node in self._runs.values():
            # What a run answers stands for it where it is not there itself, but where it is what the run follows:
            # then it has expired, and other answers to it are no children of this one.
            for input_id in node.run.input_ids if node.run else ():
                if input_id != node.parent:
                    owners.setdefault(input_id, node.place)
        return owners

    def _parents_without_cycles(self) -> list[int | None]:
        parents = [self._owners.get(node.parent) if node.parent else None for node in self.nodes]
        seen: set[int] = set()
        for start in range(len(parents)):
            path: set[int] = set()
            place: int | None = start
            while place is not None and place not in seen:
                seen.add(place)
                path.add(place)
                parent = parents[place]
                if parent in path:
                    parents[_first_of_cycle(parents, place)] = None
                place = parent
        return parents

    # Alternatives.

    def _group(self, node: Node) -> _Group | None:
        if node.run is None:
            return _Group(node.parent, f"message {self._original(node)}")
        if node.id in self._superseded:
            return None
        # Runs that follow nothing are no answers to the same thing.
        return _Group(node.parent, "" if node.parent else f"run {node.id}")

    def _original(self, node: Node) -> str:
        """Find the message that a row of edits goes back to, which need not be there any more."""
        seen = {node.id}
        while node.fork_of and node.fork_of not in seen:
            target = self.owner(node.fork_of)
            if target is None:
                return node.fork_of
            if target.run is not None or target.parent != node.parent:
                break
            node = target
            seen.add(node.id)
        return min(seen) if node.fork_of in seen else node.id

    def _remakers(self) -> dict[str, list[int]]:
        """Find the runs that made a message anew that is not the first of its run; those follow the one before."""
        found: dict[str, list[int]] = {}
        for node in self._runs.values():
            target = node.run.regenerates if node.run is not None and node.id not in self._superseded else ""
            owner = self.owner(target) if target else None
            before = _before(owner, target) if owner is not None and owner is not node else None
            if before is not None and before == node.parent:
                found.setdefault(target, []).append(node.place)
        return found

    def siblings(self, message_id: str) -> tuple[Message, ...]:
        """Give the alternatives at the place of a message, the oldest first."""
        node = self.owner(message_id)
        listed = [message.id for message in node.messages] if node is not None else []
        if node is None or message_id not in listed:
            return ()
        place = listed.index(message_id)
        target = node.run.regenerates if place == 0 and node.run is not None else message_id
        if target in self._remade:
            return self._remade_siblings(target)
        group = self._groups[node.place]
        if group is None or place:
            return (node.messages[place],)
        return self._heads(self._members[group])

    def _remade_siblings(self, target: str) -> tuple[Message, ...]:
        owner = self.owner(target)
        originals = owner.messages if owner is not None else ()
        return (*(each for each in originals if each.id == target), *self._heads(self._remade[target]))

    def _heads(self, places: Iterable[int]) -> tuple[Message, ...]:
        return tuple(each for place in places for each in self.nodes[place].messages[:1])

    # Paths.

    def path(self, select: Iterable[str]) -> tuple[Message, ...]:
        """Give the messages that are shown, along the branches of the selected messages."""
        choice = self._choose(select)
        within = {place for places in self._remade.values() for place in places}
        found: list[Message] = []
        for place in sorted(self._shown(choice) - within):
            found += self._told(place, choice.replaced)
        return tuple(found)

    @property
    def hidden(self) -> frozenset[str]:
        """The nodes that are not shown while nothing is selected."""
        shown = self._shown(_Choice())
        return frozenset(node.id for node in self.nodes if node.place not in shown)

    def _choose(self, select: Iterable[str]) -> _Choice:
        choice = _Choice()
        for message_id in select:
            passed: set[int] = set()
            place = self._owners.get(message_id)
            while place is not None and place not in passed:
                passed.add(place)
                self._choose_node(choice, place, message_id)
                message_id = self.nodes[place].parent
                place = self._parents[place]
        return choice

    def _choose_node(self, choice: _Choice, place: int, message_id: str) -> None:
        group, node = self._groups[place], self.nodes[place]
        if group is not None:
            choice.groups[group] = place
        if node.run is not None and place in self._remade.get(node.run.regenerates, ()):
            choice.replaced[node.run.regenerates] = place
        # A later message of a run is shown only where no earlier one of it is replaced, nor it itself.
        listed = [message.id for message in node.messages]
        upto = listed[: listed.index(message_id) + 1] if message_id in listed else []
        choice.replaced.update((each, place) for each in upto if each in self._remade)

    def _shown(self, choice: _Choice) -> set[int]:
        taken = self._taken(choice)
        shown: dict[int, bool] = {}
        for start in range(len(self.nodes)):
            # Up to what is decided, then down again: a chain may be longer than Python's stack.
            chain: list[int] = []
            place: int | None = start
            while place is not None and place not in shown:
                chain.append(place)
                place = self._parents[place]
            visible = place is None or shown[place]
            for each in reversed(chain):
                visible = visible and each in taken
                shown[each] = visible
        return {place for place, visible in shown.items() if visible}

    def _taken(self, choice: _Choice) -> set[int]:
        """Give the nodes that are taken of their alternatives."""
        passed_over = {
            place
            for target, places in self._remade.items()
            for place in places
            if choice.replaced.get(target, place) != place
        }
        taken: set[int] = set()
        for group, members in self._members.items():
            left = [place for place in members if place not in passed_over]
            chosen = choice.groups.get(group)
            taken.update([chosen] if chosen in left else left[-1:])
        return taken

    def _told(self, place: int, replaced: Mapping[str, int]) -> Iterator[Message]:
        """Give the messages of a node; one that was made anew goes on with the run that did."""
        passed = {place}
        rest = iter(self.nodes[place].messages)
        while (message := next(rest, None)) is not None:
            remakers = self._remade.get(message.id)
            taken = place if remakers is None else replaced.get(message.id, remakers[-1])
            if taken in passed:
                yield message
            else:
                place = taken
                passed.add(place)
                rest = iter(self.nodes[place].messages)


def _nodes(runs: Sequence[Run], inputs: Sequence[Input]) -> list[Node]:
    prompts = [(each, None) for each in inputs if each.message is not None and not each.run]
    listed = sorted([*prompts, *((run, run) for run in runs)], key=lambda pair: (pair[0].serial, pair[0].id))
    return [
        Node(place, each.id, each.parent, each.fork_of, each.messages, run) for place, (each, run) in enumerate(listed)
    ]


def _before(node: Node, message_id: str) -> str | None:
    listed = [message.id for message in node.messages]
    place = listed.index(message_id) if message_id in listed else 0
    return listed[place - 1] if place else None


def _first_of_cycle(parents: Sequence[int | None], place: int) -> int:
    cycle = [place]
    while (parent := parents[cycle[-1]]) is not None and parent != place:
        cycle.append(parent)
    return min(cycle)
