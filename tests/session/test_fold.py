from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_ably._dialect import ait08
from temporal_ably._session.fold import Fold
from temporal_ably._session.model import Message
from temporal_ably._session.parts import TextPart
from temporal_ably._session.transcript import transcript
from temporal_ably._wire import tags
from temporal_ably._wire.events import Input, Run, RunReason, StepReason
from temporal_ably._wire.parts import Whole
from tests.session.chat import AGENT, Chat, ids, texts
from tests.session.drawn import chats, recordings
from tests.session.recording import BEGIN, Delivery, Recording, fold

if TYPE_CHECKING:
    from temporal_ably._wire.parts import Json
    from temporal_ably.envelope import Action

CALL = {"toolCallId": "c1", "toolName": "getWeather"}


def with_tags(delivery: Delivery, changes: dict[str, str]) -> Delivery:
    return replace(delivery, extras={**delivery.extras, "headers": {**delivery.extras["headers"], **changes}})


def test_a_plain_stream():
    channel = Recording()
    channel.open_run()
    attempt = channel.attempt()
    attempt.write(*BEGIN)
    attempt.text().append("Hello", " world").close()
    attempt.end()
    channel.close_run()
    assert transcript(channel.session) == [
        "run run-1 complete",
        "  step :0:1 answer (agent answer)",
        "    attempt 1 complete",
        '      text "Hello world"',
    ]
    assert fold(channel.history.values()) == channel.session


def test_an_attempt_is_attributed_from_tags_of_which_some_stand_on_its_first_message_only():
    channel = Recording()
    channel.attempt(started_us=1_700_000_000_123_456).text().append("x")
    attempt = channel.session.runs[0].steps[0].canonical
    assert (attempt.agent, attempt.activity_type, attempt.workflow_id) == ("answer", "answer", "wf-1")
    assert (attempt.run_id, attempt.activity_id, str(attempt.started)) == (
        "wf-run-1",
        "1",
        "2023-11-14 22:13:20.123456+00:00",
    )
    late = fold(channel.live[1:]).runs[0].steps[0].canonical
    assert (late.agent, late.activity_type, late.workflow_id) == ("", "", "wf-1")


@pytest.mark.parametrize("reason", ["failed", "cancelled", None])
def test_a_retry_replaces_the_output_of_the_attempt_before(reason: StepReason | None):
    channel = Recording()
    first = channel.attempt()
    first.text().append("wrong").close("cancelled")
    if reason:
        first.end(reason)
    assert channel.session.text == "wrong"
    channel.attempt(number=2, started_us=2000).text().append("right").close()
    session = channel.session
    assert transcript(session)[2:] == [
        f"    attempt 1 {reason or 'never ended'}, superseded by attempt 2",
        '      text "wrong" (cancelled)',
        "    attempt 2 open",
        '      text "right"',
    ]
    step = session.runs[0].steps[0]
    assert step.dead[0].why_dead == f"{reason or 'never ended'}; attempt 2 took its place"
    assert (step.canonical.superseded_by, step.canonical.why_dead) == (None, "")
    assert session.text == "right"


def test_a_zombie_that_opens_after_the_retry_stays_dead():
    channel = Recording()
    channel.attempt(number=2, started_us=2000).text().append("right")
    channel.attempt(number=1, started_us=1000).text().append("zombie")
    step = channel.session.runs[0].steps[0]
    assert [attempt.text for attempt in step.dead] == ["zombie"]
    assert step.dead[0].why_dead == "started before attempt 2 (a zombie)"
    assert step.canonical.text == "right"


def test_each_dead_attempt_names_the_one_that_took_its_place():
    channel = Recording()
    for number in (1, 2, 3):
        channel.attempt(number=number, started_us=number * 1000).end("failed")
    attempts = channel.session.runs[0].steps[0].attempts
    assert [attempt.superseded_by for attempt in attempts] == [2, 3, None]


def test_an_attempt_number_that_comes_twice_is_two_attempts():
    channel = Recording()
    channel.attempt(number=1, started_us=1000).text().append("before the reset")
    channel.attempt(number=1, started_us=2000).text().append("after it")
    step = channel.session.runs[0].steps[0]
    assert [attempt.text for attempt in step.attempts] == ["before the reset", "after it"]
    assert step.dead[0].why_dead == "never ended; a later attempt 1 took its place"


def test_a_mark_decides_nothing():
    channel = Recording()
    text = channel.attempt().text().append("alive").close()
    marked = with_tags(channel.history[text.serial], {tags.SUPERSEDED_BY: "9000"})
    session = fold([*channel.live, replace(marked, version="99999999")])
    assert session == channel.session
    assert session.text == "alive"


def test_steps_keep_the_place_where_they_first_appeared():
    channel = Recording()
    channel.attempt("/0.1:0:1")
    channel.attempt("/0.2:0:1")
    channel.attempt("/0.1:0:1", number=2, started_us=2000)
    assert [step.id for step in channel.session.runs[0].steps] == ["/0.1:0:1", "/0.2:0:1"]


def test_messages_stand_in_the_order_of_their_first_surviving_part():
    channel = Recording()
    channel.attempt("a").text().append("dead")
    channel.attempt("b").text().append("B").close()
    channel.attempt("a", number=2, started_us=2000).text().append("A").close()
    run = channel.session.runs[0]
    assert [message.text for message in run.messages] == ["B", "A"]
    assert [step.canonical.text for step in run.steps] == ["A", "B"]
    assert run.text == "BA"


def test_messages_of_a_session_come_run_by_run():
    channel = Recording()
    one, two = Run("z", ""), Run("a", "")
    first = channel.attempt(run=one).text().append("1")
    channel.attempt(run=two).text().append("2")
    channel.attempt(":0:2", run=one).text().append("3")
    first.append("!")
    assert [message.id for message in channel.session.messages] == ["z/:0:1/0", "z/:0:2/0", "a/:0:1/0"]
    assert channel.session.text == "1!32"


def test_runs_stand_in_the_order_in_which_they_began():
    channel = Recording()
    channel.open_run(Run("z", ""))
    channel.open_run(Run("a", ""))
    channel.close_run(Run("z", ""))
    assert [(run.id, run.ended) for run in channel.session.runs] == [("z", "complete"), ("a", "")]


@pytest.mark.parametrize(
    ("reason", "error", "line"),
    [
        ("complete", None, "run run-1 complete"),
        ("cancelled", None, "run run-1 cancelled"),
        ("error", "out of money", "run run-1 error: out of money"),
    ],
)
def test_a_run_that_shows_nothing_but_its_end_has_ended(reason: RunReason, error: str | None, line: str):
    # Row 4 of WIRE 5.7; the others are in test_history_edges.py.
    channel = Recording()
    channel.close_run(reason=reason, error=error)
    assert transcript(channel.session) == [line]


def test_an_opening_that_comes_after_the_end_does_not_reopen_a_run():
    channel = Recording()
    channel.close_run()
    channel.open_run()
    channel.attempt().text().append("late")
    assert channel.session.runs[0].ended == "complete"
    assert channel.session.text == "late"


def test_reasons_of_a_newer_contract_end_a_run_and_a_step_not_well():
    channel = Recording()
    attempt = channel.attempt()
    attempt.end("cancelled")
    channel.close_run(reason="cancelled")
    odd = [with_tags(each, {tags.REASON: "evaporated"}) for each in channel.live]
    run = fold(odd).runs[0]
    assert (run.ended, run.steps[0].canonical.ended) == ("error", "failed")


def test_parallel_parts_and_messages_of_one_attempt_keep_apart():
    channel = Recording()
    attempt = channel.attempt()
    one, two = attempt.text(0, "t0"), attempt.text(0, "t1")
    other = attempt.text(1, "t0")
    two.append("B")
    other.append("C")
    one.append("A").close("cancelled")
    assert transcript(channel.session)[2:] == [
        "    attempt 1 open",
        "      message 1",
        '        text "A" (cancelled)',
        '        text "B" (streaming)',
        "      message 2",
        '        text "C" (streaming)',
    ]


def test_a_tool_that_runs_in_a_step_of_its_own_completes_the_call_of_another():
    channel = Recording()
    model = channel.attempt(":0:1", activity="model")
    model.write(*BEGIN, {"type": "tool-input-available", **CALL, "input": {"city": "Oslo"}})
    tool = channel.attempt(":0:2", activity="tool", started_us=2000)
    tool.write({"type": "tool-output-available", "toolCallId": "c1", "output": {"temp": 3}})
    assert transcript(channel.session)[1:] == [
        "  step :0:1 model (agent model)",
        "    attempt 1 open",
        '      tool getWeather {"city":"Oslo"} -> {"temp":3}',
        "  step :0:2 tool (agent tool)",
        "    attempt 1 open",
    ]
    assert len(channel.session.messages) == 1


def test_the_output_of_a_dead_attempt_is_no_longer_on_its_call():
    channel = Recording()
    channel.attempt(":0:1").write({"type": "tool-input-available", **CALL, "input": {}})
    tool = channel.attempt(":0:2")
    tool.write({"type": "tool-output-error", "toolCallId": "c1", "errorText": "timed out"})
    assert transcript(channel.session)[3] == "      tool getWeather {} failed: timed out"
    channel.attempt(":0:2", number=2, started_us=2000)
    assert transcript(channel.session)[3] == "      tool getWeather {}"


def test_a_dead_attempt_shows_its_own_calls_with_their_own_outputs():
    channel = Recording()
    first = channel.attempt()
    first.write({"type": "tool-input-available", **CALL, "input": {}})
    first.write({"type": "tool-output-available", "toolCallId": "c1", "output": 1})
    second = channel.attempt(number=2, started_us=2000)
    second.write({"type": "tool-input-available", **CALL, "input": {}})
    assert transcript(channel.session)[2:] == [
        "    attempt 1 never ended, superseded by attempt 2",
        "      tool getWeather {} -> 1",
        "    attempt 2 open",
        "      tool getWeather {}",
    ]


def test_a_message_that_several_steps_write_is_one_and_each_step_shows_its_share():
    channel = Recording()
    one, two = channel.attempt("a"), channel.attempt("b")
    one.text().append("1")
    two.text().append("2")
    shared = [
        replace(each, extras={"ai": {**ai, "transport": {**ai["transport"], "codec-message-id": "m"}}})
        if "codec-message-id" in (ai := each.extras["ai"])["transport"]
        else each.without_tags()
        for each in channel.live
    ]
    run = fold(shared).runs[0]
    assert [message.text for message in run.messages] == ["12"]
    assert [step.canonical.text for step in run.steps] == ["1", "2"]


def test_a_lost_append_is_a_gap_until_an_update_brings_the_whole_text():
    channel = Recording()
    text = channel.attempt().text().append("Hel", "lo, ", "Ada!")
    lossy = [each for each in channel.live if each.data != "lo, "]
    assert transcript(fold(lossy))[3] == '      text "HelAda!" (streaming, 4 characters missing)'
    channel.update(text.serial, "Hello, Ada!")
    assert transcript(fold([*lossy, channel.live[-1]]))[3] == '      text "Hello, Ada!" (streaming)'


def test_text_that_the_publisher_lost_is_a_gap():
    channel = Recording()
    channel.attempt().text().append("👋").lose("x").append("é").close()
    assert transcript(channel.session)[3] == '      text "👋é" (1 character missing)'


def test_an_event_that_means_nothing_here_is_passed_over():
    channel = Recording()
    channel.attempt().text().append("x")
    odd = with_tags(channel.live[0], {tags.EVENT: "step-paused"})
    odd = replace(odd, serial="9", version="9", name="ai-step-paused")
    assert fold([*channel.live, odd]) == channel.session


def test_a_message_without_a_serial_is_passed_over():
    channel = Recording()
    channel.open_run()
    assert not Fold().apply(replace(channel.live[0], serial="", version="").envelope)


def test_a_foreign_attempt_without_tags_is_ordered_by_its_opening():
    channel = Recording()
    channel.open_run()
    channel.attempt(number=1).text().append("old")
    channel.attempt(number=2).text().append("new")
    channel.close_run()
    assert transcript(fold(each.without_tags() for each in channel.live)) == [
        "run run-1 complete",
        "  step :0:1",
        "    attempt 1 never ended, superseded by attempt 1",
        '      text "old" (streaming)',
        "    attempt 1 open",
        '      text "new" (streaming)',
    ]


def test_foreign_output_that_names_no_attempt_is_never_replaced():
    channel = Recording()
    channel.attempt().text().append("loose")
    loose = channel.live[1:]
    channel.attempt(number=2).text().append("new")
    bare = [
        replace(each, extras={"ai": {**each.extras["ai"], "transport": transport}})
        for each in loose
        if (transport := {k: v for k, v in each.extras["ai"]["transport"].items() if k != "step-start-serial"})
    ]
    session = fold([*bare, *(each.without_tags() for each in channel.live[3:])])
    assert session.text == "loosenew"


def test_tags_alone_fold_into_the_same_texts():
    channel = Recording()
    channel.open_run()
    channel.attempt().text().append("wrong").close("cancelled")
    second = channel.attempt(number=2, started_us=2000)
    second.write(*BEGIN, {"type": "tool-input-available", **CALL, "input": {"a": 1}})
    second.text().append("right").close()
    second.end()
    channel.close_run()
    assert fold(each.without_dialect() for each in channel.live) == channel.session


def test_a_deleted_message_takes_its_text_along():
    channel = Recording()
    text = channel.attempt().text().append("secret")
    folding = Fold()
    for delivery in channel.live:
        folding.apply(delivery.envelope)
    channel.delete(text.serial)
    assert folding.apply(channel.live[-1].envelope)
    assert transcript(folding.session)[2:] == ["    attempt 1 open"]
    text.append("more")
    assert folding.apply(channel.live[-1].envelope) is False
    assert folding.session.text == ""


# Who may say what.


def test_what_another_client_publishes_as_an_agent_is_left_out_where_the_agent_is_known():
    chat = Chat()
    chat.say("u1")
    chat.open("r1", "u1").message("mine")
    genuine = len(chat.channel.live)
    chat.channel.publisher = "mallory"
    chat.open("r2", "u1").message("forged").end()
    folding = Fold(agent_client_id=AGENT)
    taken = [folding.apply(each.envelope) for each in chat.channel.live]
    assert taken == [place < genuine for place in range(len(taken))]
    assert texts(folding.session.messages) == ["u1", "mine"]
    assert texts(chat.session.messages) == ["u1", "forged"]


@pytest.mark.parametrize("action", ["update", "append"])
def test_what_another_client_changes_is_as_it_was_where_the_agent_is_known(action: Action):
    chat = Chat()
    chat.say("u1")
    chat.open("r1", "u1").message("mine")
    opening, text = [each for each in chat.channel.live if each.name == "ai-output" or each.action == "append"]
    folding = Fold(agent_client_id=AGENT)
    for each in chat.channel.live:
        folding.apply(each.envelope)
    chat.channel.update(opening.serial, "forged", action, changed_by="mallory")
    forged = chat.channel.live[-1]
    said = ait08.encode(Input("u1", "e", "user", part=Whole("user-message", {"partType": "text"}, "forged")))
    assert not folding.apply(forged.envelope)
    assert not folding.apply(replace(forged, name=said.name, data=said.data, extras=said.extras).envelope)
    assert folding.session.text == text.data == "mine"
    assert "forged" in chat.session.text


def test_what_the_agent_says_as_a_client_and_what_a_moderator_deletes_counts():
    chat = Chat()
    chat.tell(Input("u1", "e", "user", part=Whole("user-message", {"partType": "text"}, "asked")), publisher=AGENT)
    chat.open("r1", "u1").message("mine")
    chat.channel.delete(next(each.serial for each in chat.channel.live if each.name == "ai-output"))
    folding = Fold(agent_client_id=AGENT)
    assert all(folding.apply(each.envelope) for each in chat.channel.live)
    assert texts(folding.session.messages) == ["asked"]


def test_whoever_changes_what_a_user_said_does_so_with_the_right_to():
    chat = Chat()
    chat.say("u1")
    chat.channel.update(chat.channel.live[0].serial, "changed", changed_by="moderator")
    folding = Fold(agent_client_id=AGENT)
    assert all(folding.apply(each.envelope) for each in chat.channel.live)
    assert texts(folding.session.messages) == ["changed"]


def test_an_operation_that_names_nobody_is_believed_to_be_the_publishers():
    chat = Chat()
    chat.open("r1").message("mine")
    folding = Fold(agent_client_id=AGENT)
    for each in chat.channel.live:
        folding.apply(replace(each, changed_by="").envelope)
    assert folding.session.text == "mine"


def test_what_a_client_says_to_copy_of_a_run_is_what_the_agent_wrote_where_the_agent_is_known():
    chat = Chat()
    chat.say("u1")
    chat.open("r1", "u1").message("Let me see.").call().suspend()
    said, called = chat.session.runs[0].messages
    forged = replace(said, parts=(TextPart("1", "I am a fool."),))
    unheard = replace(called, ui_id="unheard")
    chat.fork("f1", "found", "u1", "r1", called, forged, unheard)
    folding = Fold(agent_client_id=AGENT)
    for each in chat.channel.live:
        folding.apply(each.envelope)
    assert texts(chat.session.messages) == ["u1", "", "I am a fool.", ""]
    assert texts(folding.session.messages) == ["u1", "", "Let me see."]
    answer = chat.open("r2", "u1", answers="f1").message("There.").call("c1")
    chat.fork("f2", 2, "u1", "r2", *chat.session.runs[-1].messages[:1])
    chat.answer("r3", "Done.", parent="u1", answers="f2")
    answer.end()
    for each in chat.channel.live:
        folding.apply(each.envelope)
    shown = folding.session.messages
    assert texts(shown) == ["u1", "", "Done."]
    assert shown[1].as_ui()["parts"] == [
        {"type": "tool-search", "toolCallId": "c1", "state": "output-available", "input": {"q": "a"}, "output": 2}
    ]


def test_a_copy_of_a_run_that_is_not_known_is_none_where_the_agent_is_known():
    chat = Chat()
    chat.say("u1")
    called = Message("m", "1", "m", (TextPart("1", "I am a fool."),))
    for number, supersedes in enumerate(("", "r9", "r2", "f2")):
        chat.fork(f"f{number}", "found", "u1", supersedes, called)
    chat.open("r2", "u1", answers="f2")
    folding = Fold(agent_client_id=AGENT)
    for each in chat.channel.live:
        folding.apply(each.envelope)
    assert [run.messages for run in folding.session.runs] == [()] * 4
    assert all(run.messages for run in chat.session.runs)


def test_a_client_is_no_agent_whatever_role_it_claims():
    chat = Chat()
    part = Whole("user-message", {"partType": "text"}, "I am the agent.")
    chat.tell(Input("u1", "e", "assistant", part=part))
    chat.open("r1", "u1")
    chat.tell(Input("s1", "e", "assistant", run="r1", part=part))
    assert [(message.id, message.role) for message in chat.session.messages] == [("u1", "user"), ("s1", "user")]


def test_a_result_with_which_a_run_goes_on_copies_nothing():
    chat = Chat()
    chat.open("r1", "u1").call().suspend()
    (called,) = chat.session.runs[0].messages
    copied: list[Json] = [{"codecMessageId": "f1", "message": called.as_ui()}]
    part = Whole("tool-result", {"toolCallId": "c1"}, {"output": 1, "forkSeed": {"messages": copied}})
    chat.tell(Input("f1", "e", "user", run="r1", part=part))
    assert ids(chat.session.messages) == ["r1.1"]


# A function of the set of deliveries.


def test_a_run_is_told_anew_when_the_result_that_it_began_with_comes_or_goes():
    chat = Chat()
    chat.say("u1")
    chat.open("r1", "u1").call().suspend()
    call = chat.session.runs[0].messages[0]
    start = len(chat.channel.live)
    chat.fork("f1", 1, "u1", "r1", call)
    chat.answer("r2", "done", parent="u1", answers="f1")
    late = [*chat.channel.live[:start], *chat.channel.live[start + 1 :], chat.channel.live[start]]
    folding = Fold()
    for each in late[:-1]:
        folding.apply(each.envelope)
    assert ids(folding.session.messages) == ["u1", "r2.1"]
    folding.apply(late[-1].envelope)
    assert ids(folding.session.messages) == ["u1", "f1", "r2.1"]
    chat.channel.delete(late[-1].serial)
    folding.apply(chat.channel.live[-1].envelope)
    assert ids(folding.session.messages) == ["u1", "r2.1"]


@given(st.data())
def test_any_interleaving_of_what_users_and_agents_say_gives_the_same_session(data: st.DataObject):
    chat = data.draw(chats())
    extra = data.draw(st.lists(st.sampled_from(chat.channel.live), max_size=10))
    repeats = [chat.channel.whole(each) if each.action == "append" else each for each in extra]
    deliveries = data.draw(st.permutations([*chat.channel.live, *repeats, *chat.channel.history.values()]))
    folding, careful = Fold(), Fold(agent_client_id=AGENT)
    for delivery in deliveries:
        for each in (folding, careful):
            each.apply(delivery.envelope)
            _ = each.session.messages
    assert folding.session == chat.session == fold(chat.channel.history.values())
    assert folding.session.messages == chat.session.messages
    fresh = Fold(agent_client_id=AGENT)
    for delivery in chat.channel.history.values():
        fresh.apply(delivery.envelope)
    assert careful.session == fresh.session


@given(chats())
def test_a_conversation_read_after_each_delivery_equals_one_folded_afresh(chat: Chat):
    folding = Fold()
    for count, delivery in enumerate(chat.channel.live, start=1):
        folding.apply(delivery.envelope)
        assert folding.session == fold(chat.channel.live[:count])


@given(st.data())
def test_any_interleaving_and_repetition_of_deliveries_gives_the_same_session(data: st.DataObject):
    channel = data.draw(recordings())
    # A delivery may come live, as the whole text up to it, or both; history repeats the newest ones.
    extra = data.draw(st.lists(st.sampled_from(channel.live), max_size=10))
    repeats = [channel.whole(each) if each.action == "append" else each for each in extra]
    deliveries = data.draw(st.permutations([*channel.live, *repeats, *channel.history.values()]))
    folding = Fold()
    for delivery in deliveries:
        folding.apply(delivery.envelope)
        _ = folding.session  # fills the cache that the next delivery has to clear
    assert folding.session == channel.session == fold(channel.history.values())


@given(recordings())
def test_a_session_read_after_each_delivery_equals_one_folded_afresh(channel: Recording):
    folding = Fold()
    for count, delivery in enumerate(channel.live, start=1):
        folding.apply(delivery.envelope)
        assert folding.session == fold(channel.live[:count])


@given(st.data())
def test_lost_deliveries_that_history_repairs_leave_the_canonical_text(data: st.DataObject):
    starts = data.draw(st.permutations(range(1, data.draw(st.integers(2, 5)) + 1)))
    channel = Recording()
    texts: dict[int, str] = {}
    opened = [channel.attempt(number=number, started_us=number * 1000) for number in starts]
    scripts = {attempt.number: attempt.text() for attempt in opened}
    for number, chunk in data.draw(st.lists(st.tuples(st.sampled_from(starts), st.text(max_size=4)), max_size=15)):
        scripts[number].append(chunk)
        texts[number] = texts.get(number, "") + chunk
    heard = data.draw(st.lists(st.sampled_from(channel.live)))
    deliveries = data.draw(st.permutations([*heard, *channel.history.values()]))
    session = fold(deliveries)
    assert session.text == texts.get(max(starts), "")
    assert [attempt.text for attempt in session.runs[0].steps[0].attempts] == [
        texts.get(number, "") for number in sorted(starts)
    ]
    assert "missing" not in "\n".join(transcript(session))
