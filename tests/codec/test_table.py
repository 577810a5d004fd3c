from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_ably._wire.parts import Json, Streamed, Whole
from temporal_ably.codec.fields import JsonField, Text
from temporal_ably.codec.table import Action, Close, Codec, Event, Extend, Open, Stream
from temporal_ably.errors import EncodeError

CODEC = Codec(
    "toy",
    (
        Event("hello", "greeting", (Text("name"), JsonField("meta"))),
        Stream("words", "w-start", "w-delta", "w-end", id=Text("id"), text="delta", fields=(JsonField("meta"),)),
    ),
)
CASES: list[tuple[dict[str, Json], Action]] = [
    ({"type": "hello", "name": "Ada"}, Whole("greeting", {"name": "Ada"})),
    ({"type": "hello", "name": "Ada", "meta": {"n": 1}}, Whole("greeting", {"name": "Ada", "meta": '{"n":1}'})),
    ({"type": "w-start", "id": "7"}, Open(Streamed("words", "7", {"id": "7"}))),
    ({"type": "w-start", "id": "7", "meta": [1]}, Open(Streamed("words", "7", {"id": "7", "meta": "[1]"}))),
    ({"type": "w-delta", "id": "7", "delta": "hi"}, Extend("7", "hi")),
    ({"type": "w-end", "id": "7"}, Close("7")),
]


@pytest.mark.parametrize(("chunk", "action"), CASES)
def test_chunk_becomes_the_action_of_its_entry(chunk: dict[str, Json], action: Action) -> None:
    assert CODEC.encode(chunk) == action


@given(st.text(), st.text(), st.dictionaries(st.text(), st.integers() | st.text(), max_size=3))
def test_decode_undoes_encode(part_id: str, text: str, meta: dict[str, Json]) -> None:
    chunks: list[tuple[str, dict[str, Json]]] = [
        ("greeting", {"type": "hello", "name": text, "meta": meta}),
        ("greeting", {"type": "hello"}),
        ("words", {"type": "w-start", "id": part_id, "meta": meta}),
        ("words", {"type": "w-delta", "id": part_id, "delta": text}),
        ("words", {"type": "w-end", "id": part_id}),
    ]
    assert [CODEC.decode(CODEC.encode(chunk), kind) for kind, chunk in chunks] == [chunk for _, chunk in chunks]


@pytest.mark.parametrize("chunk", [{"type": "bye"}, {"type": 7}, {}])
def test_chunk_without_an_entry_is_a_loud_error_that_lists_the_table(chunk: dict[str, Json]) -> None:
    with pytest.raises(EncodeError, match="the toy codec has no such type; use one of hello, w-start, w-delta, w-end"):
        CODEC.encode(chunk)


@pytest.mark.parametrize(
    ("chunk", "culprit"),
    [
        ({"type": "w-start"}, "id"),
        ({"type": "w-delta", "id": 7, "delta": "x"}, "id"),
        ({"type": "w-delta", "id": "7"}, "delta"),
        ({"type": "w-delta", "id": "7", "delta": 1}, "delta"),
        ({"type": "w-end", "id": None}, "id"),
        ({"type": "hello", "name": 1}, "name"),
    ],
)
def test_field_of_the_wrong_type_is_named(chunk: dict[str, Json], culprit: str) -> None:
    with pytest.raises(EncodeError, match=f"unable to encode .*{culprit}.*; pass a str"):
        CODEC.encode(chunk)


@pytest.mark.parametrize(
    ("action", "kind"),
    [(Whole("novelty", {}), "novelty"), (Whole("words", {}), "words"), (Close("7"), "greeting"), (Close("7"), "none")],
)
def test_kind_that_the_table_lacks_decodes_to_none(action: Action, kind: str) -> None:
    assert CODEC.decode(action, kind) is None
