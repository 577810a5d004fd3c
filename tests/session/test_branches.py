"""Branches as WIRE 5 has them. What the stock client shows of the same is compared in tests/end_to_end."""

from __future__ import annotations

import pytest

from tests.session.chat import Chat, fold_without, ids, texts


def test_a_conversation_is_its_turns_one_after_the_other():
    chat = Chat()
    chat.turn(2, parent=chat.turn(1))
    assert ids(chat.session.messages) == ["u1", "r1.1", "u2", "r2.1"]
    assert [message.role for message in chat.session.messages] == ["user", "assistant"] * 2
    assert chat.session.text == "answer 1answer 2"


def test_two_prompts_without_an_answer_both_show():
    chat = Chat()
    chat.say("u1")
    chat.say("u2", parent="u1")
    assert ids(chat.session.messages) == ["u1", "u2"]


def test_runs_without_any_input_all_show():
    chat = Chat()
    chat.answer("r1", "one")
    chat.answer("r2", "two")
    chat.answer("r3", "three", parent="r3/in", answers="other")
    assert texts(chat.session.messages) == ["one", "two", "three"]


def test_of_edits_the_newest_shows_with_what_follows_it():
    chat = Chat()
    after = chat.turn(1)
    chat.say("u2", parent=after)
    chat.answer("r2", "old", parent="u2")
    chat.say("u3", parent="r2.1")
    chat.say("u2b", parent=after, fork_of="u2")
    chat.answer("r2b", "new", parent="u2b")
    chat.say("u2c", parent=after, fork_of="u2b")
    session = chat.session
    assert ids(session.messages) == ["u1", "r1.1", "u2c"]
    assert ids(session.siblings("u2b")) == ids(session.siblings("u2")) == ["u2", "u2b", "u2c"]
    assert ids(session.path(["u2b"])) == ["u1", "r1.1", "u2b", "r2b.1"]
    assert ids(session.path(["u3"])) == ["u1", "r1.1", "u2", "r2.1", "u3"]
    assert ids(session.path(["u2b", "u2"])) == ["u1", "r1.1", "u2", "r2.1", "u3"]
    assert ids(session.path(["nobody"])) == ["u1", "r1.1", "u2c"]


def test_an_edit_of_the_first_prompt_has_no_parent_either():
    chat = Chat()
    chat.turn(1)
    chat.say("u1b", fork_of="u1")
    assert ids(chat.session.messages) == ["u1b"]
    assert ids(chat.session.path(["r1.1"])) == ["u1", "r1.1"]


@pytest.mark.parametrize("fork_of", ["r1.1", "elsewhere"])
def test_what_replaces_no_message_at_its_own_place_stands_beside_all_others(fork_of: str):
    chat = Chat()
    chat.turn(1)
    chat.say("elsewhere", parent="r1.1")
    chat.say("u2", fork_of=fork_of)
    assert ids(chat.session.messages) == ["u1", "r1.1", "elsewhere", "u2"]
    assert ids(chat.session.siblings("u2")) == ["u2"]


def test_edits_of_a_message_that_is_no_longer_known_are_alternatives_still():
    chat = Chat()
    chat.say("u1")
    chat.say("u1b", fork_of="u1")
    chat.say("u1c", fork_of="u1")
    assert ids(fold_without(chat, [0]).messages) == ["u1c"]


def test_of_answers_to_one_message_the_newest_shows():
    chat = Chat()
    chat.turn(1)
    chat.say("u2", parent="r1.1")
    chat.regenerate("r1.1", "u1", "again")
    chat.answer("r1b", "better", parent="u1", answers="again", regenerates="r1.1")
    session = chat.session
    assert ids(session.messages) == ["u1", "r1b.1"]
    assert ids(session.siblings("r1.1")) == ids(session.siblings("r1b.1")) == ["r1.1", "r1b.1"]
    assert ids(session.path(["r1.1"])) == ["u1", "r1.1", "u2"]


def long_answer(chat: Chat) -> None:
    chat.say("u1")
    chat.answer("r1", "1", "2", "3", parent="u1")


def test_a_message_within_a_run_that_was_made_again_takes_the_rest_along():
    chat = Chat()
    long_answer(chat)
    chat.say("u2", parent="r1.3")
    chat.answer("r2", "2b", parent="r1.1", answers="again", regenerates="r1.2")
    chat.answer("r3", "2c", "3c", parent="r1.1", answers="again", regenerates="r1.2")
    chat.answer("r4", "3d", parent="r3.1", answers="again", regenerates="r3.2")
    session = chat.session
    assert ids(session.messages) == ["u1", "r1.1", "r3.1", "r4.1", "u2"]
    for each in ("r1.2", "r2.1", "r3.1"):
        assert ids(session.siblings(each)) == ["r1.2", "r2.1", "r3.1"]
    assert ids(session.siblings("r4.1")) == ["r3.2", "r4.1"]
    assert ids(session.siblings("r1.3")) == ["r1.3"]
    assert ids(session.siblings("r1.1")) == ["r1.1"]
    assert ids(session.path(["r2.1"])) == ["u1", "r1.1", "r2.1", "u2"]
    assert ids(session.path(["r3.2"])) == ["u1", "r1.1", "r3.1", "r3.2", "u2"]


@pytest.mark.parametrize("chosen", ["r1.2", "r1.3", "u2"])
def test_the_own_words_of_a_run_may_be_chosen_in_place_of_those_that_replaced_them(chosen: str):
    chat = Chat()
    long_answer(chat)
    chat.answer("r2", "2b", parent="r1.1", answers="again", regenerates="r1.2")
    chat.say("u2", parent="r1.3")
    chat.say("u3", parent="r2.1")
    assert ids(chat.session.messages) == ["u1", "r1.1", "r2.1", "u2", "u3"]
    assert ids(chat.session.path([chosen])) == ["u1", "r1.1", "r1.2", "r1.3", "u2"]
    assert ids(chat.session.path(["u3"])) == ["u1", "r1.1", "r2.1", "u2", "u3"]


def test_an_answer_without_a_message_is_an_alternative_that_shows_nothing():
    chat = Chat()
    chat.turn(1)
    chat.open("r1b", "u1", regenerates="r1.1")
    assert ids(chat.session.messages) == ["u1"]
    assert ids(chat.session.siblings("r1.1")) == ["r1.1"]


def test_the_result_of_a_tool_that_makes_a_run_of_its_own_hides_the_run_that_waited():
    chat = Chat()
    chat.say("u1")
    chat.open("r1", "u1").message("Let me see.").call().suspend()
    waiting = chat.session.runs[0].messages
    chat.fork("f1", "found", "u1", "r1", *waiting[1:])
    assert ids(chat.session.messages) == ["u1", "f1"]
    assert chat.session.runs[1].id == "f1"
    chat.answer("r2", "It is there.", parent="u1", answers="f1")
    session = chat.session
    assert [run.id for run in session.runs] == ["r1", "r2"]
    assert ids(session.messages) == ["u1", "f1", "r2.1"]
    assert ids(session.siblings("f1")) == ["f1"]
    assert ids(session.siblings("r1.1")) == ["r1.1"]
    assert ids(session.path(["r1.1"])) == ["u1", "f1", "r2.1"]


def test_two_results_for_one_call_are_alternatives():
    chat = Chat()
    chat.say("u1")
    chat.open("r1", "u1").call().suspend()
    call = chat.session.runs[0].messages[0]
    chat.fork("f1", 1, "u1", "r1", call)
    chat.fork("f2", 2, "u1", "r1", call)
    chat.answer("r2", "one", parent="u1", answers="f1")
    chat.answer("r3", "two", parent="u1", answers="f2")
    assert ids(chat.session.messages) == ["u1", "f2", "r3.1"]
    assert ids(chat.session.siblings("f2")) == ["f1", "f2"]


def test_of_two_runs_that_answer_one_result_it_belongs_to_the_first():
    chat = Chat()
    chat.say("u1")
    chat.open("r1", "u1").call().suspend()
    chat.fork("f1", 1, "u1", "r1", chat.session.runs[0].messages[0])
    chat.answer("r2", "one", parent="u1", answers="f1")
    chat.answer("r3", "two", parent="u1", answers="f1")
    assert [ids(run.messages) for run in chat.session.runs] == [["r1.1"], ["f1", "r2.1"], ["r3.1"]]


def test_what_follows_a_dead_message_follows_its_run():
    chat = Chat()
    chat.say("u1")
    answer = chat.open("r1", "u1").message("dead", message_id="old")
    answer.begin(":0:1").message("alive", message_id="new").end()
    chat.say("u2", parent="old")
    chat.say("u1b", fork_of="u1")
    assert ids(chat.session.path(["u2"])) == ["u1", "new", "u2"]
    assert ids(chat.session.messages) == ["u1b"]


def test_where_the_parent_is_unknown_a_turn_stands_by_itself():
    chat = Chat()
    chat.turn(2, parent=chat.turn(1))
    chat.say("u1b", fork_of="u1")
    assert ids(fold_without(chat, range(6)).messages) == ["u2", "r2.1", "u1b"]


def test_answers_to_a_prompt_that_has_expired_are_alternatives_still():
    chat = Chat()
    chat.turn(1)
    chat.answer("r1b", "better", parent="u1", answers="again", regenerates="r1.1")
    chat.say("u2", parent="r1b.1")
    assert ids(fold_without(chat, [0]).messages) == ["r1b.1", "u2"]


def test_what_a_run_says_to_answer_stands_for_it_where_it_never_was_on_the_channel():
    chat = Chat()
    chat.answer("r1", answers="r1/in")
    chat.answer("r2", "two", parent="r1/in", answers="r2/in")
    chat.answer("r2b", "two again", parent="r1/in", answers="r2b/in")
    assert ids(chat.session.messages) == ["r2b.1"]


@pytest.mark.parametrize("parent", ["r1.1", "u1"])
def test_a_parent_that_leads_back_to_its_own_child_is_none(parent: str):
    chat = Chat()
    chat.say("u1", parent="r1.1" if parent == "u1" else "")
    chat.answer("r1", "one", parent=parent, answers="other")
    shown = ids(chat.session.messages)
    assert shown == ["u1", "r1.1"]
    assert ids(chat.session.path(["r1.1"])) == shown


def test_edits_that_name_each_other_are_alternatives():
    chat = Chat()
    chat.say("u1", fork_of="u2")
    chat.say("u2", fork_of="u1")
    assert ids(chat.session.messages) == ["u2"]


def test_a_chain_may_be_longer_than_pythons_stack():
    chat = Chat()
    for number in range(1200):
        chat.say(f"u{number}", parent=f"u{number - 1}")
    assert len(chat.session.messages) == 1200
    assert len(chat.session.path(["u1199"])) == 1200
    assert len(chat.session.conversation(input_id="u1199").messages) == 1200


def test_alternatives_of_an_unknown_message_are_none():
    chat = Chat()
    chat.turn(1)
    assert chat.session.siblings("u9") == ()


def test_what_is_hidden_is_named():
    chat = Chat()
    chat.turn(1)
    chat.say("u1b", fork_of="u1")
    assert chat.session.hidden == {"u1", "r1"}
