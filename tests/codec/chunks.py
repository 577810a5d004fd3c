"""Chunks of a message as a model might send them, generated."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Mapping

    from temporal_ably._wire.parts import Json
    from temporal_ably.codec import Chunk

# Numbers that JavaScript holds exactly.
_numbers = st.integers(-(2**53), 2**53) | st.floats(-(2.0**53), 2.0**53)
json_values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | _numbers | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
# What a message's data can be by itself.
_payloads = json_values.filter(lambda value: not isinstance(value, (bool, int, float)))
_present = json_values.filter(lambda value: value is not None)
_texts = st.text(max_size=8)
_flags = st.booleans()
_object: st.SearchStrategy[Json] = st.dictionaries(_texts, json_values, max_size=2)
_meta = cast("st.SearchStrategy[Json]", st.dictionaries(_texts, _object, max_size=2))


def _chunk(
    chunk_type: str | st.SearchStrategy[str],
    *,
    may: Mapping[str, st.SearchStrategy[Json]],
    **must: st.SearchStrategy[Json],
) -> st.SearchStrategy[Chunk]:
    types = st.just(chunk_type) if isinstance(chunk_type, str) else chunk_type
    keys = {"type": cast("st.SearchStrategy[Json]", types), **must}
    return cast("st.SearchStrategy[Chunk]", st.fixed_dictionaries(keys, optional=dict(may)))


_names = st.text(min_size=1, max_size=8)
_tool = {"toolCallId": _texts, "toolName": _names}
_tool_flags = {"dynamic": _flags, "title": _texts, "providerExecuted": _flags, "providerMetadata": _meta}
_output_flags = {"dynamic": _flags, "providerExecuted": _flags}
_reasons = st.sampled_from(["stop", "length", "content-filter", "tool-calls", "error", "other"])

WHOLES: dict[str, st.SearchStrategy[Chunk]] = {
    "start": _chunk("start", may={"messageId": _texts, "messageMetadata": _present}),
    "start-step": _chunk("start-step", may={}),
    "finish-step": _chunk("finish-step", may={}),
    "finish": _chunk("finish", may={"finishReason": _reasons, "messageMetadata": _present}),
    "message-metadata": _chunk("message-metadata", may={}, messageMetadata=_present),
    "error": _chunk("error", may={}, errorText=_texts),
    "abort": _chunk("abort", may={"reason": _texts}),
    "file": _chunk("file", may={"providerMetadata": _meta}, url=_texts, mediaType=_texts),
    "source-url": _chunk("source-url", may={"title": _texts, "providerMetadata": _meta}, sourceId=_texts, url=_texts),
    "source-document": _chunk(
        "source-document",
        may={"filename": _texts, "providerMetadata": _meta},
        sourceId=_texts,
        mediaType=_texts,
        title=_texts,
    ),
    "tool-input-error": _chunk(
        "tool-input-error", may={"input": json_values, **_tool_flags}, errorText=_texts, **_tool
    ),
    "tool-output-available": _chunk(
        "tool-output-available", may={"output": json_values, "preliminary": _flags, **_output_flags}, toolCallId=_texts
    ),
    "tool-output-error": _chunk("tool-output-error", may=_output_flags, toolCallId=_texts, errorText=_texts),
    "tool-approval-request": _chunk("tool-approval-request", may={}, toolCallId=_texts, approvalId=_texts),
    "tool-output-denied": _chunk("tool-output-denied", may={}, toolCallId=_texts),
    "data-*": _chunk(_texts.map(lambda name: f"data-{name}"), may={"id": _texts, "transient": _flags}, data=_payloads),
}


def _texts_of(kind: str) -> st.SearchStrategy[list[Chunk]]:
    start = _chunk(f"{kind}-start", may={"providerMetadata": _meta})
    delta = _chunk(f"{kind}-delta", may={}, delta=_texts)
    return _stream(start, delta, _chunk(f"{kind}-end", may={"providerMetadata": _meta}))


def _calls() -> st.SearchStrategy[list[Chunk]]:
    delta = _chunk("tool-input-delta", may={}, inputTextDelta=_texts)
    start = _chunk("tool-input-start", may=_tool_flags, toolName=_names)
    end = _chunk("tool-input-available", may=_tool_flags, toolName=_names, input=_payloads)
    return _stream(start, delta, end)


def _stream(
    start: st.SearchStrategy[Chunk], delta: st.SearchStrategy[Chunk], end: st.SearchStrategy[Chunk]
) -> st.SearchStrategy[list[Chunk]]:
    return st.tuples(start, st.lists(delta, max_size=3), end).map(lambda parts: [parts[0], *parts[1], parts[2]])


def _named(stream: list[Chunk], name: str) -> list[Chunk]:
    key = "toolCallId" if stream[0]["type"] in ("tool-input-start", "tool-input-available") else "id"
    return [{**chunk, key: name} for chunk in stream]


STREAMS: dict[str, st.SearchStrategy[list[Chunk]]] = {
    "text": _texts_of("text"),
    "reasoning": _texts_of("reasoning"),
    "tool-input": _calls(),
}
_discrete_calls = STREAMS["tool-input"].map(lambda stream: stream[-1:])
_wholes = st.one_of(*WHOLES.values()).map(lambda chunk: [chunk])


@st.composite
def messages(draw: st.DrawFn) -> list[Chunk]:
    """Draw the chunks of a message: streams interleave, wholes stand between."""
    streams = draw(st.lists(st.one_of(*STREAMS.values(), _discrete_calls), max_size=4))
    waiting = [_named(stream, str(name)) for name, stream in enumerate(streams)]
    waiting += draw(st.lists(_wholes, max_size=4))
    chunks: list[Chunk] = []
    while waiting:
        lane = draw(st.integers(0, len(waiting) - 1))
        chunks.append(waiting[lane].pop(0))
        if not waiting[lane]:
            del waiting[lane]
    return chunks
