"""What clients ask of a run, from whatever the channel holds: live or from history, in any order."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_ably._dialect import ait08
from temporal_ably._publisher.requests import Requests, Steer, as_conversation, stopped
from temporal_ably._transport.base import Stored
from temporal_ably._wire.events import (
    CancelRequested,
    Event,
    Input,
    PartEmitted,
    PartText,
    Run,
    RunClosed,
    RunOpened,
    RunResumed,
    RunSuspended,
    Step,
    StepClosed,
    StepReason,
)
from temporal_ably._wire.parts import Streamed, Whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RUN = Run("run-1", "prompt-1", input_id="prompt-1")
OTHER = Run("run-2", "prompt-2", input_id="prompt-2")
TRIGGER = Input("prompt-1", "event-1", "user", part=Whole("user-message", {"partType": "text"}, "why?"))
BY_RUN = CancelRequested("c-1", run="run-1")
BY_INPUT = CancelRequested("c-1", input_id="prompt-1")


def message(serial: int, event: Event, *, named: bool = True) -> Stored:
    """An event as the channel gives it; without its name as appends come."""
    encoded = ait08.encode(event)
    extras = cast("Mapping[str, object]", encoded.extras)
    return Stored(f"{serial:04d}", encoded.name if named else "", encoded.data, extras)


def channel(*events: Event) -> list[Stored]:
    """Messages in the order of their serials, from 1."""
    return [message(serial, event) for serial, event in enumerate(events, 1)]


def heard(stored: Sequence[Stored], run: Run = RUN, event_id: str = "event-1") -> Requests:
    requests = Requests(event_id)
    requests.know(run)
    for each in stored:
        requests.take(each)
    return requests


def steer(steer_id: str, run: str = "run-1", text: str = "shorter") -> Input:
    return Input(steer_id, f"e-{steer_id}", "user", run=run, part=Whole("user-message", {"partType": "text"}, text))


def output(*steers: str, step: str = ":0:1", run: Run = RUN) -> PartEmitted:
    return PartEmitted(Step(run, step, "0001"), "m", Whole("start", {}, ""), steers)


@pytest.mark.parametrize("cancel", [BY_RUN, BY_INPUT, CancelRequested("c", "run-1", "prompt-1")])
def test_cancel_names_the_run_or_its_input(cancel: CancelRequested) -> None:
    assert heard(channel(TRIGGER, RunOpened(RUN), cancel)).cancelled_at == "0003"


@pytest.mark.parametrize(
    "cancel",
    [
        CancelRequested("c", run="run-2"),
        CancelRequested("c", run="run-2", input_id="prompt-1"),
        CancelRequested("c", input_id="prompt-2"),
        CancelRequested("c"),
    ],
    ids=["another run", "another run, whatever the input", "another input", "nothing"],
)
def test_cancel_of_anything_else_does_nothing(cancel: CancelRequested) -> None:
    assert heard(channel(TRIGGER, RunOpened(RUN), cancel)).cancelled_at == ""


def test_run_that_answers_nothing_is_not_meant_by_a_cancel_that_names_nothing() -> None:
    run = Run("run-1", "run-1/in")
    assert heard(channel(RunOpened(run), CancelRequested("c")), run, "").cancelled_at == ""


def test_cancel_from_before_the_run_is_known_is_kept_for_it() -> None:
    requests = Requests("event-1")
    for each in channel(BY_INPUT, CancelRequested("c", input_id="prompt-2")):
        requests.take(each)
    assert requests.cancelled_at == ""
    requests.know(RUN)
    assert requests.cancelled_at == "0001"


def test_what_one_reader_of_the_channel_kept_another_can_learn() -> None:
    first, second = Requests("event-1"), Requests("event-1")
    for each in channel(TRIGGER, BY_INPUT, steer("s-1"), steer("s-2"), output("s-1")):
        first.take(each)
    second.learn(first)
    second.know(RUN)
    assert second.cancelled_at == "0002"
    assert [each.id for each in second.steers(":0:2")] == ["s-2"]


def test_what_is_kept_is_bounded_and_the_newest_counts() -> None:
    requests = Requests("event-1")
    for serial in range(1, 3001):
        requests.take(message(serial, CancelRequested("c", input_id=f"prompt-{serial}")))
    late = Requests("event-1")
    late.learn(requests)
    late.know(Run("run", "p", input_id="prompt-2500"))
    assert late.cancelled_at == ""
    requests.know(Run("run", "p", input_id="prompt-3000"))
    assert requests.cancelled_at == "3000"


@pytest.mark.parametrize("over", [RunClosed(RUN, "complete"), RunSuspended(RUN)])
def test_cancel_is_used_up_by_the_end_and_by_a_suspension(over: Event) -> None:
    past = channel(TRIGGER, RunOpened(RUN), BY_RUN, over, RunResumed(Run("run-1", "", invocation="2")))
    assert heard(past).cancelled_at == ""
    assert heard([*past, message(6, BY_RUN)]).cancelled_at == "0006"


def test_cancel_of_an_input_is_used_up_by_the_end_of_another_run_that_answered_it() -> None:
    before = Run("run-0", "prompt-1", input_id="prompt-1")
    assert heard(channel(TRIGGER, BY_INPUT, RunClosed(before, "cancelled"))).cancelled_at == ""


def test_cancel_from_before_the_input_that_woke_the_run_again_is_past() -> None:
    approval = Input("m", "event-2", "user", run="run-1", part=Whole("tool-approval-response", {}, ""))
    past = channel(RunOpened(RUN), RunSuspended(RUN), BY_RUN, approval)
    assert heard(past, event_id="event-2").cancelled_at == ""


EVENTS: list[Event] = [
    TRIGGER,
    RunOpened(RUN),
    BY_RUN,
    RunSuspended(RUN),
    BY_INPUT,
    RunOpened(OTHER),
    RunClosed(OTHER, "complete"),
    steer("s-1"),
    output("s-1"),
    steer("s-2"),
]


@given(st.permutations(channel(*EVENTS) * 2), st.integers(0, 20))
def test_order_repeats_and_the_moment_of_knowing_change_nothing(stored: list[Stored], known_after: int) -> None:
    requests = Requests("event-1")
    for number, each in enumerate(stored):
        if number == known_after:
            requests.know(RUN)
        requests.take(each)
    requests.know(RUN)
    assert requests.cancelled_at == "0005"
    assert [each.id for each in requests.steers(":0:2")] == ["s-2"]


def test_history_need_not_be_read_beyond_what_the_run_began_with() -> None:
    requests = Requests("event-1")
    requests.know(RUN)
    newest_first = reversed(channel(output(), TRIGGER, RunOpened(RUN), BY_INPUT))
    assert [requests.take(each) for each in newest_first] == [False, False, True, False]
    alone = Requests()
    alone.know(RUN)
    newest_first = reversed(channel(output(), TRIGGER, RunOpened(OTHER), RunOpened(RUN), BY_RUN))
    assert [alone.take(each) for each in newest_first][:2] == [False, True]


def test_words_to_the_run_are_given_in_their_order_with_all_their_parts() -> None:
    picture = Input("s-1", "e-s-1", "user", run="run-1", part=Whole("user-message", {"partType": "file"}, "url"))
    stored = channel(TRIGGER, steer("s-1", text="look"), picture, steer("s-2"), steer("s-3", run="run-2"))
    found = heard(list(reversed(stored))).steers(":0:1")
    assert [(each.id, [part.data for part in each.parts]) for each in found] == [
        ("s-1", ["look", "url"]),
        ("s-2", ["shorter"]),
    ]


def test_what_the_run_was_woken_by_is_no_steer() -> None:
    again = Run("run-1", "prompt-1", input_id="s-1", invocation="2")
    stored = channel(TRIGGER, RunOpened(RUN), RunSuspended(RUN), steer("s-1"), RunResumed(again), steer("s-2"))
    assert [each.id for each in heard(stored).steers(":0:1")] == ["s-2"]
    woken_by_words = heard(channel(RunOpened(RUN), steer("s-1")), event_id="e-s-1")
    assert woken_by_words.steers(":0:1") == []


@pytest.mark.parametrize("kind", ["tool-result", "tool-approval-response", "regenerate"])
def test_only_words_of_users_are_steers(kind: str) -> None:
    assert heard(channel(Input("m", "e", "user", run="run-1", part=Whole(kind, {}, "")))).steers(":0:1") == []


def test_each_steer_is_given_to_one_step() -> None:
    appended = PartText(Step(RUN, ":0:1", "1"), "m", Streamed("text", "0", {"id": "0"}), "a", "streaming", ("s-1",))
    requests = heard([message(1, steer("s-1")), message(2, appended, named=False), message(3, steer("s-2"))])
    assert [each.id for each in requests.steers(":0:2")] == ["s-2"]
    requests.heed(["s-2"], ":0:2")
    assert requests.steers(":0:3") == []


@pytest.mark.parametrize("again", [":0:1", ":0:1@77"])
def test_retry_of_a_step_is_given_what_its_dead_attempt_had_heeded(again: str) -> None:
    assert [each.id for each in heard(channel(steer("s-1"), output("s-1"))).steers(again)] == ["s-1"]


def test_nothing_is_given_while_the_run_is_not_known() -> None:
    requests = Requests("event-1")
    requests.take(message(1, steer("s-1")))
    assert requests.steers(":0:1") == []


@pytest.mark.parametrize(
    "stored",
    [
        Stored("1", "ai-cancel", None, {"ai": "nonsense"}),
        Stored("1", "ai-input", None, {"ai": {"transport": {"run-id": 7}}}),
        Stored("1", "", None, {}),
        Stored("1", "news", "hello", {"headers": {}}),
    ],
)
def test_whatever_else_is_published_is_nothing(stored: Stored) -> None:
    requests = Requests()
    assert not requests.take(stored)
    requests.know(Run("", ""))
    assert requests.cancelled_at == ""
    assert requests.steers(":0:1") == []


def test_deleted_words_say_nothing() -> None:
    said = message(1, steer("s-1"))
    gone = Stored(said.serial, said.name, "", said.extras, action="delete")
    assert heard([gone]).steers(":0:1") == []


CUTS: list[tuple[StepReason, bool]] = [("cancelled", True), ("complete", False), ("failed", False)]


@pytest.mark.parametrize(("reason", "cut"), CUTS)
def test_run_is_stopped_if_a_step_was_cut_after_the_cancel(reason: StepReason, *, cut: bool) -> None:
    closed = StepClosed(Step(RUN, ":0:1", "0001"), reason)
    assert stopped(channel(TRIGGER, RunOpened(RUN), BY_INPUT, closed), RUN, "event-1") == cut


@pytest.mark.parametrize(
    "events",
    [
        [StepClosed(Step(RUN, ":0:1", "0001"), "cancelled"), BY_RUN],
        [BY_RUN, StepClosed(Step(OTHER, ":0:1", "0001"), "cancelled")],
        [StepClosed(Step(RUN, ":0:1", "0001"), "cancelled")],
        [BY_RUN],
    ],
    ids=["cut before", "of another run", "by nobody", "nothing was cut"],
)
def test_run_was_not_stopped_by_what_had_no_effect_on_it(events: list[Event]) -> None:
    assert not stopped(channel(RunOpened(RUN), *events), RUN)


def test_words_of_users_become_chat_messages() -> None:
    picture = Input(
        "s-1", "e-s-1", "user", run="run-1", part=Whole("user-message", {"partType": "file", "mediaType": "i/p"}, "u")
    )
    stored = channel(steer("s-1", text="look"), picture, steer("s-2"))
    said = as_conversation(heard(stored).steers(":0:1"), "ai:wf")
    assert [(message.id, message.role, message.text) for message in said] == [
        ("s-1", "user", "look"),
        ("s-2", "user", "shorter"),
    ]
    assert [part.as_ui()["type"] for part in said.messages[0].parts] == ["text", "file"]


def test_words_that_cannot_be_read_are_left_out() -> None:
    said = message(1, steer("s-1"))
    broken = Steer("s-0", (Stored("", said.name, "x", {"ai": {"transport": {}}}),))
    assert [each.id for each in as_conversation([broken, Steer("s-1", (said,))], "ai:wf")] == ["s-1"]
