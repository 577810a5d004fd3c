"""Publisher and fold joined back to back, under any faults: what was written is what a reader gets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from temporal_ably._dialect import ait08
from temporal_ably._publisher.attempt import Attempt
from temporal_ably._publisher.schedule import Rates, Schedule
from temporal_ably._wire.events import PartEmitted, PartText, RunOpened, StepOpened
from temporal_ably._wire.operations import messages_of
from temporal_ably._wire.parts import Streamed, Whole
from tests.publisher.model import PLAN, REASONING, TEXT, Channel, Fate, ui_parts

if TYPE_CHECKING:
    from collections.abc import Callable

    from temporal_ably._publisher.outbox import Ticket
    from temporal_ably._wire.operations import Operation
    from temporal_ably._wire.parts import Json

Step = tuple[str, int, str]
UiPart = dict[str, "Json"]

ROOMY = Rates(channel_per_s=1e6, connection_per_s=1e6)
# No text of these letters is JSON, so the input of a tool call is the text itself.
LETTERS = "ab \u00e9\U0001f600\n"
VERBS = ["text", "reasoning", "call", "extend", "extend", "close", "file", "data", "ephemeral", "result", "metadata"]
fates = st.lists(st.sampled_from(Fate), max_size=30)
stories = st.lists(
    st.tuples(
        st.sampled_from([*VERBS, "message", "settle", "settle"]),
        st.integers(0, 2),
        st.text(LETTERS, min_size=1, max_size=4),
    ),
    max_size=30,
)


@dataclass
class Written:
    """What the user wrote of one message, as a UI should have it."""

    parts: list[UiPart] = field(default_factory=list[UiPart])
    metadata: dict[str, Json] = field(default_factory=dict[str, "Json"])
    begun: bool = False

    @property
    def ui(self) -> list[UiPart]:
        return [{"type": "step-start"}, *self.parts]


class World:
    """A user's side, an attempt in a schedule, and a channel; operations in flight meet any fate in any order."""

    def __init__(self, fate_of: list[Fate]) -> None:
        self.attempt = Attempt(PLAN)
        self.channel = Channel()
        self.schedule = Schedule(ROOMY)
        self.schedule.add(self.attempt, 0.0)
        self.in_flight: list[tuple[Ticket, Operation]] = []
        self.written = [Written()]
        self.now = 0.0
        self._open: dict[int, tuple[UiPart, str]] = {}
        self._keys = 0
        self._calls: dict[str, UiPart] = {}
        self._fates = fate_of

    @property
    def messages(self) -> list[Written]:
        return [message for message in self.written if message.begun]

    @property
    def wrote_anything(self) -> bool:
        return self.attempt.serial != "" or bool(self.messages)

    def user(self, verb: str, which: int, text: str) -> None:
        verbs: dict[str, Callable[[int, str], None]] = {
            "text": lambda which, text: self._begin(TEXT, {"type": "text", "text": ""}, "text"),
            "reasoning": lambda which, text: self._begin(REASONING, {"type": "reasoning", "text": ""}, "text"),
            "call": lambda which, text: self._call(),
            "extend": self._extend,
            "close": lambda which, text: self._close(which),
            "file": lambda which, text: self._emit(
                Whole("file", {"mediaType": "a/b"}, text), mediaType="a/b", url=text
            ),
            "data": lambda which, text: self._emit(Whole("data-a", {}, {"value": text}), data={"value": text}),
            "ephemeral": lambda which, text: self._ephemeral(text),
            "result": self._result,
            "metadata": self._set_metadata,
            "message": lambda which, text: self.written.append(Written()),
            "settle": lambda which, text: self.settle(which),
        }
        verbs[verb](which, text)

    @property
    def _number(self) -> int:
        return len(self.written) - 1

    def _call(self) -> None:
        call_id = f"c{len(self._calls)}"
        ui: UiPart = {"type": "tool-look", "toolCallId": call_id, "state": "input-available"}
        self._calls[call_id] = ui
        self._begin(Streamed("tool-input", call_id, {"toolCallId": call_id, "toolName": "look"}), ui, "input")

    def _extend(self, which: int, text: str) -> None:
        if which < len(self._open):
            key = list(self._open)[which]
            ui, text_of = self._open[key]
            ui[text_of] = f"{ui.get(text_of, '')}{text}"
            self.attempt.text(key, text, self.now)

    def _close(self, which: int) -> None:
        if which < len(self._open):
            key = list(self._open)[which]
            del self._open[key]
            self.attempt.close_part(key, {}, "complete", self.now)

    def _ephemeral(self, text: str) -> None:
        part = Whole("data-b", {"transient": "true"}, text, ephemeral=True)
        self.attempt.emit(self._number, part, self.now)

    def _result(self, which: int, text: str) -> None:
        if which < len(self._calls):
            call_id = list(self._calls)[which]
            self._calls[call_id] |= {"state": "output-available", "output": text}
            part = Whole("tool-output-available", {"toolCallId": call_id}, {"output": text})
            self.attempt.emit(self._number, part, self.now)

    def _set_metadata(self, which: int, text: str) -> None:
        self.written[-1].metadata[str(which)] = text
        self.attempt.set_metadata(self._number, {str(which): text}, self.now)

    def _begin(self, part: Streamed, ui: UiPart, text_of: str) -> None:
        self._keys += 1
        self._open[self._keys] = ui, text_of
        self.written[-1].parts.append(ui)
        self.written[-1].begun = True
        self.attempt.open_part(self._keys, self._number, part, self.now)

    def _emit(self, part: Whole, **ui: Json) -> None:
        self.written[-1].parts.append({"type": part.kind, **ui})
        self.written[-1].begun = True
        self.attempt.emit(self._number, part, self.now)

    def pump(self) -> None:
        self.now += 0.05
        for _, ticket in self.schedule.take(self.now, {0}):
            self.in_flight.append((ticket, self.attempt.take(ticket, self.now)))

    def settle(self, which: int) -> None:
        if which >= len(self.in_flight):
            return
        ticket, operation = self.in_flight.pop(which)
        fate = self._fates.pop() if self._fates else Fate.ACKED
        serials = self.channel.apply(operation) if fate in (Fate.ACKED, Fate.LOST_BUT_APPLIED) else ()
        if fate is Fate.ACKED:
            self.attempt.acked(ticket, serials, self.now)
        elif fate is Fate.REFUSED:
            self.attempt.unsent(ticket)
        else:
            self.attempt.doubted(ticket)

    def finish(self) -> None:
        for _ in range(1000):
            self.pump()
            if not self.in_flight:
                if self.attempt.done:
                    return
                self.now += 1.0
            self.settle(0)
        raise AssertionError("the attempt never came to an end")


@given(stories, fates)
def test_any_faults_end_in_exactly_what_the_user_wrote(story: list[Step], fate_of: list[Fate]) -> None:
    world = World(fate_of)
    for step in story:
        world.user(*step)
        world.pump()
    world.attempt.finish("complete", world.now)
    world.finish()
    channel, expected = world.channel, world.messages
    assert channel.ui() == [message.ui for message in expected]
    own: dict[str, Json] = {"agent": "answer", "workflowId": "wf", "activityType": "answer", "attempt": 1}
    assert [each.metadata for each in channel.session.messages] == [own | message.metadata for message in expected]
    assert all(each.ui_id == each.id for each in channel.session.messages)
    assert all(stream.status == "complete" for stream in channel.streams())
    assert world.attempt.lost == 0
    assert world.attempt.held_bytes == 0


@given(stories, fates)
def test_any_faults_leave_one_frame_around_the_outputs_of_one_attempt(story: list[Step], fate_of: list[Fate]) -> None:
    world = World(fate_of)
    for step in story:
        world.user(*step)
        world.pump()
    world.attempt.finish("complete", world.now)
    world.finish()
    names = world.channel.names()
    expected = ["ai-run-start", "ai-step-end", "ai-step-start"]
    assert sorted(name for name in names if name != "ai-output") == (expected if names else [])
    if names:
        assert names[-1] == "ai-step-end"
    assert bool(names) == world.wrote_anything
    outputs = [event for event in world.channel.events() if isinstance(event, PartEmitted | PartText)]
    assert len({event.step.serial for event in outputs}) <= 1


@given(stories, fates, st.integers(0, 30))
def test_after_a_fence_nothing_new_is_opened_whatever_happens(
    story: list[Step], fate_of: list[Fate], fenced_at: int
) -> None:
    world = World(fate_of)
    for index, step in enumerate(story):
        if index == fenced_at:
            world.attempt.fence(world.now)
        world.user(*step)
        world.pump()
    world.attempt.fence(world.now)
    in_flight = {message.id for _, operation in world.in_flight for message in messages_of(operation)}
    before = {message.id for message in world.channel.messages.values()}
    world.finish()
    after = [message for message in world.channel.messages.values() if message.id not in before]
    assert {message.id for message in after} <= in_flight
    assert all(
        isinstance(ait08.decode(message, ""), StepOpened | RunOpened | PartText | PartEmitted) for message in after
    )


@given(stories, fates, st.integers(0, 30))
def test_what_a_fenced_attempt_leaves_behind_is_the_beginning_of_what_was_written(
    story: list[Step], fate_of: list[Fate], fenced_at: int
) -> None:
    world = World(fate_of)
    for step in story[:fenced_at]:
        world.user(*step)
        world.pump()
    world.attempt.fence(world.now)
    world.finish()
    left = [part for message in world.channel.session.messages for part in ui_parts(message)]
    written = [part for message in world.messages for part in message.ui]
    assert [part["type"] for part in left] == [part["type"] for part in written[: len(left)]]
    assert all(
        str(full.get("text", "")).startswith(str(part.get("text", "")))
        for part, full in zip(left, written, strict=False)
    )


def test_two_attempts_of_a_step_fold_to_what_the_later_one_wrote() -> None:
    channel = Channel()
    for started_us, text in ((1000, "dead"), (2000, "alive")):
        attempt = Attempt(replace(PLAN, origin=replace(PLAN.origin, started_us=started_us)))
        attempt.open_part(1, 0, TEXT, 0.0)
        attempt.text(1, text, 0.0)
        attempt.finish("complete", 0.0)
        tickets = list(attempt.ready())
        while tickets:
            for ticket in tickets:
                attempt.acked(ticket, channel.apply(attempt.take(ticket, 0.0)), 0.0)
            tickets = list(attempt.ready())
    assert channel.session.text == "alive"
    [run] = channel.session.runs
    assert [attempt.text for attempt in run.steps[0].dead] == ["dead"]
