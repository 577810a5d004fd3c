"""What an agent has to know, as WIRE 6.6 has it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from temporal_ably._session.conversation import Conversation
from temporal_ably._session.model import Message
from temporal_ably._session.parts import ToolPart, ToolState
from temporal_ably._wire.parts import Whole
from tests.session.chat import CALL, Chat, ids, text, texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from temporal_ably._wire.events import RunReason


def known(chat: Chat, input_id: str = "", run_id: str = "", without_step: str = "") -> list[str]:
    return ids(chat.session.conversation(input_id=input_id, run_id=run_id, without_step=without_step).messages)


def test_all_that_was_said_up_to_the_input():
    chat = Chat()
    after = chat.turn(1)
    chat.say("u2", "Hello", "again", parent=after)
    for named in ("u2", "event-u2"):
        assert known(chat, named) == ["u1", "r1.1", "u2"]
        assert known(chat, named, "r2") == ["u1", "r1.1", "u2"]
    assert chat.session.conversation(input_id="u2").prompt == "Helloagain"


def test_a_run_at_work_knows_what_it_has_said_already():
    chat = Chat()
    chat.say("u2", parent=chat.turn(1))
    chat.open("r2", "u2").message("first")
    assert known(chat, "event-u2", "r2") == known(chat, run_id="r2") == ["u1", "r1.1", "u2", "r2.1"]
    assert known(chat, "u2") == ["u1", "r1.1", "u2", "r2.1"]


def test_other_branches_have_no_part_in_it():
    chat = Chat()
    after = chat.turn(1)
    chat.turn(2, parent=after)
    chat.say("u2b", parent=after, fork_of="u2")
    chat.open("r2b", "u2b", fork_of="u2").message("b")
    assert known(chat, "u2b", "r2b") == ["u1", "r1.1", "u2b", "r2b.1"]
    chat.say("u3", parent="r2.1")
    assert known(chat, "u3") == ["u1", "r1.1", "u2", "r2.1", "u3"]


@pytest.mark.parametrize("reason", ["cancelled", "error", None])
def test_what_was_not_completed_is_left_out_with_what_asked_for_it(reason: RunReason | None):
    chat = Chat()
    chat.say("u2", parent=chat.turn(1))
    answer = chat.open("r2", "u2").message("half")
    if reason:
        answer.end(reason)
    chat.say("u3", parent="r2.1")
    chat.turn(4, parent="u3")
    assert known(chat, "u4") == ["u1", "r1.1", "u3", "u4", "r4.1"]
    assert known(chat, run_id="r2") == ["u1", "r1.1", "u2", "r2.1"]
    answer.end()
    assert known(chat, "u3") == ["u1", "r1.1", "u2", "r2.1", "u3"]


def test_a_wish_to_have_an_answer_again_goes_back_to_what_was_asked():
    chat = Chat()
    chat.turn(2, parent=chat.turn(1))
    chat.regenerate("r2.1", "u2", "again")
    assert known(chat, "again") == ["u1", "r1.1", "u2"]
    chat.open("r2b", "u2", answers="again", regenerates="r2.1").message("b")
    assert known(chat, "again", "r2b") == known(chat, run_id="r2b") == ["u1", "r1.1", "u2", "r2b.1"]


def test_a_message_within_a_run_that_is_made_again_ends_what_is_known():
    chat = Chat()
    chat.say("u1")
    chat.answer("r1", "1", "2", "3", parent="u1")
    chat.regenerate("r1.2", "r1.1", "again")
    assert known(chat, "again") == ["u1", "r1.1"]
    answer = chat.open("r2", "r1.1", answers="again", regenerates="r1.2").message("2b")
    assert known(chat, "again", "r2") == known(chat, run_id="r2") == ["u1", "r1.1", "r2.1"]
    answer.end()
    chat.say("u2", parent="r2.1")
    assert known(chat, "u2") == ["u1", "r1.1", "r2.1", "u2"]


def test_a_resumed_run_knows_what_it_waited_for():
    chat = Chat()
    chat.say("u1")
    answer = chat.open("r1", "u1").call(ask=True).suspend()
    chat.approve("r1.1", "r1")
    approval = chat.session.inputs[-1]
    assert (approval.kind, approval.run) == ("tool-approval-response", "r1")
    (_, call) = chat.session.conversation(input_id=approval.event_id).messages
    assert call.as_ui()["parts"] == [
        {
            "type": "tool-search",
            "toolCallId": "c1",
            "state": "approval-responded",
            "input": {"q": "a"},
            "approval": {"id": "ok", "approved": True},
        }
    ]
    answer.resume("r1.1", "again").message("done")
    assert known(chat, approval.event_id, "r1") == ["u1", "r1.1", "r1.2"]
    assert known(chat, "r1.1") == ["u1", "r1.1", "r1.2"]


def test_the_result_of_a_tool_that_makes_a_run_of_its_own_brings_all_that_came_before_it():
    chat = Chat()
    after = chat.turn(1)
    chat.say("u2", parent=after)
    chat.open("r2", "u2").message("Let me see.").call().suspend()
    waiting = chat.session.runs[-1].messages
    chat.fork("f1", "found", "u2", "r2", waiting[1], waiting[0])
    # Whoever is going to answer knows the name of the run already.
    assert known(chat, "f1", "r3") == ["u1", "r1.1", "u2", "f1", "f1.1"]
    for run_id in ("", "r3"):
        if run_id:
            chat.open("r3", "u2", answers="f1").message("It is there.")
        own = ["r3.1"] if run_id else []
        assert known(chat, "f1", run_id) == ["u1", "r1.1", "u2", "f1", "f1.1", *own]
        assert known(chat, chat.session.inputs[-1].event_id) == ["u1", "r1.1", "u2", "f1", "f1.1", *own]


def test_what_was_said_meanwhile_and_is_not_heeded_yet_stands_last():
    chat = Chat()
    chat.say("u1")
    answer = chat.open("r1", "u1").message("1")
    chat.say("s1", run="r1")
    chat.say("s2", "a", "b", run="r1")
    answer.message("2", steers=("s1",))
    assert known(chat, "u1", "r1") == ["u1", "r1.1", "s1", "r1.2", "s2"]
    answer.message("3")
    assert known(chat, "u1", "r1") == ["u1", "r1.1", "s1", "r1.2", "r1.3", "s2"]
    assert ids(chat.session.messages) == ["u1", "r1.1", "s1", "s2", "r1.2", "r1.3"]
    assert chat.session.runs[0].unanswered == ("s2",)
    assert known(chat, "event-s2", "r1")[-1] == "r1.3"  # the agent was woken for it, and heeds it
    answer.end()
    chat.say("u2", parent="r1.3")
    assert known(chat, "u2") == ["u1", "r1.1", "s1", "s2", "r1.2", "r1.3", "u2"]


def test_a_step_that_is_tried_again_does_not_know_what_it_wrote_before():
    chat = Chat()
    chat.say("u1")
    answer = chat.open("r1", "u1")
    answer.message("plan", {"type": "tool-input-available", **CALL, "input": {}})
    answer.begin(":0:2").write({"type": "tool-output-available", "toolCallId": "c1", "output": 1})
    answer.write("half", message_id="shared")
    answer.begin(":0:3").message("dead").write({"type": "start-step"}, "dead", message_id="shared")
    assert known(chat, "u1", "r1") == ["u1", "r1.1", "shared", "r1.2"]
    left = chat.session.conversation(input_id="u1", run_id="r1", without_step=":0:3").messages
    assert (ids(left), texts(left)) == (["u1", "r1.1", "shared"], ["u1", "plan", "half"])
    assert known(chat, "u1", "r1", ":0:9") == ["u1", "r1.1", "shared", "r1.2"]
    answer.begin(":0:3").message("alive")
    assert known(chat, "u1", "r1", ":0:3") == ["u1", "r1.1", "shared"]


STEPS = (":0:1", "/0.2:0:1", ":0:3", ":0:20", ":1:2", "again:0:1", "theirs")


@pytest.mark.parametrize(
    ("asking", "unknown"),
    [
        (":0:1", STEPS[:5]),
        (":0:2", STEPS[1:5]),
        ("/0.2:0:1", STEPS[1:5]),
        ("/0.2:0:2", STEPS[2:5]),
        (":0:3", STEPS[2:5]),
        (":0:11", STEPS[3:5]),
        (":1:1", STEPS[4:5]),
        ("again:0:1", ["again:0:1"]),
        ("again:0:2", []),
        ("theirs", ["theirs"]),
    ],
)
def test_a_step_of_a_workflow_that_is_tried_again_does_not_know_what_comes_after_it(
    asking: str, unknown: Sequence[str]
):
    chat = Chat()
    answer = chat.open("r1")
    for step in STEPS:
        answer.begin(step).message(step, message_id=step)
    assert known(chat, run_id="r1", without_step=asking) == [step for step in STEPS if step not in unknown]


def test_a_step_that_only_began_a_message_leaves_nothing_of_it():
    chat = Chat()
    chat.say("u1")
    answer = chat.open("r1", "u1").message({"type": "start-step"})
    answer.begin(":0:2").write("dead")
    assert known(chat, "u1", "r1", ":0:2") == ["u1"]


@pytest.mark.parametrize(("input_id", "run_id"), [("", ""), ("nothing", ""), ("", "nothing"), ("nothing", "nothing")])
def test_of_what_is_unknown_nothing_is_known(input_id: str, run_id: str):
    chat = Chat()
    chat.turn(1)
    assert known(chat, input_id, run_id) == []


def test_a_run_that_nobody_asked_for_knows_what_it_follows():
    chat = Chat()
    chat.answer("r1", "one")
    chat.answer("r2", "two", parent="r1.1")
    assert known(chat, run_id="r2") == ["r1.1", "r2.1"]
    assert known(chat, "unseen", "r2") == ["r1.1", "r2.1"]


def test_a_conversation_is_a_row_of_messages():
    chat = Chat()
    chat.say("u1", "Hi", Whole("user-message", {"partType": "data-mode"}, {"mode": "team"}))
    chat.answer("r1", "Hello.", parent="u1")
    chat.say("u2", text(""), parent="r1.1")
    conversation = chat.session.conversation(input_id="u2")
    assert ids(conversation) == ids(conversation.messages) == ["u1", "r1.1", "u2"]
    assert len(conversation) == 3
    assert conversation
    assert not Conversation()
    assert conversation.text == "user: Hi\n\nassistant: Hello."
    assert (conversation.prompt, Conversation().prompt) == ("", "")
    assert conversation.as_ui() == [message.as_ui() for message in conversation.messages]
    assert conversation.as_ui()[0] == {
        "id": "ui-u1",
        "role": "user",
        "parts": [{"type": "text", "text": "Hi"}, {"type": "data-mode", "data": {"mode": "team"}}],
    }


@pytest.mark.parametrize(
    ("limits", "kept"),
    [
        ({}, ["u1", "r1.1", "u2", "r2.1", "u3"]),
        ({"messages": 5, "characters": 10_000}, ["u1", "r1.1", "u2", "r2.1", "u3"]),
        ({"messages": 4}, ["u2", "r2.1", "u3"]),
        ({"messages": 2}, ["u3"]),
        ({"messages": 0, "characters": 0}, ["u3"]),
    ],
)
def test_the_last_of_a_conversation_begins_with_a_user_and_ends_with_it(limits: dict[str, int], kept: list[str]):
    chat = Chat()
    chat.say("u3", parent=chat.turn(2, parent=chat.turn(1)))
    whole = chat.session.conversation(input_id="u3")
    assert ids(whole.last(**limits).messages) == kept


def test_the_size_of_a_conversation_is_that_of_its_json():
    chat = Chat()
    chat.say("u2", parent=chat.turn(1))
    whole = chat.session.conversation(input_id="u2")
    size = sum(len(json.dumps(message)) for message in whole.as_ui())
    assert whole.last(characters=size) == whole
    assert ids(whole.last(characters=size - 1).messages) == ["u2"]


@pytest.mark.parametrize("limits", [{}, {"messages": 1}, {"characters": 1}])
def test_the_last_of_what_no_user_said_is_all_of_it(limits: dict[str, int]):
    chat = Chat()
    chat.open("r1").message("a").message("b")
    assert len(chat.session.conversation(run_id="r1").last(**limits)) == 2
    assert Conversation().last(**limits) == Conversation()


def test_a_conversation_as_prompts():
    chat = Chat()
    chat.turn(1)
    conversation = chat.session.conversation(input_id="u1")
    told = [{"role": "user", "content": "u1"}, {"role": "assistant", "content": "answer 1"}]
    assert conversation.to_openai() == told
    assert [{key: item.get(key) for key in ("role", "content")} for item in conversation.to_openai_responses()] == [
        {"role": "user", "content": [{"type": "input_text", "text": "u1"}]},
        told[1],
    ]
    assert [message["role"] for message in conversation.to_anthropic()] == ["user", "assistant"]


def test_a_tool_call_is_found_with_what_became_of_it():
    def call(call_id: str, state: ToolState) -> ToolPart:
        return ToolPart("1", call_id, "send", state)

    parts = (call("c1", "approval-responded"), call("c2", "output-denied"), call("c3", "approval-requested"))
    found = Conversation((Message("m1", "1", "m1", parts), Message("m2", "2", "m2", (call("c4", "output-available"),))))
    calls = [found.tool_call(f"c{number}") for number in range(1, 5)]
    assert [each.approved for each in calls if each is not None] == [True, False, None, None]
    assert found.tool_call("c5") is None
