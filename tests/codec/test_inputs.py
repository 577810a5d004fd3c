from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from temporal_ably.codec.inputs import INPUTS, describe_input

if TYPE_CHECKING:
    from temporal_ably._wire.parts import Json


@pytest.mark.parametrize(
    ("kind", "fields", "described"),
    [
        (
            "user-message",
            {"messageId": "m", "partType": "text"},
            {"type": "text", "messageId": "m"},
        ),
        (
            "user-message",
            {"messageId": "m", "partType": "file", "mediaType": "image/png"},
            {"type": "file", "messageId": "m", "mediaType": "image/png"},
        ),
        ("user-message", {"partType": "data-x", "id": "d"}, {"type": "data-x", "id": "d"}),
        ("user-message", {"messageId": "m"}, {"type": "user-message", "messageId": "m"}),
        ("tool-result", {"toolCallId": "c", "more": "1"}, {"type": "tool-result", "toolCallId": "c"}),
        ("tool-result-error", {"toolCallId": "c"}, {"type": "tool-result-error", "toolCallId": "c"}),
        (
            "tool-approval-response",
            {"toolCallId": "c", "approved": "true", "reason": "ok"},
            {"type": "tool-approval-response", "toolCallId": "c", "approved": True, "reason": "ok"},
        ),
        (
            "tool-approval-response",
            {"toolCallId": "c", "approved": "perhaps"},
            {"type": "tool-approval-response", "toolCallId": "c", "approved": False},
        ),
        ("regenerate", {}, {"type": "regenerate"}),
        ("wink", {"eye": "left", "partType": "text"}, {"type": "wink", "eye": "left", "partType": "text"}),
    ],
)
def test_an_input_is_described_by_what_it_says(kind: str, fields: dict[str, str], described: dict[str, Json]):
    assert describe_input(kind, fields) == described


def test_the_table_has_what_the_stock_client_sends():
    assert INPUTS.types == (
        "user-message",
        "tool-result",
        "tool-result-error",
        "tool-approval-response",
        "regenerate",
    )
