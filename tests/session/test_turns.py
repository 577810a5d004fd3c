from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from temporal_ably._session.parts import DataPart, ReasoningPart, SourceUrlPart, ToolPart, ToolState
from temporal_ably._session.turns import Answered, Blob, Call, Said, in_words, read_data_url, turns
from tests.session.prompts import PDF, PNG, STEP, assistant, call, conversations, file, user

if TYPE_CHECKING:
    from temporal_ably._session.model import Message
    from temporal_ably._wire.parts import Json

SEARCHED = Call("c1", "search", {"q": "a"}, "found")


def test_a_turn_of_a_user_is_his_texts_and_files():
    image = file(PNG, "image/png")
    data = DataPart("1", "data-mode", None, {"mode": "team"})
    assert turns([user("Look", image, "at it", data)]) == [Said(("Look", image, "at it"))]
    assert turns([user(data, " "), user()]) == []


def test_a_turn_of_a_model_is_its_text_and_then_its_calls():
    message = assistant(
        STEP,
        ReasoningPart("1", "hm"),
        "Let me ",
        "see.",
        call(),
        call(call_id="c2"),
        STEP,
        SourceUrlPart("1", "s", "https://a"),
        "It is there.",
    )
    assert turns([message]) == [
        Answered("Let me see.", [SEARCHED, Call("c2", "search", {"q": "a"}, "found")]),
        Answered("It is there."),
    ]


def test_what_follows_a_call_is_said_after_it():
    assert turns(
        [assistant("a", call(), "b", ReasoningPart("1", "hm"), call(call_id="c2"), ReasoningPart("1", "hm"))]
    ) == [
        Answered("a", [SEARCHED]),
        Answered("b", [Call("c2", "search", {"q": "a"}, "found")]),
    ]


@pytest.mark.parametrize("state", ["input-streaming", "input-available", "approval-requested", "approval-responded"])
def test_a_call_without_an_outcome_has_no_part_in_it(state: ToolState):
    assert turns([assistant("a", call(state), "b"), assistant(call(state))]) == [Answered("ab")]


@pytest.mark.parametrize(
    ("part", "outcome"),
    [
        (call(output={"n": [1]}), '{"n":[1]}'),
        (call(output="é"), "é"),
        (call(output={"t": "é"}), '{"t":"é"}'),
        (call(output=None), "null"),
        (ToolPart("1", "c1", "search", "output-available", values={"input": {"q": "a"}}), "null"),
        (call("output-error", input={"q": "a"}, errorText="timed out"), "timed out"),
        (call("output-denied", input={"q": "a"}), "The user refused this call."),
    ],
)
def test_the_outcome_of_a_call_is_text(part: ToolPart, outcome: str):
    failed = part.state == "output-error"
    assert turns([assistant(part)]) == [Answered("", [Call("c1", "search", {"q": "a"}, outcome, failed=failed)])]


@pytest.mark.parametrize(
    ("given_input", "told"), [({"q": 1}, {"q": 1}), (None, {}), ("raw", {"input": "raw"}), ([1], {"input": [1]})]
)
def test_the_input_of_a_call_is_an_object(given_input: Json, told: dict[str, Json]):
    (turn,) = turns([assistant(call(input=given_input))])
    assert isinstance(turn, Answered)
    assert turn.calls[0].input == told


def test_the_input_of_a_call_as_json():
    assert Call("c1", "search", {"q": "é"}, "").arguments == '{"q":"é"}'


def test_calls_have_ids_and_names_that_every_provider_takes():
    parts = [call(call_id=each, name="get weather!") for each in ("c1", "c1", "sub/agent:1", "x" * 41, "call_1", "")]
    (turn,) = turns([assistant(*parts)])
    assert isinstance(turn, Answered)
    assert [each.id for each in turn.calls] == ["c1", "call_1", "call_2", "call_3", "call_4", "call_5"]
    assert {each.name for each in turn.calls} == {"get_weather_"}
    (turn,) = turns([assistant(call(name=""), call(call_id="c2", name="n" * 65))])
    assert isinstance(turn, Answered)
    assert [len(each.name) for each in turn.calls] == [4, 64]


@given(conversations())
def test_ids_of_calls_are_unique_and_no_turn_is_empty(messages: list[Message]):
    found = turns(messages)
    ids = [each.id for turn in found if isinstance(turn, Answered) for each in turn.calls]
    assert len(set(ids)) == len(ids)
    assert all(turn.content if isinstance(turn, Said) else turn.text.strip() or turn.calls for turn in found)


@pytest.mark.parametrize(
    ("url", "blob"),
    [
        ("data:text/plain,a%20b", Blob("text/plain", b"a b")),
        ("data:,a", Blob("text/plain", b"a")),
        ("data:text/plain;charset=utf-8;base64,YQ==", Blob("text/plain", b"a")),
        ("data:image/png;base64,YQ", None),
        ("data:image/png", None),
        ("https://a/b,c", None),
        ("", None),
    ],
)
def test_a_data_url_is_read(url: str, blob: Blob | None):
    assert read_data_url(url) == blob


def test_what_a_data_url_holds_is_text_or_base64():
    assert Blob("text/plain", "é".encode()).text == "é"
    assert Blob("text/plain", b"\xff").text == "�"
    assert Blob("image/png", b"a").base64 == "YQ=="


@pytest.mark.parametrize(
    ("url", "media_type", "told"),
    [
        ("data:text/csv,a,b", "text/csv", "a,b"),
        ("data:text/csv,%20", "text/csv", "[a file of type text/csv]"),
        (PDF, "application/pdf", "[a file of type application/pdf]"),
        ("https://a/b.zip", "application/zip", "[a file of type application/zip at https://a/b.zip]"),
        ("https://a/b", "", "[a file of type unknown at https://a/b]"),
    ],
)
def test_a_file_in_words(url: str, media_type: str, told: str):
    assert in_words(file(url, media_type)) == told
