from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from temporal_ably._session.model import Message
from temporal_ably._session.parts import (
    DataPart,
    FilePart,
    Part,
    ReasoningPart,
    SourceDocumentPart,
    SourceUrlPart,
    StepStartPart,
    TextPart,
    ToolPart,
)
from temporal_ably._session.seeds import genuine, read_seeds

if TYPE_CHECKING:
    from temporal_ably._wire.parts import Json

PARTS: list[Part] = [
    StepStartPart("7"),
    TextPart("7", "a"),
    ReasoningPart("7", "b"),
    FilePart("7", "image/png", "https://a"),
    SourceUrlPart("7", "s", "https://a", "A"),
    SourceUrlPart("7", "s", "https://a"),
    SourceDocumentPart("7", "s", "text/plain", "A", "a.txt"),
    DataPart("7", "data-x", "1", {"n": 1}),
    DataPart("7", "data-x", None, [1]),
    ToolPart("7", "c1", "search", "input-available", values={"input": None}),
    ToolPart(
        "7",
        "c2",
        "search",
        "output-available",
        dynamic=True,
        options={"title": "S", "providerExecuted": True},
        values={"input": {}, "output": 1, "preliminary": True},
    ),
    ToolPart("7", "c3", "a-b", "output-error", values={"input": {}, "errorText": "no"}),
    ToolPart("7", "c4", "search", "approval-responded", values={"approval": {"id": "", "approved": True}}),
]


def seeded(*parts: Json, **message: Json) -> Json:
    entry: Json = {"codecMessageId": "s1", "message": {"id": "ui", "parts": list(parts), **message}}
    return {"output": 1, "forkSeed": {"messages": [entry]}}


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.type)
def test_a_part_that_is_shown_is_read_back(part: Part):
    (seed,) = read_seeds(seeded(part.as_ui()), "7")
    assert seed.parts == (part,)


def test_a_message_keeps_who_said_it_and_its_metadata():
    (seed,) = read_seeds(seeded(role="user", metadata={"a": 1}), "7")
    assert (seed.id, seed.ui_id, seed.by_user, seed.metadata) == ("s1", "ui", True, {"a": 1})
    (seed,) = read_seeds(seeded(role="assistant", id=7), "7")
    assert (seed.id, seed.ui_id, seed.by_user, seed.metadata) == ("s1", "s1", False, None)


def test_a_copy_says_what_its_original_says():
    original = Message("m", "3", "ui", (TextPart("3", "genuine"),), {"a": 1})
    (seed,) = genuine(read_seeds(seeded({"type": "text", "text": "forged"}, metadata={"b": 1}), "7"), [original], "7")
    assert (seed.id, seed.ui_id, seed.parts, seed.metadata) == ("s1", "ui", (TextPart("7", "genuine"),), {"a": 1})


@pytest.mark.parametrize(
    "original", [Message("m", "3", "other"), Message("m", "3", "ui", role="user"), Message("ui", "3", "m")]
)
def test_a_copy_of_nothing_is_left_out(original: Message):
    seeds = read_seeds(seeded({"type": "text", "text": "forged"}), "7")
    assert genuine(seeds, [original], "7") == ()


@pytest.mark.parametrize(
    "part",
    [
        None,
        "text",
        {},
        {"type": 7},
        {"type": "hologram"},
        {"type": "tool-search", "toolCallId": "c1", "state": "dreaming"},
        {"type": "tool-search", "state": "input-available"},
    ],
)
def test_a_part_that_is_malformed_or_newer_is_left_out(part: Json):
    (seed,) = read_seeds(seeded(part, {"type": "text", "text": "a"}), "7")
    assert seed.parts == (TextPart("7", "a"),)


NO_COPIES: list[Json] = [
    None,
    "text",
    {},
    {"forkSeed": 7},
    {"forkSeed": {"messages": {}}},
    {"forkSeed": {"messages": [None, {}, {"codecMessageId": 7, "message": {"parts": []}}]}},
    {"forkSeed": {"messages": [{"codecMessageId": "s1"}, {"codecMessageId": "s1", "message": {"parts": 7}}]}},
]


@pytest.mark.parametrize("data", NO_COPIES)
def test_what_is_no_copy_of_messages_is_none(data: Json):
    assert read_seeds(data, "7") == ()
