"""The plain client's fold: what a session is, from tags alone."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.examples.plain_client import CALL, SHOWN_CALL, Writer, history, retried, texts

if TYPE_CHECKING:
    from tests.examples.plain_client import PlainClient


async def one_message(plain: PlainClient, writer: Writer) -> dict[str, Any]:
    (message,) = (await plain.fold_one(writer.messages))["messages"]
    return message


async def test_the_attempt_that_replaced_another_is_shown_and_the_other_is_dead(plain: PlainClient) -> None:
    run = await plain.fold_one(retried().messages)
    researcher, chat = run["messages"]
    assert (run["id"], run["status"], run["gaps"]) == ("run", "complete", [])
    assert (researcher["agent"], texts(run)[0]) == ("Researcher", "I found it.")
    assert {name: chat[name] for name in chat if name != "parts"} == {
        "id": "run/:0:1/0",
        "role": "assistant",
        "agent": "Chat",
        "workflowId": "wf",
        "activityType": "speak",
        "attempt": 2,
        "metadata": {"attempt": 2},
    }
    assert chat["parts"] == [
        {"type": "step-start"},
        {"type": "reasoning", "text": "thinking"},
        {**SHOWN_CALL, "state": "output-available", "input": {"city": "Oslo"}, "output": {"temp": 3}},
        {"type": "data-progress", "id": "p", "data": {"percent": 100}},
        {"type": "text", "text": "3 °C, 🌧."},
    ]
    (dead,) = run["dead"]
    assert (dead["attempt"], dead["supersededBy"], dead["ended"], texts(dead)) == (1, 2, "failed", ["Let me gue"])


async def test_order_and_repeats_make_no_difference(plain: PlainClient) -> None:
    messages = retried().messages
    chance = random.Random(4)  # noqa: S311 - only to shuffle
    repeated = (messages + chance.choices(messages, k=20) for _ in range(60))
    shuffled = (chance.sample(each, len(each)) for each in repeated)
    expected, *others = await plain.fold(messages, messages[::-1], messages * 2, *shuffled)
    assert all(session == expected for session in others)


async def test_history_and_what_came_live_meanwhile_give_the_same_session_whatever_their_overlap(
    plain: PlainClient,
) -> None:
    messages = retried().messages
    # Live from `start` on, history read when `end` was the newest; live may arrive before or after it.
    lists = [messages, history(messages)]
    for start in range(0, len(messages), 3):
        for end in range(start, len(messages) + 1, 5):
            read, live = history(messages[:end]), messages[start:]
            lists += [read + live, live + read]
    expected, *others = await plain.fold(*lists)
    assert all(session == expected for session in others)


@pytest.mark.parametrize(
    ("numbers", "starts", "shown"),
    [
        ((1, 2), (1000, 2000), "second"),
        ((2, 1), (2000, 1000), "first"),  # a zombie that opened late
        ((2, 1), (1000, 2000), "second"),  # an activity reset counts attempts anew
        ((1, 2), (1000, 1000), "second"),  # a tie goes to the later opening
    ],
)
async def test_the_attempt_that_started_last_wins(
    plain: PlainClient, numbers: tuple[int, int], starts: tuple[int, int], shown: str
) -> None:
    writer = Writer()
    attempts = [writer.attempt(number, started=start) for number, start in zip(numbers, starts, strict=True)]
    for attempt, text in zip(attempts, ("first", "second"), strict=True):
        attempt.stream("text", text, id="0")
    run = await plain.fold_one(writer.messages)
    assert texts(run) == [shown]
    assert len(run["dead"]) == 1


async def test_an_attempt_without_output_takes_the_dead_text_away(plain: PlainClient) -> None:
    writer = Writer()
    writer.attempt(1).stream("text", "dead", id="0")
    writer.attempt(2).end()
    assert texts(await plain.fold_one(writer.messages)) == []


STREAMED_CALLS: list[tuple[list[str], str, dict[str, Any]]] = [
    ([], "", {"state": "input-streaming"}),
    (['{"city":'], "", {"state": "input-streaming"}),
    (['{"a":1}'], "", {"state": "input-streaming", "input": {"a": 1}}),
    (['{"a":'], "cancelled", {"state": "input-streaming"}),
    (["not JSON"], "complete", {"state": "input-available", "input": "not JSON"}),
    (["null"], "complete", {"state": "input-available", "input": None}),
    ([], "complete", {"state": "input-available"}),
]


@pytest.mark.parametrize(("deltas", "status", "shown"), STREAMED_CALLS)
async def test_a_call_as_it_is_being_written(
    plain: PlainClient, deltas: list[str], status: str, shown: dict[str, Any]
) -> None:
    writer = Writer()
    writer.attempt().stream("tool-input", *deltas, status=status, **CALL)
    assert (await one_message(plain, writer))["parts"] == [{**SHOWN_CALL, **shown}]


WHOLE: list[tuple[str, object, dict[str, Any], dict[str, Any]]] = [
    ("tool-input", "text", CALL, {**SHOWN_CALL, "state": "input-available", "input": "text"}),
    (
        "tool-input",
        {},
        {**CALL, "dynamic": True, "title": "Weather", "providerExecuted": True},
        {
            "type": "dynamic-tool",
            "toolName": "getWeather",
            "toolCallId": "c1",
            "title": "Weather",
            "providerExecuted": True,
            "state": "input-available",
            "input": {},
        },
    ),
    (
        "tool-input-error",
        {"errorText": "no such city", "input": "?"},
        CALL,
        {**SHOWN_CALL, "state": "output-error", "input": "?", "errorText": "no such city"},
    ),
    ("file", "https://a/b.png", {"mediaType": "image/png"}, {"mediaType": "image/png", "url": "https://a/b.png"}),
    ("source-url", "https://a", {"sourceId": "s", "title": "A"}, {"sourceId": "s", "title": "A", "url": "https://a"}),
    ("source-url", "https://a", {"sourceId": "s"}, {"sourceId": "s", "url": "https://a"}),
    (
        "source-document",
        "",
        {"sourceId": "s", "mediaType": "text/plain", "title": "A", "filename": "a.txt"},
        {"sourceId": "s", "mediaType": "text/plain", "title": "A", "filename": "a.txt"},
    ),
    ("data-x", [1, None], {}, {"data": [1, None]}),
]


@pytest.mark.parametrize(("kind", "data", "fields", "shown"), WHOLE)
async def test_a_whole_part(
    plain: PlainClient, kind: str, data: object, fields: dict[str, Any], shown: dict[str, Any]
) -> None:
    writer = Writer()
    writer.attempt().part(kind, data, **fields)
    assert (await one_message(plain, writer))["parts"] == [{"type": kind, **shown}]


OUTCOMES: list[tuple[str, object, dict[str, Any], dict[str, Any]]] = [
    ("tool-output-available", {"output": None}, {}, {"state": "output-available", "output": None}),
    (
        "tool-output-available",
        {"output": 1},
        {"preliminary": True},
        {"state": "output-available", "output": 1, "preliminary": True},
    ),
    ("tool-output-error", {"errorText": "down"}, {}, {"state": "output-error", "errorText": "down"}),
    ("tool-output-denied", "", {}, {"state": "output-denied", "approval": {"id": "", "approved": False}}),
    (
        "tool-approval-request",
        "",
        {"approvalId": "a1"},
        {"state": "approval-requested", "approval": {"id": "a1"}},
    ),
    ("tool-input-error", {"errorText": "bad"}, CALL, {"state": "output-error", "errorText": "bad", "input": None}),
]


@pytest.mark.parametrize(("kind", "data", "fields", "shown"), OUTCOMES)
async def test_what_becomes_of_a_call(
    plain: PlainClient, kind: str, data: object, fields: dict[str, Any], shown: dict[str, Any]
) -> None:
    writer = Writer()
    attempt = writer.attempt()
    attempt.part("tool-input", {"city": "Oslo"}, **CALL)
    named: dict[str, Any] = {"toolCallId": "c1", **fields}
    attempt.part(kind, data, **named)
    expected = {**SHOWN_CALL, "input": {"city": "Oslo"}, **shown}
    if expected["input"] is None:  # a failed input takes the call's input with it
        del expected["input"]
    assert (await one_message(plain, writer))["parts"] == [expected]


async def test_a_result_finds_its_call_in_another_step_of_the_run_and_only_there(plain: PlainClient) -> None:
    writer = Writer()
    writer.attempt(step=":0:1").part("tool-input", {}, **CALL)
    writer.attempt(step=":0:2").part("tool-output-available", {"output": 1}, toolCallId="c1")
    writer.attempt(step=":0:3").part("tool-output-available", {"output": 2}, toolCallId="c2")
    other = Writer("another run")
    other.attempt().part("tool-output-available", {"output": 3}, toolCallId="c1")
    message = await one_message(plain, writer)
    assert message["parts"] == [{**SHOWN_CALL, "state": "output-available", "input": {}, "output": 1}]
    assert (await plain.fold_one(other.messages))["messages"] == []


async def test_data_of_one_type_and_id_replaces_and_transient_data_is_never_part_of_a_message(
    plain: PlainClient,
) -> None:
    writer = Writer()
    attempt = writer.attempt()
    attempt.part("data-a", 1, id="x")
    attempt.part("data-a", 2, id="y")
    attempt.part("data-b", 3, id="x")
    attempt.part("data-a", 4)
    attempt.part("data-a", 5, id="x")
    attempt.part("data-a", 6)
    attempt.part("data-a", 7, transient=True)
    shown = [(part["type"], part.get("id"), part["data"]) for part in (await one_message(plain, writer))["parts"]]
    assert shown == [
        ("data-a", "x", 5),
        ("data-a", "y", 2),
        ("data-b", "x", 3),
        ("data-a", None, 4),
        ("data-a", None, 6),
    ]


async def test_the_last_whole_metadata_wins(plain: PlainClient) -> None:
    writer = Writer()
    attempt = writer.attempt()
    attempt.begin(model="m1", step=1)
    attempt.part("message-metadata", messageMetadata={"tokens": 12})
    attempt.part("message-metadata")
    assert (await one_message(plain, writer))["metadata"] == {"tokens": 12}


async def test_messages_stand_where_the_first_surviving_part_is(plain: PlainClient) -> None:
    writer = Writer()
    first = writer.attempt(1, step=":0:1")
    first.stream("text", "dead", id="0")
    writer.attempt(1, step=":0:2").stream("text", "beside", id="0")
    again = writer.attempt(2, step=":0:1")
    again.stream("text", "new", id="0")
    again.stream("text", "and more", id="0", message=1)
    assert texts(await plain.fold_one(writer.messages)) == ["beside", "new", "and more"]


async def test_text_that_is_shorter_than_its_length_has_a_gap(plain: PlainClient) -> None:
    writer = Writer()
    attempt = writer.attempt()
    attempt.begin()
    attempt.stream("text", "🌧 and ", "snow", lost=7, id="0")
    attempt.stream("text", "🌧", id="1")
    run = await plain.fold_one(writer.messages)
    assert run["gaps"] == [{"messageId": "run/:0:1/0", "part": 1, "missing": 7}]


@pytest.mark.parametrize("reason", ["complete", "cancelled", "error"])
async def test_a_run_is_active_until_its_end_says_how_it_ended(plain: PlainClient, reason: str) -> None:
    writer = Writer()
    writer.create("run-start", workflow_id="wf")
    assert (await plain.fold_one(writer.messages))["status"] == "active"
    writer.end(reason, error="Sorry.")
    run = await plain.fold_one(writer.messages)
    assert (run["status"], run["error"]) == (reason, "Sorry.")


async def test_a_run_is_suspended_until_it_is_resumed_or_ends(plain: PlainClient) -> None:
    writer = Writer()
    writer.create("run-start", workflow_id="wf")
    told: list[str] = []
    for event in ("run-suspend", "run-resume", "run-suspend"):
        writer.create(event, workflow_id="wf")
        told.append((await plain.fold_one(writer.messages))["status"])
    writer.end("cancelled")
    told.append((await plain.fold_one(writer.messages))["status"])
    assert told == ["suspended", "active", "suspended", "cancelled"]


async def test_a_deleted_message_is_gone(plain: PlainClient) -> None:
    writer = Writer()
    attempt = writer.attempt()
    serial = attempt.stream("text", "secret", id="0")
    attempt.stream("text", "public", id="1")
    writer.operate("delete", serial)
    assert texts(await plain.fold_one(writer.messages)) == ["public"]


async def test_what_is_not_understood_is_passed_by(plain: PlainClient) -> None:
    writer = Writer()
    attempt = writer.attempt(novelty="yes")
    attempt.stream("text", "known", id="0", novelty=1)
    known = list(writer.messages)
    attempt.part("hologram", {"x": 1})
    attempt.part("__proto__")
    attempt.part("abort")
    attempt.part("finish", {"finishReason": "tool-calls"})
    writer.create("run-pause")
    writer.create("part", "no part", step=":0:1", started="1000", attempt="1", message="0")
    writer.create("part", "no JSON", step=":0:1", started="1000", attempt="1", message="0", part="{")
    writer.create("run-end", reason="error", v="2")
    writer.messages += [
        {"action": "message.create", "serial": "1", "data": "x", "extras": {"ai": {"transport": {}}}},
        {"action": "message.create", "serial": "2", "data": "x"},
        {"action": "message.summary", "serial": "3", "data": "x", "extras": {"headers": {"temporal-v": "1"}}},
        {"action": "message.create", "data": "no serial", "extras": {"headers": {"temporal-v": "1"}}},
    ]
    folded, expected = await plain.fold(writer.messages, known)
    assert folded["runs"][0]["messages"] == expected["runs"][0]["messages"]
    assert [run["status"] for run in folded["runs"]] == ["active"]


async def test_only_a_version_that_is_exactly_1_up_to_its_first_dot_is_read(plain: PlainClient) -> None:
    others = ["1x", "1-beta", "01", "+1", " 1", "1 ", "1\n", "11", "0.1", ".1", "2", "", "1,5"]
    writers: list[Writer] = []
    for version in [*others, "1", "1.", "1.7", "1.7.2", "1.x"]:
        writers.append(Writer())
        writers[-1].attempt(v=version).stream("text", "read", id="0")
    sessions = await plain.fold(*(writer.messages for writer in writers))
    assert [len(session["runs"]) for session in sessions] == [0] * len(others) + [1] * 5


async def test_a_later_minor_version_is_read(plain: PlainClient) -> None:
    writer = Writer()
    writer.attempt(v="1.7").stream("text", "later", id="0")
    assert texts(await plain.fold_one(writer.messages)) == ["later"]


async def test_the_trace_of_docs_wire_md(plain: PlainClient) -> None:
    writer = Writer("R")
    steps: list[tuple[int, Any]] = []

    def shows(*parts: Any) -> None:
        steps.append((len(writer.messages), list(parts)))

    writer.create("run-start")
    first = writer.attempt(1, agent="answer")
    first.part("start", messageMetadata={"attempt": 1})
    first.part("start-step")
    shows({"type": "step-start"})
    guess = first.stream("text", "Let me ", "guess", status="cancelled", id="0")
    first.end("failed")
    shows({"type": "step-start"}, {"type": "text", "text": "Let me guess"})
    second = writer.attempt(2, started=5000, agent="answer")
    shows()
    second.part("start")
    second.part("start-step")
    call = second.stream("tool-input", status="", **CALL)
    shows({"type": "step-start"}, {**SHOWN_CALL, "state": "input-streaming"})
    writer.operate("append", call, '{"city":"Oslo"}', length="15")
    writer.operate("update", guess, "Let me guess", superseded_by="5000")
    known = {**SHOWN_CALL, "input": {"city": "Oslo"}}
    shows({"type": "step-start"}, {**known, "state": "input-streaming"})
    writer.operate("append", call, "", status="complete")
    shows({"type": "step-start"}, {**known, "state": "input-available"})
    second.part("tool-output-available", {"output": {"temp": 3}}, toolCallId="c1")
    writer.operate("append", guess, " that")
    second.end()
    writer.end()
    shows({"type": "step-start"}, {**known, "state": "output-available", "output": {"temp": 3}})

    folded = await plain.fold(*(writer.messages[:count] for count, _ in steps))
    shown = [[part for message in session["runs"][0]["messages"] for part in message["parts"]] for session in folded]
    assert shown == [parts for _, parts in steps]
    stored = history(writer.messages)
    assert len(stored) == 13
    assert "Let me guess that" in [message["data"] for message in stored]
