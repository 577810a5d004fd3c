"""Runs as a whole: where they belong, how they stand, what clients say to their calls and meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_ably._session.parts import ToolPart
from temporal_ably._wire.events import Input, RunOpened
from temporal_ably._wire.parts import Json, Whole
from tests.session.chat import CALL, Chat, ids, result
from tests.session.recording import fold

if TYPE_CHECKING:
    from temporal_ably._session.model import Run, Session
    from temporal_ably.codec.table import Chunk


def call_of(session: Session, run: int = 0) -> dict[str, Json]:
    parts = [part for message in session.runs[run].messages for part in message.parts]
    return next(part for part in parts if isinstance(part, ToolPart)).as_ui()


SHOWN: dict[str, Json] = {"type": "tool-search", "toolCallId": "c1", "input": {"q": "a"}}


# Where it belongs.


def test_a_run_knows_what_it_answers_and_for_whom():
    chat = Chat()
    chat.say("u1")
    chat.say("u1b", fork_of="u1")
    chat.open("r1", "u1b", fork_of="u1", answers="again", regenerates="m")
    run = chat.session.runs[0]
    told = (run.parent, run.input_id, run.client_id, run.fork_of, run.regenerates, run.invocations)
    assert told == ("u1b", "again", "alice", "u1", "m", ("",))


def test_the_opening_is_believed_before_all_else():
    chat = Chat()
    chat.say("u1")
    answer = chat.open("r1", "u1")
    answer.run = replace(answer.run, parent="r1.1", client_id="bob", input_id="r1.1")
    answer.begin(":0:1").message("a", message_id="r1.1").suspend().resume("r1.1", "again").end()
    run = chat.session.runs[0]
    assert (run.parent, run.input_id, run.client_id, run.invocations) == ("u1", "u1", "alice", ("", "again"))


def test_without_its_opening_what_leads_back_into_the_run_is_not_believed():
    chat = Chat()
    chat.say("u1")
    answer = chat.open("r1", "u1").message("a")
    answer.run = replace(answer.run, parent="r1.1", input_id="r1.1")
    answer.begin(":0:2").message("b")
    opened = next(each for each in chat.channel.live if each.name == "ai-run-start")
    texts = [each for each in chat.channel.live if each.name == "ai-output" or each.action == "append"]
    run = fold(texts).runs[0]
    assert (run.parent, run.input_id) == ("u1", "u1")
    run = fold(texts[2:]).runs[0]
    assert (run.parent, run.input_id) == ("r1.1", "r1.1")  # it cannot be known
    assert fold([*texts, opened]).runs[0].parent == "u1"


def test_messages_of_dead_attempts_are_its_own_too():
    chat = Chat()
    chat.open("r1", "u1").message("dead", message_id="old").begin(":0:1").message("alive", message_id="new")
    assert chat.session.runs[0].message_ids == {"old", "new"}
    assert chat.session.runs[0].input_ids == {"u1"}


# How it stands.


def test_a_run_is_active_suspended_and_ended():
    chat = Chat()
    answer = chat.open("r1", "u1")
    assert chat.session.runs[0].status == "active"
    answer.suspend()
    assert (chat.session.runs[0].status, chat.session.runs[0].ended) == ("suspended", "")
    answer.resume("r1.1", "again")
    assert chat.session.runs[0].status == "active"
    answer.end("cancelled")
    assert (chat.session.runs[0].status, chat.session.runs[0].ended) == ("cancelled", "cancelled")
    answer.suspend()
    assert chat.session.runs[0].status == "cancelled"
    chat.channel.create(RunOpened(answer.run), {})
    assert chat.session.runs[0].status == "cancelled"


def test_an_earlier_invocation_that_suspends_late_does_not_stop_the_one_at_work():
    chat = Chat()
    answer = chat.open("r1", "u1").suspend()
    first = answer.run
    answer.resume("r1.1", "again")
    second = answer.run
    answer.run = first
    answer.suspend()
    assert chat.session.runs[0].status == "active"
    answer.run = second
    answer.suspend()
    assert chat.session.runs[0].status == "suspended"


def test_an_opening_that_is_repeated_changes_nothing_while_the_run_is_at_work():
    chat = Chat()
    answer = chat.open("r1", "u1").message("a")
    before = chat.session.runs[0]
    chat.channel.create(RunOpened(replace(answer.run, parent="u9")), {})
    assert chat.session.runs[0] == before


@given(st.permutations(range(5)), st.lists(st.integers(0, 4)))
def test_how_it_stands_is_told_by_serials_not_by_arrival(order: list[int], again: list[int]):
    chat = Chat()
    answer = chat.open("r1", "u1").suspend().resume("r1.1", "again").suspend()
    told = [each for each in chat.channel.live if each.name.startswith("ai-run")]
    answer.end("error")
    told.append(chat.channel.live[-1])
    assert len(told) == 5
    assert fold(told[place] for place in [*order, *again]).runs[0].status == "error"


# What a client says to its calls.


def test_an_approval_and_a_refusal_land_on_the_call():
    chat = Chat()
    chat.open("r1", "u1").call(ask=True).suspend()
    assert chat.session.runs[0].waits_for_client
    chat.approve("r1.1", "r1")
    approval: Json = {"id": "ok", "approved": True}
    assert call_of(chat.session) == {**SHOWN, "state": "approval-responded", "approval": approval}
    assert not chat.session.runs[0].waits_for_client
    chat.approve("r1.1", "r1", approved=False)
    assert call_of(chat.session) == {**SHOWN, "state": "output-denied", "approval": {"id": "", "approved": False}}


def test_a_reason_goes_along_with_an_approval():
    chat = Chat()
    chat.open("r1", "u1").call()
    fields = {"toolCallId": "c1", "approved": "true", "reason": "go on"}
    chat.tell(Input("r1.1", "e", "user", "alice", "r1", part=Whole("tool-approval-response", fields)))
    approval: Json = {"id": "", "approved": True, "reason": "go on"}
    assert call_of(chat.session) == {**SHOWN, "state": "approval-responded", "approval": approval}


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        (result([1]), {"state": "output-available", "output": [1]}),
        (result(None), {"state": "output-available", "output": None}),
        (Whole("tool-result", {"toolCallId": "c1"}, "odd"), {"state": "output-available"}),
        (
            Whole("tool-result-error", {"toolCallId": "c1"}, {"message": "no"}),
            {"state": "output-error", "errorText": "no"},
        ),
        (Whole("tool-result-error", {"toolCallId": "c1"}, 7), {"state": "output-error", "errorText": ""}),
        (Whole("wink", {"toolCallId": "c1"}), {"state": "input-available"}),
        (None, {"state": "input-available"}),
    ],
)
def test_the_result_of_a_tool_lands_on_the_call(part: Whole | None, shown: dict[str, Json]):
    chat = Chat()
    chat.open("r1", "u1").call()
    chat.tell(Input("r1.1", "e", "user", "alice", "r1", part=part))
    assert call_of(chat.session) == {**SHOWN, **shown}


def test_a_result_lands_on_the_call_of_its_own_message_alone():
    chat = Chat()
    chat.open("r1", "u1").call().call()
    chat.result("r1.2", 1, run="r1")
    assert call_of(chat.session)["state"] == "input-available"
    chat.result("r1.1", 1, run="r1", call_id="c2")
    assert call_of(chat.session)["state"] == "input-available"
    chat.result("r1.1", 1, run="r1")
    assert call_of(chat.session)["state"] == "output-available"


def test_a_result_waits_for_a_call_that_a_step_makes_anew():
    chat = Chat()
    answer = chat.open("r1", "u1")
    call: Chunk = {"type": "tool-input-available", **CALL, "input": {"q": "a"}}
    answer.message(call)
    chat.result("r1.1", 1, run="r1")
    answer.begin(":0:1")
    assert chat.session.runs[0].messages == ()
    answer.write(call)
    assert call_of(chat.session) == {**SHOWN, "state": "output-available", "output": 1}
    answer.write({"type": "tool-output-available", "toolCallId": "c1", "output": 2})
    assert call_of(chat.session)["output"] == 2


def test_steps_show_only_what_is_their_own():
    chat = Chat()
    answer = chat.open("r1", "u1").call()
    chat.result("r1.1", 1, run="r1")
    chat.say("s1", run="r1")
    answer.begin(":0:2").message("done")
    run = chat.session.runs[0]
    assert ids(run.messages) == ["r1.1", "s1", "r1.2"]
    assert [ids(step.canonical.messages) for step in run.steps] == [["r1.1"], ["r1.2"]]
    assert run.text == "done"


# What users say meanwhile.


def test_a_steer_sits_where_it_was_said():
    chat = Chat()
    answer = chat.open("r1", "u1").message("1")
    chat.say("s1", "Be", "brief", run="r1")
    answer.message("2")
    (steer,) = [message for message in chat.session.runs[0].messages if message.role == "user"]
    assert (steer.id, steer.ui_id, steer.text, steer.client_id) == ("s1", "ui-s1", "Bebrief", "alice")
    assert chat.session.runs[0].unanswered == ("s1",)
    answer.message("3", steers=("s1",))
    assert chat.session.runs[0].unanswered == ()


def test_what_only_a_dead_attempt_heeded_is_not_heeded():
    chat = Chat()
    answer = chat.open("r1", "u1").message("1")
    chat.say("s1", run="r1")
    answer.begin(":0:2").message("2", steers=("s1",))
    assert chat.session.runs[0].unanswered == ()
    answer.begin(":0:2")
    assert chat.session.runs[0].unanswered == ("s1",)


def test_what_the_agent_was_woken_for_is_heeded():
    chat = Chat()
    answer = chat.open("r1", "u1").suspend()
    chat.say("s1", run="r1")
    answer.resume("s1", "again")
    assert chat.session.runs[0].unanswered == ()


def test_a_message_to_a_run_of_which_nothing_else_is_known_shows():
    chat = Chat()
    chat.say("s1", run="r1")
    assert ids(chat.session.messages) == ["s1"]
    assert chat.session.runs[0].status == "active"


# Inputs.


def test_inputs_are_listed_in_the_order_in_which_they_were_said():
    chat = Chat()
    chat.say("u1", "Hi", "there")
    chat.open("r1", "u1").call()
    chat.say("s1", "a", "b", run="r1")
    chat.result("r1.1", 1, run="r1")
    chat.result("r1.1", 2, run="r1")
    chat.regenerate("r1.1", "u1", "again")
    chat.fork("f1", 3, "u1", "r1", chat.session.runs[0].messages[0])
    chat.tell(Input("odd", "event-odd", "user", part=None))
    listed = [(each.kind, each.id, each.run, each.parent, each.regenerates) for each in chat.session.inputs]
    assert listed == [
        ("message", "u1", "", "", ""),
        ("message", "s1", "r1", "", ""),
        ("tool-result", "r1.1", "r1", "r1.1", ""),
        ("tool-result", "r1.1", "r1", "r1.1", ""),
        ("regenerate", "again", "", "u1", "r1.1"),
        ("tool-result", "f1", "", "u1", ""),
        ("", "odd", "", "", ""),
    ]
    said = chat.session.inputs[0]
    assert (said.event_id, said.client_id, said.message and said.message.text) == ("event-u1", "alice", "Hithere")
    assert chat.session.inputs[5].supersedes == "r1"
    assert [each.message is not None for each in chat.session.inputs] == [True, True, *[False] * 5]


# Whether it waits for its client.


def waits(run: Run) -> bool:
    return run.waits_for_client


def test_a_run_waits_for_its_client_while_one_of_its_last_calls_has_no_outcome():
    chat = Chat()
    answer = chat.open("r1", "u1")
    assert not waits(chat.session.runs[0])
    answer.message("Let me see.")
    assert not waits(chat.session.runs[0])
    answer.call("c1").call("c2")
    answer.write({"type": "tool-output-available", "toolCallId": "c2", "output": 1})
    assert waits(chat.session.runs[0])
    answer.write({"type": "tool-output-error", "toolCallId": "c1", "errorText": "no"})
    assert not waits(chat.session.runs[0])
    answer.call("c3").message("never mind")
    assert not waits(chat.session.runs[0])


def test_a_call_that_the_provider_runs_waits_for_nobody():
    chat = Chat()
    call: Chunk = {"type": "tool-input-available", **CALL, "input": {}, "providerExecuted": True}
    chat.open("r1", "u1").message(call)
    assert not waits(chat.session.runs[0])
