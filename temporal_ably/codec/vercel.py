"""The UIMessage chunk vocabulary of the Vercel AI SDK, as a table.

Source: @ably/ai-transport 0.8.0, ``src/vercel/codec/outputs.ts``; ai 6.0, ``uiMessageChunkSchema``.
"""

from __future__ import annotations

from temporal_ably.codec.fields import Choice, Flag, JsonField, Text
from temporal_ably.codec.payloads import ObjectPayload, TextPayload, ValuePayload
from temporal_ably.codec.table import Codec, Event, Stream

_ID = Text("id", required=True)
_CALL = Text("toolCallId", required=True)
_TOOL = Text("toolName", required=True)
_SOURCE = Text("sourceId", required=True)
_MEDIA_TYPE = Text("mediaType", required=True)
_TITLE = Text("title")
_DYNAMIC = Flag("dynamic")
_BY_PROVIDER = Flag("providerExecuted")
_META = JsonField("providerMetadata")
_MESSAGE_META = JsonField("messageMetadata")
_FINISH_REASON = Choice(
    "finishReason", ("stop", "length", "content-filter", "tool-calls", "error", "other"), fallback="stop"
)

CODEC = Codec(
    "UIMessage",
    (
        Event("start", (Text("messageId"), _MESSAGE_META)),
        Event("start-step"),
        Stream("text", "text-start", "text-delta", "text-end", id=_ID, text="delta", fields=(_META,)),
        Stream(
            "reasoning", "reasoning-start", "reasoning-delta", "reasoning-end", id=_ID, text="delta", fields=(_META,)
        ),
        Stream(
            "tool-input",
            start="tool-input-start",
            delta="tool-input-delta",
            end="tool-input-available",
            id=_CALL,
            text="inputTextDelta",
            fields=(_TOOL, _DYNAMIC, _TITLE, _BY_PROVIDER, _META),
            end_fields=(_TOOL, _META),
            input=ValuePayload("input", required=False),
        ),
        Event(
            "tool-input-error",
            (_CALL, _TOOL, _DYNAMIC, _TITLE, _BY_PROVIDER, _META),
            ObjectPayload(text="errorText", value="input"),
        ),
        Event("tool-approval-request", (_CALL, Text("approvalId", required=True))),
        Event(
            "tool-output-available",
            (_CALL, _DYNAMIC, _BY_PROVIDER, Flag("preliminary")),
            ObjectPayload(value="output"),
        ),
        Event("tool-output-error", (_CALL, _DYNAMIC, _BY_PROVIDER), ObjectPayload(text="errorText")),
        Event("tool-output-denied", (_CALL,)),
        Event("file", (_MEDIA_TYPE, _META), TextPayload("url")),
        Event("source-url", (_SOURCE, _TITLE, _META), TextPayload("url")),
        Event("source-document", (_SOURCE, _MEDIA_TYPE, Text("title", required=True), Text("filename"), _META)),
        Event("data-*", (Text("id"), Flag("transient")), ValuePayload("data"), ephemeral="transient"),
        Event("message-metadata", (JsonField("messageMetadata", required=True),)),
        Event("finish-step"),
        Event("finish", (_FINISH_REASON, _MESSAGE_META)),
        Event("error", payload=TextPayload("errorText")),
        Event("abort", payload=TextPayload("reason", required=False)),
    ),
)
