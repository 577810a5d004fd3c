"""Which operation goes next, on which lane. Pure: ``now`` in, tickets and ``next_wakeup`` out.

A lane is a connection with a budget. A channel stays in one lane for as long as it has outboxes, or is
kept, so its operations keep their order. Framing and first text go first, then whoever waited longest.
The only open stream of a channel sends at once; several send each at most every 100 ms, because a
stock client refolds a whole run for each append to a stream that is not the newest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from temporal_ably._publisher.budget import Budget
from temporal_ably._publisher.outbox import Outbox, Rank, Ticket
from temporal_ably._publisher.run_end import RunEnd
from temporal_ably._publisher.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Collection

SHARED_INTERVAL_S = 0.1
CHANNELS_PER_LANE = 5
_REMEMBERED = 1000


@dataclass(frozen=True)
class Rates:
    """Budgets. ``channel_per_s`` and ``connection_per_s`` are messages a second."""

    channel_per_s: float = 30
    connection_per_s: float = 45
    max_lanes: int = 10


@dataclass
class _ChannelState:
    lane: int
    budget: Budget
    outboxes: list[Outbox] = field(default_factory=list[Outbox])
    paused_until: float = float("-inf")
    kept: bool = False

    @property
    def streaming(self) -> int:
        return sum(outbox.open_streams for outbox in self.outboxes)


class Schedule:
    """The queue of everything that is to be sent.

    Args:
        rates: the budgets.
    """

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._channels: dict[str, _ChannelState] = {}
        self._lanes: dict[int, Budget] = {}
        self._budgets: dict[str, Budget] = {}
        self._wakeup: float | None = None

    def add(self, outbox: Outbox, now: float) -> int:
        """Take an outbox in and give its lane."""
        state = self._state(outbox.channel, now)
        state.outboxes.append(outbox)
        return state.lane

    def _state(self, channel: str, now: float) -> _ChannelState:
        state = self._channels.get(channel)
        if state is None:
            lane = self._choose_lane()
            self._lanes.setdefault(lane, Budget(self._rates.connection_per_s, now))
            state = self._channels[channel] = _ChannelState(lane, self._budget(channel, now))
        return state

    def keep(self, channel: str, now: float) -> None:
        """Have a channel stay in a lane, and the lane at work, though nothing is to be sent."""
        self._state(channel, now).kept = True

    def let_go(self, channel: str) -> None:
        """Keep a channel no more; ``drop_done`` gives it."""
        if channel in self._channels:
            self._channels[channel].kept = False

    def _budget(self, channel: str, now: float) -> Budget:
        # Activities that follow each other share what the account grants their channel in a second.
        budget = self._budgets.pop(channel, None) or Budget(self._rates.channel_per_s, now)
        self._budgets[channel] = budget
        if len(self._budgets) > _REMEMBERED:
            del self._budgets[next(iter(self._budgets))]
        return budget

    def _choose_lane(self) -> int:
        load = dict.fromkeys(range(self._rates.max_lanes), 0)
        for state in self._channels.values():
            load[state.lane] += 1
        for lane, channels in load.items():
            if channels < CHANNELS_PER_LANE:
                return lane
        return min(load, key=lambda lane: load[lane])

    def lane_of(self, channel: str) -> int | None:
        """Give the lane of a channel that has outboxes or is kept."""
        state = self._channels.get(channel)
        return state.lane if state else None

    def lanes_with_work(self) -> set[int]:
        """Give the lanes of such channels."""
        return {state.lane for state in self._channels.values()}

    def outboxes(self) -> list[Outbox]:
        """Give all outboxes."""
        return [outbox for state in self._channels.values() for outbox in state.outboxes]

    def drop_done(self) -> list[tuple[str, int]]:
        """Forget outboxes that are done and give the channels, with their lanes, that nothing is left of."""
        for state in self._channels.values():
            if any(outbox.done for outbox in state.outboxes):
                state.outboxes = [outbox for outbox in state.outboxes if not outbox.done]
        released = [(name, state.lane) for name, state in self._channels.items() if not (state.outboxes or state.kept)]
        for name, _ in released:
            del self._channels[name]
        return released

    def pause(self, channel: str, until: float) -> None:
        """Send nothing on a channel until a time."""
        if channel in self._channels:
            self._channels[channel].paused_until = until

    def is_paused(self, channel: str, now: float) -> bool:
        """Tell whether a channel is paused."""
        return channel in self._channels and self._channels[channel].paused_until > now

    def limited(self, channel: str, *, connection: bool, now: float) -> None:
        """React to a rate-limit error of the channel, or of its connection."""
        state = self._channels.get(channel)
        if state is not None:
            (self._lanes[state.lane] if connection else state.budget).shrink(now)

    def take(self, now: float, lanes: Collection[int]) -> list[tuple[int, Ticket]]:
        """Pick what goes out now.

        Args:
            now: seconds of the caller's clock.
            lanes: the lanes that are connected.

        Returns:
            Tickets with their lanes, in the order of sending.
        """
        self._wakeup = None
        picked: list[tuple[int, Ticket]] = []
        # Nobody overtakes a ticket that waits for a budget, or cheap ones would keep a dear one waiting for ever.
        full: set[Budget] = set()
        for ticket in sorted(self._candidates(now, lanes), key=lambda ticket: (ticket.rank, ticket.since)):
            state = self._channels[ticket.outbox.channel]
            budgets = (state.budget, self._lanes[state.lane])
            waits = [(budget, budget.wait_s(ticket.cost, now)) for budget in budgets]
            full |= {budget for budget, wait_s in waits if wait_s > 0}
            if full.isdisjoint(budgets):
                for budget in budgets:
                    budget.spend(ticket.cost)
                picked.append((state.lane, ticket))
            for _, wait_s in waits:
                if wait_s > 0:
                    self._wake_at(now + wait_s)
        return picked

    def next_wakeup(self) -> float | None:
        """Tell when to ask again, if nothing else happens; set by ``take``."""
        return self._wakeup

    def _wake_at(self, when: float) -> None:
        self._wakeup = when if self._wakeup is None else min(self._wakeup, when)

    def _candidates(self, now: float, lanes: Collection[int]) -> list[Ticket]:
        found: list[Ticket] = []
        for state in self._channels.values():
            if state.lane not in lanes:
                continue
            if state.paused_until > now:
                self._wake_at(state.paused_until)
                continue
            shared = state.streaming > 1
            for outbox in state.outboxes:
                if isinstance(outbox, RunEnd) and self._run_has_more(state, outbox):
                    continue
                found.extend(ticket for ticket in outbox.ready() if not (shared and self._must_coalesce(ticket, now)))
        return found

    @staticmethod
    def _run_has_more(state: _ChannelState, end: RunEnd) -> bool:
        others = (other for other in state.outboxes if not isinstance(other, RunEnd) and not other.done)
        return any(other.run_id == end.run_id for other in others)

    def _must_coalesce(self, ticket: Ticket, now: float) -> bool:
        if ticket.rank is not Rank.TEXT or not isinstance(ticket.what, Stream):
            return False
        due = ticket.what.last_sent + SHARED_INTERVAL_S
        if due > now:
            self._wake_at(due)
        return due > now
