from __future__ import annotations

from dataclasses import replace

import pytest

from temporal_ably._publisher.recall import Place
from temporal_ably._publisher.wakeups import Lifecycle, going_on, is_own, owner_of, times_resumed, wake_up_name
from temporal_ably._wire.events import Run, RunClosed, RunOpened, RunResumed
from tests.publisher.told import FIRST, approves, forks, history, says, suspended

# The run as its workflow knows it without the channel, when it goes on for the first and the second time.
AGAIN = Run("R", "R/in", invocation="R/+1")
ONCE_MORE = replace(AGAIN, invocation="R/+2")
# The first time that it went on, after an approval.
RESUMED = replace(FIRST, parent="", input_id="R/:0:1/0", invocation="R/+1")
WAITED = (RunOpened(FIRST), suspended(reason="waiting"))


def test_a_wake_up_bears_the_name_of_who_was_woken_with_a_number_from_the_second_on() -> None:
    assert [each.name for each in Lifecycle(history(*WAITED, RunResumed(RESUMED))).wake_ups] == ["R", "R/+1"]
    assert (wake_up_name("R", 1), times_resumed("R/+12", "R"), times_resumed("R", "R")) == ("R/+1", 12, 0)
    assert [owner_of(each) for each in ("R", "R/+12", "R/+x", "R/0.1")] == ["R", "R", "R/+x", "R/0.1"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("R", True), ("R/+12", True), ("R/1", False), ("R/+", False), ("R2", False), ("R/0.1", False)],
)
def test_wake_ups_of_turns_and_of_others_are_not_ones_own(name: str, expected: bool) -> None:  # noqa: FBT001
    assert is_own(name, "R") is expected


def test_a_wake_up_has_the_place_that_the_opening_of_its_run_gives() -> None:
    edit = replace(FIRST, fork_of="u0", regenerates="m0")
    resumed = Lifecycle(history(RunOpened(edit), RunResumed(RESUMED))).wake_ups[-1].run
    assert resumed == replace(RESUMED, parent="u1", fork_of="u0", regenerates="m0")
    lonely = Lifecycle(history(RunResumed(RESUMED))).wake_ups[-1].run
    assert lonely == replace(RESUMED, parent="R/in")


def test_what_ended_and_what_is_hidden_is_told() -> None:
    told = Lifecycle(history(RunOpened(FIRST), forks(), RunClosed(Run("other", ""), "complete")))
    assert (told.ended, told.superseded) == ({"other"}, {"R"})


def test_who_heard_nothing_goes_on_as_before() -> None:
    place = going_on(AGAIN, (), history(*WAITED), turn=False)
    assert place == Place(replace(FIRST, invocation="R/+1"))


def test_an_approval_is_answered_in_the_run_that_it_goes_on_with() -> None:
    place = going_on(AGAIN, ("e2",), history(*WAITED, approves()), turn=True)
    assert place == Place(replace(FIRST, input_id="R/:0:1/0", invocation="R/+1"))


def test_an_approval_that_came_before_the_suspension_counts() -> None:
    place = going_on(AGAIN, ("e2",), history(RunOpened(FIRST), approves(), suspended()), turn=True)
    assert place == Place(replace(FIRST, input_id="R/:0:1/0", invocation="R/+1"))


def test_of_several_approvals_the_newest_counts_whatever_came_beside_them() -> None:
    first, second = approves("e2"), approves("e3", target="R/:0:2/0")
    other = approves("e4", run="other")
    place = going_on(AGAIN, ("e4", "e3", "e2"), history(*WAITED, first, second, other, says("e5", "u2")), turn=False)
    assert place is not None
    assert place.run.input_id == "R/:0:2/0"


def test_the_result_of_a_tool_that_hides_the_run_has_a_run_of_its_own_beside_it() -> None:
    place = going_on(AGAIN, ("e2",), history(*WAITED, forks()), turn=True)
    fork = Run("R/+1", "u1", client_id="alice", input_id="f1", input_client_id="alice")
    assert place == Place(fork)


def test_a_fork_goes_on_as_itself() -> None:
    fork = Run("R/+1", "u1", client_id="alice", input_id="f1", input_client_id="alice")
    told = history(*WAITED, forks(), RunOpened(fork), suspended(fork, "waiting"))
    assert going_on(ONCE_MORE, ("e2",), told, turn=True) == Place(replace(fork, invocation="R/+2"))
    # Whoever else writes to it, or writes again, comes to the same place as its first writer.
    assert going_on(AGAIN, ("e2",), told, turn=True) == Place(fork)
    assert going_on(AGAIN, (), told, turn=True) == Place(fork)


def test_what_was_answered_is_answered_once() -> None:
    told = history(*WAITED, approves(), RunResumed(RESUMED), suspended(RESUMED, "waiting"))
    place = going_on(ONCE_MORE, ("e2",), told, turn=True)
    assert place == Place(replace(RESUMED, parent="u1", invocation="R/+2"))


def test_a_new_message_begins_a_run_but_within_a_turn() -> None:
    told = history(*WAITED, says("e2", "u2", parent="R/:0:1/0"))
    begun = Run("R/+1", "u2", client_id="alice", input_id="u2", input_client_id="alice")
    assert going_on(AGAIN, ("e2",), told, turn=False) == Place(begun)
    assert going_on(AGAIN, ("e2",), told, turn=True) == Place(replace(FIRST, invocation="R/+1"))


def test_who_goes_on_with_the_run_of_another_goes_on_with_it_again() -> None:
    second = replace(FIRST, input_id="R/:0:1/0", invocation="W2")
    told = history(*WAITED, approves(), RunResumed(second), suspended(second, "waiting"), approves("e3"))
    place = going_on(Run("W2", "W2/in", invocation="W2/+1"), ("e3",), told, turn=False)
    # Its steps are told from those of the other.
    assert place == Place(replace(second, invocation="W2/+1"), "W2")


def test_nothing_is_known_of_a_run_that_the_history_does_not_tell_of() -> None:
    assert going_on(AGAIN, ("e2",), history(approves()), turn=False) is None
