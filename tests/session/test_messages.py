"""Parts on the wire to UIMessages; what is right is what Ably's own reducer shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from temporal_ably._session.messages import compose
from temporal_ably._session.parts import ToolPart
from temporal_ably._wire.parts import Streamed, Whole
from tests.session.recording import BEGIN, Recording, TextScript, fold

if TYPE_CHECKING:
    from temporal_ably._wire.parts import Json
    from temporal_ably.codec.table import Chunk
    from tests.session.folds import OtherFolds

CALL: dict[str, Json] = {"toolCallId": "c1", "toolName": "search"}
INPUT: Chunk = {"type": "tool-input-available", **CALL, "input": {"q": "a"}}
SHOWN: dict[str, Json] = {"type": "tool-search", "toolCallId": "c1", "input": {"q": "a"}}


def shown(channel: Recording) -> list[dict[str, Json]]:
    return [message.as_ui() for message in channel.session.messages]


def streamed(kind: str, part_id: str, *texts: str, end: bool = True, **fields: Json) -> list[Chunk]:
    key, text = ("toolCallId", "inputTextDelta") if kind == "tool-input" else ("id", "delta")
    closing = "tool-input-available" if kind == "tool-input" else f"{kind}-end"
    deltas: list[Chunk] = [{"type": f"{kind}-delta", key: part_id, text: each} for each in texts]
    last: list[Chunk] = [{"type": closing, key: part_id, **fields}] if end else []
    return [{"type": f"{kind}-start", key: part_id, **fields}, *deltas, *last]


def tool(*texts: str, end: bool = True, **fields: Json) -> list[Chunk]:
    return streamed("tool-input", "c1", *texts, end=end, toolName="search", **fields)


CASES: dict[str, tuple[list[Chunk], list[Json]]] = {
    "text": (streamed("text", "0", "Hel", "lo"), [{"type": "text", "text": "Hello"}]),
    "open text": (streamed("text", "0", "Hel", end=False), [{"type": "text", "text": "Hel"}]),
    "provider metadata": (
        streamed("reasoning", "0", "Hm", providerMetadata={"a": {"signature": "x"}}),
        [{"type": "reasoning", "text": "Hm"}],
    ),
    "two texts of one id": (
        [*streamed("text", "0", "a"), *streamed("text", "0", "b")],
        [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
    ),
    "step-start": ([{"type": "finish-step"}, {"type": "start-step"}], [{"type": "step-start"}]),
    "whole input": ([INPUT], [{**SHOWN, "state": "input-available"}]),
    "whole input that is text": (
        [{**INPUT, "input": '{"q":1}'}],
        [{**SHOWN, "state": "input-available", "input": '{"q":1}'}],
    ),
    "streamed input": (tool('{"q":', '"a"}'), [{**SHOWN, "state": "input-available"}]),
    "input that is no JSON": (tool("look"), [{**SHOWN, "state": "input-available", "input": "look"}]),
    "input that is null": (tool("null"), [{**SHOWN, "state": "input-available", "input": None}]),
    "input that JavaScript cannot read": (tool("NaN"), [{**SHOWN, "state": "input-available", "input": "NaN"}]),
    "no input": (tool(), [{"type": "tool-search", "toolCallId": "c1", "state": "input-available"}]),
    "half an input": (
        tool('{"q":', end=False),
        [{"type": "tool-search", "toolCallId": "c1", "state": "input-streaming"}],
    ),
    "an input that could be whole": (tool('{"q":"a"}', end=False), [{**SHOWN, "state": "input-streaming"}]),
    "dynamic tool": (
        [{**INPUT, "dynamic": True, "title": "Search", "providerExecuted": True}],
        [
            {
                **SHOWN,
                "type": "dynamic-tool",
                "toolName": "search",
                "title": "Search",
                "providerExecuted": True,
                "state": "input-available",
            }
        ],
    ),
    "output": (
        [INPUT, {"type": "tool-output-available", "toolCallId": "c1", "output": [1]}],
        [{**SHOWN, "state": "output-available", "output": [1]}],
    ),
    "null output": (
        [INPUT, {"type": "tool-output-available", "toolCallId": "c1", "output": None}],
        [{**SHOWN, "state": "output-available", "output": None}],
    ),
    "preliminary output": (
        [INPUT, {"type": "tool-output-available", "toolCallId": "c1", "output": 1, "preliminary": True}],
        [{**SHOWN, "state": "output-available", "output": 1, "preliminary": True}],
    ),
    "last output": (
        [
            INPUT,
            {"type": "tool-output-available", "toolCallId": "c1", "output": 1, "preliminary": True},
            {"type": "tool-output-available", "toolCallId": "c1", "output": 2},
        ],
        [{**SHOWN, "state": "output-available", "output": 2}],
    ),
    "output error": (
        [INPUT, {"type": "tool-output-error", "toolCallId": "c1", "errorText": "no"}],
        [{**SHOWN, "state": "output-error", "errorText": "no"}],
    ),
    "approval": (
        [INPUT, {"type": "tool-approval-request", "toolCallId": "c1", "approvalId": "a"}],
        [{**SHOWN, "state": "approval-requested", "approval": {"id": "a"}}],
    ),
    "output after an approval": (
        [
            INPUT,
            {"type": "tool-approval-request", "toolCallId": "c1", "approvalId": "a"},
            {"type": "tool-output-available", "toolCallId": "c1", "output": 1},
        ],
        [{**SHOWN, "state": "output-available", "output": 1}],
    ),
    "denied": (
        [INPUT, {"type": "tool-output-denied", "toolCallId": "c1"}],
        [{**SHOWN, "state": "output-denied", "approval": {"id": "", "approved": False}}],
    ),
    "input error": (
        [{"type": "tool-input-error", **CALL, "input": {"q": "a"}, "errorText": "bad"}],
        [{**SHOWN, "state": "output-error", "errorText": "bad"}],
    ),
    "input error of a streamed input": (
        [*tool('{"q":', end=False), {"type": "tool-input-error", **CALL, "errorText": "bad"}],
        [{"type": "tool-search", "toolCallId": "c1", "state": "output-error", "errorText": "bad"}],
    ),
    "outputs without a call": (
        [
            {"type": "tool-output-available", "toolCallId": "c9", "output": 1},
            {"type": "tool-output-denied", "toolCallId": "c9"},
        ],
        [],
    ),
    "file": (
        [{"type": "file", "url": "https://a", "mediaType": "image/png"}],
        [{"type": "file", "mediaType": "image/png", "url": "https://a"}],
    ),
    "source-url": (
        [{"type": "source-url", "sourceId": "s", "url": "https://a", "title": "A"}],
        [{"type": "source-url", "sourceId": "s", "url": "https://a", "title": "A"}],
    ),
    "source-document": (
        [{"type": "source-document", "sourceId": "s", "mediaType": "text/plain", "title": "A", "filename": "a"}],
        [{"type": "source-document", "sourceId": "s", "mediaType": "text/plain", "title": "A", "filename": "a"}],
    ),
    "data of one id": (
        [
            {"type": "data-a", "id": "1", "data": {"n": 1}},
            {"type": "data-b", "id": "1", "data": {"n": 2}},
            {"type": "data-a", "id": "1", "data": {"n": 3}},
        ],
        [{"type": "data-a", "id": "1", "data": {"n": 3}}, {"type": "data-b", "id": "1", "data": {"n": 2}}],
    ),
    "data without an id": (
        [{"type": "data-a", "data": "1"}, {"type": "data-a", "data": "2"}],
        [{"type": "data-a", "data": "1"}, {"type": "data-a", "data": "2"}],
    ),
    "null data": ([{"type": "data-a", "data": None}], [{"type": "data-a"}]),
    "transient data": ([{"type": "data-a", "id": "1", "data": "1", "transient": True}], []),
    "ends": ([{"type": "error", "errorText": "no"}, {"type": "abort", "reason": "user"}], []),
}


@pytest.mark.parametrize("name", CASES)
def test_parts_of_a_message(name: str, other_folds: OtherFolds):
    chunks, parts = CASES[name]
    channel = Recording()
    channel.attempt().write(*BEGIN, *chunks)
    message = {"id": "run-1/:0:1/0", "role": "assistant", "parts": [{"type": "step-start"}, *parts]}
    assert shown(channel) == [message]
    assert other_folds.stock(channel) == [message]
    assert [each.as_ui() for each in fold(each.without_tags() for each in channel.live).messages] == [message]


def test_metadata_is_that_which_came_last_and_whole(other_folds: OtherFolds):
    channel = Recording()
    attempt = channel.attempt()
    attempt.write({"type": "message-metadata", "messageMetadata": {"too": "early"}})
    attempt.write({"type": "start", "messageId": "m", "messageMetadata": {"a": 1}})
    assert shown(channel) == [{"id": "m", "role": "assistant", "metadata": {"a": 1}, "parts": []}]
    attempt.write({"type": "message-metadata", "messageMetadata": {"b": 2}})
    assert shown(channel)[0]["metadata"] == {"b": 2}
    attempt.write({"type": "finish", "messageMetadata": {"c": 3}}, {"type": "finish"}, {"type": "start"})
    assert shown(channel)[0]["metadata"] == {"c": 3}
    assert shown(channel) == other_folds.stock(channel)


def test_an_output_lands_on_the_first_message_that_has_the_call(other_folds: OtherFolds):
    channel = Recording()
    attempt = channel.attempt()
    for message in (0, 1):
        attempt.write(*BEGIN, INPUT, message=message)
    attempt.write({"type": "tool-output-available", "toolCallId": "c1", "output": 1}, message=2)
    calls = [message.parts[-1] for message in channel.session.messages]
    assert [call.state for call in calls if isinstance(call, ToolPart)] == ["output-available", "input-available"]
    assert shown(channel) == other_folds.stock(channel)


def test_a_question_about_the_call_of_another_message_is_dropped(other_folds: OtherFolds):
    channel = Recording()
    attempt = channel.attempt()
    attempt.write(*BEGIN, INPUT)
    attempt.write({"type": "tool-approval-request", "toolCallId": "c1", "approvalId": "a"}, message=1)
    assert [len(message.parts) for message in channel.session.messages] == [2, 0]
    assert shown(channel) == other_folds.stock(channel)


@pytest.mark.parametrize(
    "part",
    [
        Whole("hologram", {"a": "1"}, {"b": 2}),
        Whole("tool-output-available", {"toolCallId": "c1"}, "no object"),
        Whole("tool-output-error", {"toolCallId": "c1"}, {"errorText": 7}),
        Whole("tool-input-error", {"toolCallId": "c1"}, None),
        Whole("tool-input", {}, None),
        Whole("file", {}, {"no": "text"}),
        Whole("source-url", {}, None),
        Whole("source-document", {}),
        Whole("data-", {}, {}),
        Whole("start", {"messageMetadata": "{"}),
        Whole("tool-input", {"toolCallId": "c2", "toolName": "t", "dynamic": "perhaps"}, {}),
    ],
    ids=lambda part: part.kind,
)
def test_what_is_malformed_or_newer_is_read_as_the_stock_client_reads_it(part: Whole, other_folds: OtherFolds):
    channel = Recording()
    attempt = channel.attempt()
    attempt.write(*BEGIN, INPUT)
    attempt.emit(part)
    assert shown(channel) == other_folds.stock(channel)


def test_a_stream_of_a_newer_kind_is_passed_over():
    channel = Recording()
    attempt = channel.attempt()
    attempt.write(*BEGIN)
    TextScript(attempt, 0, Streamed("hologram", "h", {"depth": "3"})).append("x")
    attempt.text().append("y")
    assert [part.type for part in channel.session.messages[0].parts] == ["step-start", "text"]


def test_parts_without_a_message_are_passed_over():
    channel = Recording()
    channel.open_run()
    channel.attempt()
    assert compose([]) == channel.session.messages == ()


# We send none of these; after one the stock client puts a step-start of its own before the next stream.
_UNSENT = ("finish-step", "finish", "error", "abort")
_wholes = [
    [chunk]
    for chunks, _ in CASES.values()
    for chunk in chunks
    if not str(chunk["type"]).endswith(("-delta", "-end")) and chunk["type"] not in _UNSENT
]
_pieces = st.lists(st.text(max_size=3), max_size=3)


def _texts(kind: str) -> st.SearchStrategy[list[Chunk]]:
    return st.tuples(_pieces, st.booleans()).map(lambda drawn: streamed(kind, "1", *drawn[0], end=drawn[1]))


_inputs = st.tuples(st.sampled_from([["{}"], ["{"], []]), st.booleans()).map(
    lambda drawn: tool(*drawn[0], end=drawn[1])
)
_written = st.one_of(st.sampled_from(_wholes), _texts("text"), _texts("reasoning"), _inputs)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_messages_are_shown_as_the_stock_client_shows_them(data: st.DataObject, other_folds: OtherFolds):
    channel = Recording()
    steps = [channel.attempt(f":0:{place}") for place in range(2)]
    for attempt in steps:
        for message in range(2):
            attempt.write(*BEGIN, message=message)
    where = st.tuples(st.sampled_from(steps), st.integers(0, 1), _written)
    for attempt, message, chunks in data.draw(st.lists(where, max_size=15)):
        attempt.write(*chunks, message=message)
    assert shown(channel) == other_folds.stock(channel)
