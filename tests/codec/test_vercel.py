from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from temporal_ably._wire.parts import Json, Streamed, Whole
from temporal_ably.codec.table import Action, Close, Extend, Open
from temporal_ably.codec.vercel import CODEC
from temporal_ably.errors import EncodeError
from tests.codec.chunks import STREAMS, WHOLES, messages

if TYPE_CHECKING:
    from temporal_ably.codec import Chunk

# As @ably/ai-transport 0.8.0 writes them (WIRE.md 4.1); the golden files hold many more.
ON_THE_WIRE: list[tuple[dict[str, Json], Action]] = [
    (
        {"type": "start", "messageId": "m", "messageMetadata": {"agent": "writer"}},
        Whole("start", {"messageId": "m", "messageMetadata": '{"agent":"writer"}'}),
    ),
    ({"type": "start-step"}, Whole("start-step", {})),
    ({"type": "text-start", "id": "0"}, Open(Streamed("text", "0", {"id": "0"}))),
    ({"type": "text-delta", "id": "0", "delta": "Hi"}, Extend("text", "0", "Hi")),
    ({"type": "text-end", "id": "0"}, Close("text", "0", {"id": "0"})),
    (
        {"type": "tool-output-available", "toolCallId": "c", "output": 5, "preliminary": True},
        Whole("tool-output-available", {"toolCallId": "c", "preliminary": "true"}, {"output": 5}),
    ),
    (
        {"type": "data-progress", "id": "p", "data": {"done": 1}, "transient": True},
        Whole("data-progress", {"id": "p", "transient": "true"}, {"done": 1}, ephemeral=True),
    ),
    (
        {"type": "finish", "finishReason": "length"},
        Whole("finish", {"finishReason": "length"}),
    ),
]


@pytest.mark.parametrize(("chunk", "action"), ON_THE_WIRE)
def test_chunk_is_written_and_read_as_the_stock_client_does(chunk: dict[str, Json], action: Action) -> None:
    assert CODEC.encode(chunk) == action
    assert CODEC.decode(action) == (chunk,)


def test_part_is_described_as_readers_of_tags_know_it() -> None:
    fields = {"toolCallId": "c1", "toolName": "getWeather", "dynamic": "true", "providerMetadata": "{}"}
    assert CODEC.describe("tool-input", fields) == {
        "type": "tool-input",
        "toolCallId": "c1",
        "toolName": "getWeather",
        "dynamic": True,
    }
    assert CODEC.describe("data-progress", {"id": "p"}) == {"type": "data-progress", "id": "p"}
    assert CODEC.describe("finish", {}) == {"type": "finish"}


def as_read(chunk: Chunk) -> Chunk:
    """Give what a reader gets of a chunk: an end without what its start has said, and no empty reason."""
    if chunk["type"] == "tool-input-available":
        return {key: value for key, value in chunk.items() if key not in ("dynamic", "title", "providerExecuted")}
    if chunk["type"] == "finish":
        return {"finishReason": "stop", **chunk}
    if chunk["type"] == "abort" and not chunk.get("reason"):
        return {"type": "abort"}
    return chunk


@given(messages())
def test_decode_undoes_encode(chunks: list[Chunk]) -> None:
    assert [chunk for each in chunks for chunk in CODEC.decode(CODEC.encode(each))] == [*map(as_read, chunks)]


@given(STREAMS["tool-input"])
def test_call_that_was_not_streamed_is_read_as_its_start_and_its_end(stream: list[Chunk]) -> None:
    end = {**stream[-1], "toolCallId": "c"}
    close = CODEC.encode(end)
    assert isinstance(close, Close)
    assert close.whole is not None
    start = {key: value for key, value in end.items() if key != "input"} | {"type": "tool-input-start"}
    assert CODEC.decode(close.whole) == (start, as_read(end))


def test_every_type_of_the_table_is_generated() -> None:
    streamed = {f"{kind}-{phase}" for kind in ("text", "reasoning") for phase in ("start", "delta", "end")}
    called = {"tool-input-start", "tool-input-delta", "tool-input-available"}
    assert {*WHOLES, *streamed, *called} == set(CODEC.types)


def test_payload_is_what_it_was_when_the_chunk_was_encoded() -> None:
    rows: list[Json] = [1]
    whole = CODEC.encode({"type": "data-rows", "data": rows})
    rows.append(2)
    assert whole == Whole("data-rows", {}, [1])


@pytest.mark.parametrize(
    ("chunk", "what"),
    [
        ({"type": "text-start"}, "text-start; id is absent"),
        ({"type": "reasoning-delta", "id": "0"}, "reasoning-delta; delta is absent"),
        ({"type": "tool-input-start", "toolCallId": "c"}, "tool-input-start; toolName is absent"),
        (
            {"type": "tool-input-available", "toolCallId": "c", "toolName": "t", "input": 5},
            "tool-input-available; input",
        ),
        ({"type": "tool-input-error", "toolCallId": "c", "toolName": "t"}, "tool-input-error; errorText is absent"),
        ({"type": "tool-output-error", "toolCallId": "c"}, "tool-output-error; errorText is absent"),
        ({"type": "tool-approval-request", "toolCallId": "c"}, "tool-approval-request; approvalId is absent"),
        ({"type": "tool-output-denied"}, "tool-output-denied; toolCallId is absent"),
        ({"type": "file", "url": "u"}, "file; mediaType is absent"),
        ({"type": "source-url", "sourceId": "s"}, "source-url; url is absent"),
        ({"type": "source-document", "sourceId": "s", "mediaType": "m"}, "source-document; title is absent"),
        ({"type": "data-x"}, "data-x; data is absent"),
        ({"type": "data-x", "data": True}, "data-x; data is a bare bool"),
        ({"type": "data-x", "data": {}, "transient": 1}, "data-x; transient is int; pass a bool"),
        ({"type": "message-metadata"}, "message-metadata; messageMetadata is absent"),
        ({"type": "error"}, "error; errorText is absent"),
        ({"type": "finish", "finishReason": 1}, "finish; finishReason is int"),
        ({"type": "text"}, "a chunk of type 'text'; the UIMessage codec has no such type; use one of start,"),
    ],
)
def test_chunk_of_the_wrong_shape_is_refused(chunk: dict[str, Json], what: str) -> None:
    with pytest.raises(EncodeError, match=f"unable to encode {what}"):
        CODEC.encode(chunk)
