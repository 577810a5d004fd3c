from __future__ import annotations

import pytest

from temporal_ably._wire.parts import Json, Streamed, Whole
from temporal_ably.codec.table import Action, Close, Extend, Open
from temporal_ably.codec.vercel import CODEC

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
