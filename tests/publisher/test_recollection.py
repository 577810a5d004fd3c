from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from temporal_ably._dialect import ait08
from temporal_ably._publisher.recollection import Recollection, Turn
from temporal_ably._wire.events import Input, PartEmitted, Run, RunClosed, RunOpened, Step, StepOpened
from temporal_ably._wire.operations import Publish
from temporal_ably._wire.parts import Whole
from temporal_ably.errors import HistoryError
from temporal_ably.testing.connection import RecordingConnection
from temporal_ably.testing.memory import Memory
from tests.session.chat import text

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from temporal_ably._transport.base import Stored
    from temporal_ably._wire.events import Event

CHANNEL = "ai:chat"
WAIT_S = 20


class CountingConnection(RecordingConnection):
    """Tells its ``Ably`` of each reading of history."""

    def __init__(self, ably: Ably) -> None:
        super().__init__(ably.memory)
        self._ably = ably

    async def history(self, channel: str, since_ms: int = 0) -> AsyncGenerator[Stored, None]:
        self._ably.read_since.append(since_ms)
        self._ably.reading.set()
        await self._ably.gate.wait()
        if self._ably.errors:
            raise self._ably.errors.pop()
        async for stored in super().history(channel, since_ms):
            self._ably.given += 1
            yield stored


class Ably:
    """Channels in memory, in which a user and an agent talk, and how often they are read."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.read_since: list[int] = []
        self.given = 0
        self.errors: list[HistoryError] = []
        self.reading = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.recollection = Recollection(lambda: CountingConnection(self), "")

    def tell(self, *events: Event, channel: str = CHANNEL) -> tuple[str, ...]:
        return self.memory.send(channel, Publish(tuple(ait08.encode(event) for event in events)))

    def ask(self, number: int, *, channel: str = CHANNEL) -> Turn:
        parent = f"r{number - 1}/m" if number > 1 else ""
        said = Input(f"u{number}", f"event-{number}", "user", "alice", parent=parent, part=text(f"question {number}"))
        self.tell(said, channel=channel)
        return Turn(channel, f"r{number}", f"event-{number}")

    def begin(self, number: int, *, channel: str = CHANNEL) -> Run:
        run = Run(f"r{number}", f"u{number}", "alice", f"u{number}", "alice")
        self.tell(RunOpened(run), channel=channel)
        return run

    def step(self, run: Run, ordinal: int, *, channel: str = CHANNEL) -> None:
        (serial,) = self.tell(StepOpened(Step(run, f":0:{ordinal}")), channel=channel)
        step = Step(run, f":0:{ordinal}", serial)
        said = Whole("file", {"url": f"of step {ordinal}", "mediaType": "text/plain"})
        self.tell(PartEmitted(step, f"{run.id}/m", said), channel=channel)

    def answer(self, number: int, *, channel: str = CHANNEL) -> None:
        run = self.begin(number, channel=channel)
        self.step(run, 1, channel=channel)
        self.tell(RunClosed(run, "complete"), channel=channel)

    async def reads(self, count: int) -> None:
        """Wait until the history was asked for so often."""
        while len(self.read_since) < count:
            self.reading.clear()
            await asyncio.wait_for(self.reading.wait(), WAIT_S)

    async def read(self, turn: Turn, not_before: float | None = None) -> list[str]:
        """The conversation: messages by id, and the number of their parts."""
        now = time.monotonic() if not_before is None else not_before
        session = await asyncio.wait_for(self.recollection.session(turn, now), WAIT_S)
        found = session.conversation(input_id=turn.input, run_id=turn.run)
        return [f"{message.id} {len(message.parts)}" for message in found]


@pytest.fixture
def ably(monkeypatch: pytest.MonkeyPatch) -> Ably:
    monkeypatch.setattr("temporal_ably._publisher.recollection._RETRY_S", (0.001, 0.001))
    monkeypatch.setattr("temporal_ably._publisher.recollection._INPUT_S", (0.001,) * 3)
    return Ably()


async def test_turn_knows_what_was_said_before(ably: Ably) -> None:
    ably.ask(1)
    ably.answer(1)
    assert await ably.read(ably.ask(2)) == ["u1 1", "r1/m 1", "u2 1"]


async def test_one_attempt_reads_once_and_all_that_ask_at_once_together(ably: Ably) -> None:
    turn, began = ably.ask(1), time.monotonic()
    first = await asyncio.gather(*(ably.read(turn, began) for _ in range(5)))
    assert [*first, await ably.read(turn, began)] == [["u1 1"]] * 6
    assert len(ably.read_since) == 1


async def test_later_step_of_a_turn_has_what_came_since_and_reads_only_that(
    ably: Ably, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("temporal_ably._publisher.recollection._SLACK_MS", 0)
    for number in range(1, 21):
        ably.ask(number)
        ably.answer(number)
    pass_a_millisecond()
    turn = ably.ask(21)
    assert len(await ably.read(turn)) == 41
    run, read = ably.begin(21), ably.given
    ably.step(run, 1)
    assert (await ably.read(turn))[-2:] == ["u21 1", "r21/m 1"]
    ably.step(run, 2)
    assert (await ably.read(turn))[-2:] == ["u21 1", "r21/m 2"]
    assert ably.read_since[0] == 0
    assert ably.read_since[1] == ably.read_since[2] > 0
    # Input, opening and first step; then those and another step.
    assert ably.given - read == 4 + 6


async def test_turn_without_an_input_is_known_by_its_run(ably: Ably) -> None:
    ably.ask(1)
    ably.answer(1)
    turn = Turn(CHANNEL, "r2", "")
    assert await ably.read(turn) == []
    run = ably.begin(2)
    for ordinal in (1, 2, 3):
        ably.step(run, ordinal)
        assert (await ably.read(turn))[-1] == f"r2/m {ordinal}"


async def test_input_that_comes_a_moment_late_is_waited_for(ably: Ably) -> None:
    ably.ask(1)
    ably.answer(1)
    reading = asyncio.ensure_future(ably.read(Turn(CHANNEL, "r2", "event-2")))
    await ably.reads(2)
    ably.ask(2)
    assert await reading == ["u1 1", "r1/m 1", "u2 1"]


async def test_input_that_never_comes_is_waited_for_once(ably: Ably) -> None:
    turn = Turn(CHANNEL, "r2", "event-2")
    assert await ably.read(turn) == []
    waited = len(ably.read_since)
    assert waited == 4
    assert await ably.read(turn) == []
    assert len(ably.read_since) == waited + 1


async def test_history_that_cannot_be_read_for_a_moment_is_read_again(ably: Ably) -> None:
    turn = ably.ask(1)
    ably.errors = [HistoryError("unable to read; away; trying again")] * 2
    assert await ably.read(turn) == ["u1 1"]


@pytest.mark.parametrize(("retryable", "tries"), [(True, 3), (False, 1)])
async def test_history_that_cannot_be_read_is_an_error_and_asked_for_again(
    ably: Ably, tries: int, *, retryable: bool
) -> None:
    turn = ably.ask(1)
    ably.errors = [HistoryError("unable to read; no; give it", retryable=retryable)] * tries
    with pytest.raises(HistoryError, match="give it"):
        await ably.read(turn)
    assert len(ably.read_since) == tries
    assert await ably.read(turn) == ["u1 1"]


async def test_who_gives_up_does_not_end_the_reading_of_others(ably: Ably) -> None:
    turn, began = ably.ask(1), time.monotonic()
    ably.gate.clear()
    impatient, patient = (asyncio.ensure_future(ably.read(turn, began)) for _ in range(2))
    await ably.reads(1)
    impatient.cancel()
    await asyncio.wait({impatient})
    ably.gate.set()
    assert await patient == ["u1 1"]
    assert len(ably.read_since) == 1


async def test_agent_of_another_client_id_is_not_believed() -> None:
    # What is recorded has no client id.
    ably = Ably()
    ably.recollection = Recollection(lambda: CountingConnection(ably), "agent")
    ably.ask(1)
    ably.answer(1)
    assert await ably.read(ably.ask(2)) == ["u2 1"]


async def test_memory_is_bounded_by_turns_and_by_messages(ably: Ably, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("temporal_ably._publisher.recollection._TURNS", 3)
    turns = [ably.ask(1, channel=f"ai:{number}") for number in range(5)]
    began = time.monotonic()
    for turn in turns:
        await ably.read(turn, began)
    assert list(ably.recollection._turns) == turns[-3:]
    await ably.read(turns[2], began)
    await ably.read(ably.ask(1, channel="ai:new"), began)
    assert list(ably.recollection._turns)[:2] == [turns[4], turns[2]]
    monkeypatch.setattr("temporal_ably._publisher.recollection._KEPT", 1)
    await ably.read(turns[4], began)
    assert list(ably.recollection._turns) == [turns[4]]


async def test_long_history_is_not_read_to_its_end(ably: Ably, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("temporal_ably._publisher.recollection._READ", 3)
    for number in range(1, 10):
        ably.ask(number)
        ably.answer(number)
    assert await ably.read(ably.ask(10)) == ["r9/m 1", "u10 1"]
    assert ably.given == 3


def pass_a_millisecond() -> None:
    now = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 <= now:
        pass
