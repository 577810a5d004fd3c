from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_ably._wire.identity import (
    DEFAULT_TEMPLATE,
    TEMPLATE_VARIABLES,
    Binding,
    Header,
    Reset,
    Sweep,
    WorkflowFacts,
    bind,
    check_template,
    child_binding,
    is_swept,
    render_session,
    repeated_since,
    step_id,
    turn_binding,
    turn_name,
    update_name,
    with_sweep,
)
from temporal_ably.errors import SettingsError

FORBIDDEN = re.compile(r"[,\s\x00-\x1f\x7f]")

FACTS = WorkflowFacts(
    namespace="default",
    workflow_id="wf",
    workflow_type="Chat",
    run_id="run-1",
    first_execution_run_id="run-1",
    original_execution_run_id="run-1",
    continued_run_id=None,
    root_workflow_id="wf",
    attempt=1,
    cron=False,
    started_us=1000,
)
OWN = Binding("ai:wf", "run-1", "wf", "run-1")

numbers = st.integers(min_value=0, max_value=50)
places = st.tuples(numbers, numbers)


def rendered(template: str, workflow_id: str) -> str:
    return render_session(template, dict.fromkeys(TEMPLATE_VARIABLES, workflow_id))


# Sessions.


@pytest.mark.parametrize(
    ("workflow_id", "channel"),
    [
        ("order-7", "ai:order-7"),
        ("a b", "ai:a%20b"),
        ("a,b", "ai:a%2Cb"),
        ("50%", "ai:50%25"),
        ("a:b[c]", "ai:a:b[c]"),
        ("tab\there", "ai:tab%09here"),
        ("caf\u00e9\u2003x", "ai:caf\u00e9%E2%80%83x"),
    ],
)
def test_session_is_the_workflow_id_with_forbidden_characters_encoded(workflow_id: str, channel: str) -> None:
    assert rendered(DEFAULT_TEMPLATE, workflow_id) == channel


@pytest.mark.parametrize(("workflow_id", "channel"), [("[x]y", "%5Bx]y"), (":x", "%3Ax"), ("x:", "x:")])
def test_session_that_begins_with_a_variable_does_not_begin_with_a_reserved_character(
    workflow_id: str, channel: str
) -> None:
    assert rendered("{workflow_id}", workflow_id) == channel


@given(st.sampled_from([DEFAULT_TEMPLATE, "{workflow_id}", "chat:{workflow_id}:out"]), st.text(min_size=1))
def test_session_never_holds_a_forbidden_character(template: str, workflow_id: str) -> None:
    channel = rendered(template, workflow_id)
    assert not FORBIDDEN.search(channel)
    assert channel[0] not in "[:"


@given(st.sampled_from([DEFAULT_TEMPLATE, "{workflow_id}"]), st.text(min_size=1), st.text(min_size=1))
def test_different_workflows_never_share_a_session(template: str, one: str, other: str) -> None:
    assert (rendered(template, one) == rendered(template, other)) == (one == other)


@pytest.mark.parametrize("template", [DEFAULT_TEMPLATE, "{namespace}:{workflow_type}:{workflow_id}", "one-for-all"])
def test_template_of_known_variables_is_accepted(template: str) -> None:
    check_template(template)


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("", "not empty"),
        ("[meta]{workflow_id}", "does not begin"),
        (":{workflow_id}", "does not begin"),
        ("ai {workflow_id}", "white space"),
        ("ai,{workflow_id}", "comma"),
        ("ai%20{workflow_id}", "percent"),
        ("ai:{user}", "{user} is not a variable"),
        ("ai:{}", "{} is not a variable"),
        ("ai:{workflow_id!r}", "is not a variable"),
        ("ai:{workflow_id:>9}", "is not a variable"),
        ("ai:{workflow_id", "expected '}'"),
    ],
)
def test_wrong_template_is_refused_with_the_variable_named(template: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=r"unable to use ABLY_SESSION_TEMPLATE") as caught:
        check_template(template)
    assert complaint in str(caught.value)


# Runs.


def test_workflow_without_a_header_owns_its_run() -> None:
    assert bind(FACTS, None, DEFAULT_TEMPLATE) == OWN


def test_run_is_unchanged_by_continue_as_new() -> None:
    following = Header("ai:wf", replace(OWN, segment=1), continued_from="run-1")
    facts = replace(FACTS, run_id="run-2", original_execution_run_id="run-2", continued_run_id="run-1")
    assert bind(facts, following, DEFAULT_TEMPLATE) == replace(OWN, segment=1)


def test_detached_child_keeps_the_session_and_owns_its_run() -> None:
    facts = replace(FACTS, workflow_id="child", run_id="c", first_execution_run_id="c", original_execution_run_id="c")
    assert bind(facts, Header("ai:wf"), DEFAULT_TEMPLATE) == Binding("ai:wf", "c", "child", "c")


def test_child_stays_in_the_run_of_its_root() -> None:
    bound = child_binding(OWN, 3)
    facts = replace(FACTS, workflow_id="child", run_id="c", first_execution_run_id="c", original_execution_run_id="c")
    assert bind(facts, Header("ai:wf", bound), DEFAULT_TEMPLATE) == bound


def test_retry_after_continue_as_new_sweeps_its_own_segment_only() -> None:
    following = Header("ai:wf", replace(OWN, segment=2), continued_from="run-1")
    facts = replace(FACTS, run_id="run-3", original_execution_run_id="run-3", attempt=2, started_us=2000)
    assert bind(facts, following, DEFAULT_TEMPLATE).sweeps == (Sweep("", 2000, (2, 0)),)


def test_workflow_retry_keeps_the_run_and_sweeps_all_that_started_before_it() -> None:
    facts = replace(FACTS, run_id="run-2", original_execution_run_id="run-2", attempt=2, started_us=2000)
    assert bind(facts, None, DEFAULT_TEMPLATE) == replace(OWN, sweeps=(Sweep("", 2000, (0, 0)),))


def test_reset_keeps_the_run_and_says_that_it_is_one() -> None:
    facts = replace(FACTS, run_id="run-2")
    assert bind(facts, None, DEFAULT_TEMPLATE) == replace(OWN, reset=Reset("run-2", "wf", "run-1"))


def test_ticks_of_a_cron_schedule_have_runs_of_their_own() -> None:
    first = replace(FACTS, cron=True)
    second = replace(first, run_id="run-2", original_execution_run_id="run-2", continued_run_id="run-1")
    assert [bind(facts, None, DEFAULT_TEMPLATE).run for facts in (first, second)] == ["run-1/run-1", "run-1/run-2"]


def test_retried_tick_of_a_cron_schedule_keeps_the_run_of_the_tick() -> None:
    tick = replace(FACTS, cron=True, run_id="run-2", original_execution_run_id="run-2", continued_run_id="run-1")
    retried = replace(tick, run_id="run-3", original_execution_run_id="run-3", continued_run_id="run-2", attempt=2)
    assert bind(retried, None, DEFAULT_TEMPLATE).run == bind(tick, None, DEFAULT_TEMPLATE).run


def test_next_tick_does_not_take_over_the_run_of_a_header_that_the_server_copied() -> None:
    copied = Header("ai:wf", replace(OWN, run="run-1/run-1", segment=1), continued_from="run-1")
    continued = replace(FACTS, cron=True, run_id="run-2", original_execution_run_id="run-2", continued_run_id="run-1")
    next_tick = replace(continued, run_id="run-3", original_execution_run_id="run-3", continued_run_id="run-2")
    assert bind(continued, copied, DEFAULT_TEMPLATE).run == "run-1/run-1"
    assert bind(next_tick, copied, DEFAULT_TEMPLATE).run == "run-1/run-3"


def test_sweep_replaces_an_earlier_one_of_the_same_node() -> None:
    bound = OWN
    for sweep in (Sweep("", 1, (0, 0)), Sweep("/0.1", 2, (0, 0)), Sweep("", 3, (0, 2))):
        bound = with_sweep(bound, sweep)
    assert bound.sweeps == (Sweep("/0.1", 2, (0, 0)), Sweep("", 3, (0, 2)))


# Inputs.

CHAT = "ai:chat-42"


def test_workflow_that_was_started_for_an_input_answers_it() -> None:
    bound = bind(FACTS, Header(CHAT, input="e1", client_id="alice"), DEFAULT_TEMPLATE)
    assert bound == replace(OWN, session=CHAT, input="e1", client_id="alice")


def test_workflow_whose_argument_names_an_input_answers_it() -> None:
    assert bind(FACTS, None, DEFAULT_TEMPLATE, Header(CHAT, input="e1")) == replace(OWN, session=CHAT, input="e1")


def test_what_the_starter_says_goes_before_the_argument() -> None:
    bound = bind(FACTS, Header("ai:other", input="e2"), DEFAULT_TEMPLATE, Header(CHAT, input="e1"))
    assert (bound.session, bound.input) == ("ai:other", "e2")


def test_starter_that_gives_the_session_alone_leaves_the_input_to_the_argument() -> None:
    bound = bind(FACTS, Header(CHAT, client_id="alice"), DEFAULT_TEMPLATE, Header(CHAT, input="e1"))
    assert (bound.session, bound.input, bound.client_id) == (CHAT, "e1", "alice")


def test_argument_that_names_another_session_than_the_starter_is_not_heeded() -> None:
    bound = bind(FACTS, Header("ai:other"), DEFAULT_TEMPLATE, Header(CHAT, input="e1"))
    assert (bound.session, bound.input) == ("ai:other", "")


def test_child_stays_in_the_run_of_its_root_whatever_it_is_given() -> None:
    bound = child_binding(replace(OWN, input="e1"), 1)
    assert bind(FACTS, Header("ai:wf", bound), DEFAULT_TEMPLATE, Header(CHAT, input="e2")) == bound


def test_turn_is_a_run_of_its_own() -> None:
    bound = turn_binding(OWN, "0.1", Header(CHAT, input="e1", client_id="alice"))
    assert bound == replace(OWN, session=CHAT, run="run-1/0.1", turn="0.1", input="e1", client_id="alice")


def test_turn_that_answers_nothing_stays_in_the_session_and_does_not_answer_what_the_workflow_does() -> None:
    bound = turn_binding(replace(OWN, session=CHAT, input="e1", client_id="alice", resumed=2), "0.1", None)
    assert bound == replace(OWN, session=CHAT, run="run-1/0.1", turn="0.1")


def test_name_of_a_turn_never_breaks_up_the_name_of_a_step() -> None:
    bound = turn_binding(OWN, update_name(0, 1, "a:b/c@d e"), None, update="a:b/c@d e")
    assert bound.run == "run-1/a%3Ab%2Fc%40d%20e"
    assert bound.update == "a:b/c@d e"


def test_no_two_turns_of_a_chain_have_one_name_whatever_ids_updates_have() -> None:
    runs = [(segment, attempt) for segment in range(3) for attempt in range(1, 4)]
    ids = ["1", "0.1", "0.1.2", "1.1", "1.2/0.1", "0%2E1", "x", "1.2", "..", "é"]
    names = [turn_name(*run, turn) for run in runs for turn in (1, 2)]
    names += [update_name(*run, each) for run in runs for each in ids]
    assert len(set(names)) == len(names)
    assert (turn_name(0, 1, 1), update_name(0, 1, "update-1")) == ("0.1", "update-1")


# Steps.


@pytest.mark.parametrize(
    ("bound", "ordinal", "step"),
    [
        (OWN, 1, ":0:1"),
        (replace(OWN, segment=2), 4, ":2:4"),
        (child_binding(OWN, 2), 1, "/0.2:0:1"),
        (child_binding(replace(child_binding(OWN, 2), segment=1), 3), 5, "/0.2/1.3:0:5"),
    ],
)
def test_step_is_named_by_node_segment_and_ordinal(bound: Binding, ordinal: int, step: str) -> None:
    assert step_id(bound, ordinal) == step


def bound_at(path: list[tuple[int, int]], segment: int) -> Binding:
    bound = OWN
    for parent_segment, ordinal in path:
        bound = child_binding(replace(bound, segment=parent_segment), ordinal)
    return replace(bound, segment=segment)


@given(st.lists(places, max_size=4), places, st.lists(places, max_size=4), places)
def test_steps_of_different_places_have_different_names(
    path: list[tuple[int, int]], own: tuple[int, int], other_path: list[tuple[int, int]], other: tuple[int, int]
) -> None:
    names = {step_id(bound_at(at, segment), n) for at, (segment, n) in ((path, own), (other_path, other))}
    assert len(names) == (1 if (path, own) == (other_path, other) else 2)


# Sweeps.


@given(st.lists(places, max_size=3), st.lists(places, max_size=3), places, places, numbers, numbers)
def test_sweep_takes_what_stands_below_its_node_at_or_after_its_first_and_started_before_it(
    path: list[tuple[int, int]],
    node_path: list[tuple[int, int]],
    own: tuple[int, int],
    first: tuple[int, int],
    started_us: int,
    since_us: int,
) -> None:
    segment, ordinal = own
    step = step_id(bound_at(path, segment), ordinal)
    below = path[: len(node_path)] == node_path
    place = [*path, own][len(node_path)] if below else None
    expected = place is not None and started_us < since_us and place >= first
    assert is_swept(step, started_us, Sweep(bound_at(node_path, 0).node, since_us, first)) is expected


@pytest.mark.parametrize("step", ["", ":", "::", ":activity-7", "x", ":0:\u00b2", "/a.b:0:1", ":0:" + "9" * 5000])
def test_step_with_a_foreign_name_is_never_swept(step: str) -> None:
    assert is_swept(step, 0, Sweep("", 1, (0, 0))) is False


def test_a_repeated_step_names_the_newest_run_that_repeats_it() -> None:
    sweeps = (Sweep("", 500, (1, 2)), Sweep("/1.3", 700, (0, 0)))
    assert repeated_since(":1:2", sweeps) == 500
    assert repeated_since(":1:1", sweeps) == 0
    assert repeated_since("/1.3:0:1", sweeps) == 700
    assert repeated_since("/1.4:0:1", sweeps) == 500
