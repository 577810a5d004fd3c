from __future__ import annotations

import pytest

from temporal_ably._wire.parts import Json, Streamed, Whole
from temporal_ably.codec.table import Action, Close, Extend, Open
from temporal_ably.codec.vercel import CODEC

# As @ably/ai-transport 0.8.0 writes them (WIRE.md 4.1).
ON_THE_WIRE: list[tuple[dict[str, Json], Action, str]] = [
    (
        {"type": "start", "messageId": "m", "messageMetadata": {"agent": "writer"}},
        Whole("start", {"messageId": "m", "messageMetadata": '{"agent":"writer"}'}),
        "start",
    ),
    ({"type": "start-step"}, Whole("start-step", {}), "start-step"),
    ({"type": "text-start", "id": "0"}, Open(Streamed("text", "0", {"id": "0"})), "text"),
    (
        {"type": "text-start", "id": "0", "providerMetadata": {"p": {"k": 1}}},
        Open(Streamed("text", "0", {"id": "0", "providerMetadata": '{"p":{"k":1}}'})),
        "text",
    ),
    ({"type": "text-delta", "id": "0", "delta": "Hi"}, Extend("0", "Hi"), "text"),
    ({"type": "text-end", "id": "0"}, Close("0"), "text"),
]


@pytest.mark.parametrize(("chunk", "action", "kind"), ON_THE_WIRE)
def test_chunk_is_written_and_read_as_the_stock_client_does(chunk: dict[str, Json], action: Action, kind: str) -> None:
    assert CODEC.encode(chunk) == action
    assert CODEC.decode(action, kind) == chunk


def test_table_lists_its_chunk_types() -> None:
    assert CODEC.types == ("start", "start-step", "text-start", "text-delta", "text-end")
