from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from temporal_ably._publisher.handover import Standing, opening_of, standing
from temporal_ably._transport.base import Stored
from temporal_ably._wire.events import Run, RunClosed, RunOpened, RunResumed
from temporal_ably._wire.parts import Whole
from tests.publisher.told import (
    FIRST,
    approval_request,
    approves,
    call,
    forks,
    history,
    opened,
    outcome,
    says,
    suspended,
    text,
    wrote,
)

if TYPE_CHECKING:
    from temporal_ably._wire.events import Event

RESUMED = replace(FIRST, invocation="R/+1")
SECOND = replace(FIRST, input_id="R/:0:1/0", invocation="W2")
BEGUN = (RunOpened(FIRST), opened())
ASKED = (*BEGUN, wrote(call()))
FINISH = wrote(Whole("finish", {"finishReason": "tool-calls"}))


def stands(*events: Event | Stored, run: Run = FIRST, name: str = "R") -> Standing:
    return standing(history(*events), run, name)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([call()], True),
        ([text(), call()], True),
        ([call(), approval_request()], True),
        ([call("c0"), call(), outcome("c0")], True),
        ([call(), Whole("abort", {})], True),
        ([text()], False),
        ([call(), text()], False),
        ([call(), outcome()], False),
        ([call(), approval_request(), Whole("tool-output-denied", {"toolCallId": "c1"})], False),
        ([call(providerExecuted="true")], False),
        ([], False),
    ],
)
def test_a_run_hands_over_if_its_last_words_are_a_call_that_waits_for_the_client(
    parts: list[Whole],
    expected: bool,  # noqa: FBT001
) -> None:
    found = stands(*BEGUN, *(wrote(part) for part in parts))
    assert (found.state, found.hands_over) == ("active", expected)


def test_what_clients_answered_meanwhile_makes_no_difference() -> None:
    assert stands(*ASKED, wrote(approval_request()), approves()).hands_over
    assert stands(*ASKED, forks()).hands_over


def test_sub_agents_have_no_last_words_but_the_outcomes_of_tools_that_they_ran() -> None:
    child = opened(step="/0.1:0:1")
    later = wrote(text(), serial="04", step="/0.1:0:1", answers=False)
    assert stands(*ASKED, child, later).hands_over
    assert not stands(*ASKED, child, wrote(outcome(), serial="04", step="/0.1:0:1", answers=False)).hands_over
    assert not stands(*BEGUN, wrote(text()), child, wrote(call(), serial="04", step="/0.1:0:1", answers=False)).calls


def test_only_the_attempt_that_counts_has_last_words() -> None:
    again = opened()
    found = stands(*ASKED, again, wrote(text(), serial="04"), wrote(approval_request()))
    assert not found.hands_over
    assert found.last is not None
    assert found.last.serial == "05"


def test_the_last_part_of_the_answer_is_found() -> None:
    found = stands(*BEGUN, wrote(text()), wrote(call()))
    assert found.last is not None
    assert found.last.serial == "04"
    assert stands(*BEGUN).last is None


def test_a_run_that_nobody_opened_is_not_known() -> None:
    found = stands(says("e1", "u1"))
    assert (found.run, found.state, found.known) == (FIRST, "active", False)
    assert stands(*BEGUN).known
    # As is one whose opening has expired.
    assert stands(opened(), wrote(call(), serial="01")).known


def test_an_end_is_final() -> None:
    assert stands(*ASKED, RunClosed(FIRST, "error"), suspended()).state == "ended"


def test_a_suspended_run_is_handed_over_or_waits() -> None:
    assert stands(*ASKED, FINISH, suspended()).state == "handed-over"
    assert stands(*ASKED, FINISH, suspended(reason="waiting")).state == "waiting"
    assert not stands(*ASKED, FINISH, suspended()).hands_over


def test_a_run_that_went_on_is_active_whatever_comes_late_of_its_earlier_wake_up() -> None:
    went_on = (*ASKED, FINISH, suspended(reason="waiting"), RunResumed(RESUMED))
    found = stands(*went_on, suspended(reason="waiting"))
    assert (found.run, found.state) == (RESUMED, "active")
    # Last words are those of all its wake-ups.
    assert found.hands_over
    assert not stands(*went_on, opened(RESUMED, ":0:2"), wrote(text(), RESUMED, serial="07", step=":0:2")).hands_over


def test_a_reset_workflow_that_says_more_is_active_again() -> None:
    assert stands(*ASKED, FINISH, suspended(), wrote(text())).state == "active"


def test_a_run_that_another_workflow_goes_on_with_is_left_to_it() -> None:
    taken_over = (*ASKED, FINISH, suspended(), approves(), RunResumed(SECOND))
    assert stands(*taken_over).state == "elsewhere"
    assert stands(*ASKED, approves(), RunResumed(SECOND)).state == "elsewhere"
    assert stands(*taken_over, suspended(SECOND)).state == "elsewhere"
    assert stands(*taken_over, run=SECOND, name="W2").state == "active"


def test_who_goes_on_has_last_words_of_its_own() -> None:
    taken_over = (*ASKED, FINISH, suspended(), approves(), RunResumed(SECOND))
    step = opened(SECOND, "W2:0:1")
    assert not stands(*taken_over, step, run=SECOND, name="W2").hands_over
    words = wrote(call("c2"), SECOND, serial="08", step="W2:0:1")
    assert stands(*taken_over, step, words, run=SECOND, name="W2").hands_over
    assert stands(*taken_over, step, words, suspended(SECOND), run=SECOND, name="W2").state == "handed-over"


def test_who_says_nothing_of_a_suspended_run_may_end_it_but_not_one_that_is_active() -> None:
    silent = stands(*ASKED, FINISH, suspended(), approves(), run=SECOND, name="W2")
    assert (silent.run, silent.state, silent.hands_over) == (SECOND, "active", False)
    assert stands(*ASKED, approves(), run=SECOND, name="W2").state == "elsewhere"


def test_a_run_of_its_own_that_it_went_on_with_is_its_newest_one() -> None:
    fork = Run("R/+1", "u1", input_id="f1")
    found = stands(*ASKED, FINISH, suspended(reason="waiting"), forks(), RunOpened(fork))
    assert (found.run, found.state, found.left) == (fork, "active", ())


def test_a_run_that_was_left_for_a_new_message_is_to_be_ended_too() -> None:
    begun = Run("R/+1", "u2", input_id="u2")
    found = stands(*ASKED, FINISH, suspended(reason="waiting"), says("e2", "u2"), RunOpened(begun))
    assert (found.run, found.left) == (begun, (FIRST,))


def test_a_run_beside_an_ended_one_stands_for_itself() -> None:
    beside = Run("R/rX", "u1", input_id="u1")
    told = (*ASKED, RunClosed(FIRST, "complete"), RunOpened(beside), opened(beside))
    assert stands(*told, run=beside).run == beside
    assert stands(*told, run=beside).state == "active"


def test_messages_of_others_do_not_stop_the_reading() -> None:
    odd = Stored("", "chatter", "hello", {"headers": "odd"})
    assert stands(*ASKED, odd, suspended(), odd).state == "handed-over"


def test_what_came_before_the_opening_does_not_matter() -> None:
    told = history(says("e1", "u1"), *ASKED, RunOpened(Run("R/+1", "u2")))
    assert [each.serial for each in told if opening_of(FIRST, "R")(each)] == ["02"]
    assert [each.serial for each in told if opening_of(Run("R/+1", "u2"), "R")(each)] == ["02"]
    assert [each.serial for each in told if opening_of(SECOND, "W2")(each)] == ["02"]
