from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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

if TYPE_CHECKING:
    from temporal_ably._wire.parts import Json

CALL: dict[str, Json] = {"type": "tool-search", "toolCallId": "c1"}


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        (TextPart("1", "Hi", "streaming", 3), {"type": "text", "text": "Hi"}),
        (ReasoningPart("1", "Hm"), {"type": "reasoning", "text": "Hm"}),
        (StepStartPart("1"), {"type": "step-start"}),
        (ToolPart("1", "c1", "search", "input-streaming"), {**CALL, "state": "input-streaming"}),
        (
            ToolPart(
                "1", "c1", "search", "output-available", values={"input": {}, "output": None, "preliminary": True}
            ),
            {**CALL, "state": "output-available", "input": {}, "output": None, "preliminary": True},
        ),
        (
            ToolPart("1", "c1", "search", "input-available", dynamic=True, options={"title": "Search"}),
            {
                "type": "dynamic-tool",
                "toolName": "search",
                "toolCallId": "c1",
                "state": "input-available",
                "title": "Search",
            },
        ),
        (FilePart("1", "image/png", "https://a"), {"type": "file", "mediaType": "image/png", "url": "https://a"}),
        (SourceUrlPart("1", "s", "https://a"), {"type": "source-url", "sourceId": "s", "url": "https://a"}),
        (
            SourceDocumentPart("1", "s", "text/plain", "Notes", "notes.txt"),
            {
                "type": "source-document",
                "sourceId": "s",
                "mediaType": "text/plain",
                "title": "Notes",
                "filename": "notes.txt",
            },
        ),
        (DataPart("1", "data-x", None, [1]), {"type": "data-x", "data": [1]}),
        (DataPart("1", "data-x", "d", None), {"type": "data-x", "id": "d"}),
    ],
)
def test_a_part_as_it_stands_in_a_ui_message(part: Part, shown: dict[str, Json]):
    assert part.as_ui() == shown


def test_a_tool_call_without_an_outcome():
    call = ToolPart("1", "c1", "search", "input-streaming")
    assert (call.input, call.output, call.error, call.preliminary, call.approval) == (None, None, None, False, None)


def test_outcomes_of_a_tool_call_by_name():
    done = ToolPart("1", "c", "t", "output-available", values={"input": 1, "output": 2, "preliminary": True})
    assert (done.input, done.output, done.preliminary) == (1, 2, True)
    assert ToolPart("1", "c", "t", "output-error", values={"errorText": "no"}).error == "no"
    asked = ToolPart("1", "c", "t", "approval-requested", values={"approval": {"id": "a"}})
    assert asked.approval == {"id": "a"}
