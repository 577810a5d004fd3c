from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from temporal_ably._wire.parts import Json, Streamed, Whole
from temporal_ably.codec.fields import Flag, JsonField, Text
from temporal_ably.codec.payloads import TextPayload, ValuePayload
from temporal_ably.codec.table import Action, Close, Codec, Event, Extend, Open, Stream
from temporal_ably.errors import EncodeError

if TYPE_CHECKING:
    from temporal_ably.codec.table import Chunk

ID = Text("id", required=True)
CODEC = Codec(
    "toy",
    (
        Event("hello", (Text("name"), JsonField("meta"), JsonField("providerMetadata")), TextPayload("greeting")),
        Event("my-*", (Flag("brief"),), ValuePayload("value"), ephemeral="brief"),
        Event("my-own"),
        Stream("words", "w-start", "w-delta", "w-end", id=ID, text="delta", fields=(JsonField("meta"),)),
        Stream(
            "call",
            start="c-start",
            delta="c-delta",
            end="c-done",
            id=ID,
            text="more",
            fields=(Text("name", required=True), Flag("loud"), JsonField("meta")),
            end_fields=(Text("name", required=True),),
            input=ValuePayload("input", required=False),
        ),
    ),
)
CASES: list[tuple[dict[str, Json], Action]] = [
    ({"type": "hello", "greeting": "hi"}, Whole("hello", {}, "hi")),
    (
        {"type": "hello", "greeting": "hi", "name": "Ada", "meta": {"n": 1}},
        Whole("hello", {"name": "Ada", "meta": '{"n":1}'}, "hi"),
    ),
    ({"type": "my-own"}, Whole("my-own", {})),
    ({"type": "my-thing", "value": [1]}, Whole("my-thing", {}, [1])),
    ({"type": "my-thing", "value": "x", "brief": False}, Whole("my-thing", {"brief": "false"}, "x")),
    ({"type": "my-thing", "value": "x", "brief": True}, Whole("my-thing", {"brief": "true"}, "x", ephemeral=True)),
    ({"type": "w-start", "id": "7"}, Open(Streamed("words", "7", {"id": "7"}))),
    ({"type": "w-start", "id": "7", "meta": [1]}, Open(Streamed("words", "7", {"id": "7", "meta": "[1]"}))),
    ({"type": "w-delta", "id": "7", "delta": "hi"}, Extend("words", "7", "hi")),
    ({"type": "w-delta", "id": "7", "delta": ""}, Extend("words", "7", "")),
    ({"type": "w-end", "id": "7"}, Close("words", "7", {"id": "7"})),
    ({"type": "w-end", "id": "7", "meta": {"n": 1}}, Close("words", "7", {"id": "7", "meta": '{"n":1}'})),
    ({"type": "c-start", "id": "7", "name": "f"}, Open(Streamed("call", "7", {"id": "7", "name": "f"}))),
    (
        {"type": "c-done", "id": "7", "name": "f", "input": {"a": 1}},
        Close("call", "7", {"id": "7", "name": "f"}, Whole("call", {"id": "7", "name": "f"}, {"a": 1})),
    ),
]


@pytest.mark.parametrize(("chunk", "action"), CASES)
def test_chunk_becomes_the_action_of_its_entry_and_back(chunk: dict[str, Json], action: Action) -> None:
    assert CODEC.encode(chunk) == action
    assert CODEC.decode(action) == (chunk,)


def test_keys_that_the_table_lacks_are_ignored() -> None:
    assert CODEC.encode({"type": "my-own", "colour": object()}) == Whole("my-own", {})  # pyright: ignore[reportArgumentType] - any mapping may come


def test_end_keeps_to_its_own_fields_and_a_whole_has_all() -> None:
    chunk: dict[str, Json] = {"type": "c-done", "id": "7", "name": "f", "loud": True, "meta": 1, "input": []}
    whole = Whole("call", {"id": "7", "name": "f", "loud": "true", "meta": "1"}, [])
    assert CODEC.encode(chunk) == Close("call", "7", {"id": "7", "name": "f"}, whole)


def test_whole_of_a_stream_is_read_as_its_start_and_its_end() -> None:
    assert CODEC.decode(Whole("call", {"id": "7", "name": "f", "loud": "true"}, [1])) == (
        {"type": "c-start", "id": "7", "name": "f", "loud": True},
        {"type": "c-done", "id": "7", "name": "f", "input": [1]},
    )


@pytest.mark.parametrize(
    ("text", "keys"),
    [('{"a":1}', {"input": {"a": 1}}), ("5", {"input": 5}), ("plain", {"input": "plain"}), ("", {})],
)
def test_text_of_a_finished_stream_is_its_input(text: str, keys: dict[str, Json]) -> None:
    part = Streamed("call", "7", {"id": "7", "name": "f"})
    assert CODEC.decode(CODEC.close(part, text)) == ({"type": "c-done", "id": "7", "name": "f", **keys},)


def test_finished_stream_without_an_input_is_its_end_alone() -> None:
    part = Streamed("words", "7", {"id": "7", "meta": "1"})
    assert CODEC.decode(CODEC.close(part, "hi")) == ({"type": "w-end", "id": "7", "meta": 1},)


@pytest.mark.parametrize("chunk", [{"type": "bye"}, {"type": 7}, {"type": "my"}, {}])
def test_chunk_without_an_entry_is_a_loud_error_that_lists_the_table(chunk: dict[str, Json]) -> None:
    known = r"hello, my-\*, my-own, w-start, w-delta, w-end, c-start, c-delta, c-done"
    with pytest.raises(
        EncodeError, match=f"the toy codec has no such type; use one of {known}, .*temporal_ably.codec.register_adapter"
    ):
        CODEC.encode(chunk)


@pytest.mark.parametrize(
    ("chunk", "what"),
    [
        ({"type": "w-start"}, "w-start; id is absent; pass a chunk with 'id'"),
        ({"type": "w-delta", "id": 7, "delta": "x"}, "w-delta; id is int; pass a str"),
        ({"type": "w-delta", "id": "7"}, "w-delta; delta is absent; pass a chunk with 'delta'"),
        ({"type": "w-delta", "id": "7", "delta": 1}, "w-delta; delta is int; pass a str"),
        ({"type": "w-delta", "id": "7", "delta": "\udc00"}, "w-delta; delta is a str with half a surrogate pair"),
        ({"type": "w-end", "id": None}, "w-end; id is None; pass a chunk with 'id'"),
        ({"type": "c-done", "id": "7"}, "c-done; name is absent"),
        ({"type": "c-done", "id": "7", "name": "f", "input": 5}, "c-done; input is a bare int"),
        ({"type": "hello", "name": 1, "greeting": "hi"}, "hello; name is int; pass a str"),
        ({"type": "hello"}, "hello; greeting is absent; pass a chunk with 'greeting'"),
        ({"type": "my-x", "value": 1}, "my-x; value is a bare int"),
    ],
)
def test_chunk_of_the_wrong_shape_names_its_type_and_key(chunk: dict[str, Json], what: str) -> None:
    with pytest.raises(EncodeError, match=f"unable to encode {what}"):
        CODEC.encode(chunk)


@pytest.mark.parametrize(
    "action",
    [Whole("novelty", {}), Open(Streamed("hello", "7", {})), Extend("novelty", "7", "x"), Close("novelty", "7", {})],
)
def test_kind_that_the_table_lacks_decodes_to_nothing(action: Action) -> None:
    assert CODEC.decode(action) == ()


@pytest.mark.parametrize(
    ("kind", "fields", "described"),
    [
        ("words", {"id": "7", "meta": '{"n":1}'}, {"type": "words", "id": "7", "meta": {"n": 1}}),
        ("call", {"loud": "true", "name": "f"}, {"type": "call", "name": "f", "loud": True}),
        ("hello", {"name": "Ada", "providerMetadata": "{}"}, {"type": "hello", "name": "Ada"}),
        ("my-thing", {"brief": "false"}, {"type": "my-thing", "brief": False}),
        ("my-own", {}, {"type": "my-own"}),
        ("novelty", {"size": "9"}, {"type": "novelty", "size": "9"}),
    ],
)
def test_part_is_described_by_its_kind_and_typed_fields(kind: str, fields: dict[str, str], described: Chunk) -> None:
    assert CODEC.describe(kind, fields) == described
