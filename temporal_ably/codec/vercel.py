"""The UIMessage chunk vocabulary of the Vercel AI SDK, as a table.

Source: @ably/ai-transport 0.8.0, ``src/vercel/codec/outputs.ts``; ai 6.0, ``UIMessageChunk``.
"""

from __future__ import annotations

from temporal_ably.codec.fields import JsonField, Text
from temporal_ably.codec.table import Codec, Event, Stream

CODEC = Codec(
    "UIMessage",
    (
        Event("start", "start", (Text("messageId"), JsonField("messageMetadata"))),
        Event("start-step", "start-step"),
        Stream(
            "text",
            start="text-start",
            delta="text-delta",
            end="text-end",
            id=Text("id"),
            text="delta",
            fields=(JsonField("providerMetadata"),),
        ),
    ),
)
