from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from temporal_ably.codec.payloads import ObjectPayload, Payload, TextPayload, ValuePayload
from temporal_ably.errors import EncodeError

if TYPE_CHECKING:
    from temporal_ably._wire.parts import Json

URL, REASON = TextPayload("url"), TextPayload("reason", required=False)
DATA, INPUT = ValuePayload("data"), ValuePayload("input", required=False)
ERROR, OUTPUT = ObjectPayload(text="errorText", value="input"), ObjectPayload(value="output")

WRITTEN: list[tuple[Payload, dict[str, Json], Json]] = [
    (URL, {"url": "https://x"}, "https://x"),
    (URL, {"url": ""}, ""),
    (REASON, {"reason": "stop"}, "stop"),
    (REASON, {}, ""),
    (DATA, {"data": {"n": 1}}, {"n": 1}),
    (DATA, {"data": [1, 2.5, None]}, [1, 2.5, None]),
    (DATA, {"data": "text"}, "text"),
    (DATA, {"data": None}, None),
    (ERROR, {"errorText": "no", "input": {"a": 1}}, {"errorText": "no", "input": {"a": 1}}),
    (ERROR, {"errorText": "no"}, {"errorText": "no"}),
    (OUTPUT, {"output": 5}, {"output": 5}),
    (OUTPUT, {"output": None}, {"output": None}),
    (OUTPUT, {}, {}),
]


@pytest.mark.parametrize(("payload", "chunk", "data"), WRITTEN)
def test_payload_is_written_and_read_back(payload: Payload, chunk: dict[str, Json], data: Json) -> None:
    assert payload.write("x", chunk) == data
    assert payload.read(data) == chunk


def test_absent_value_that_may_be_absent_is_no_data() -> None:
    assert INPUT.write("x", {}) is None


@pytest.mark.parametrize("payload", [DATA, OUTPUT, ObjectPayload(value="input"), INPUT])
def test_payload_is_a_copy(payload: ValuePayload | ObjectPayload) -> None:
    value: dict[str, Json] = {"n": [1]}
    data = payload.write("x", {"data": value, "output": value, "input": value})
    cast("list[Json]", value["n"]).append(2)
    assert data in ({"n": [1]}, {"output": {"n": [1]}}, {"input": {"n": [1]}})


@pytest.mark.parametrize(
    ("payload", "chunk", "what"),
    [
        (URL, {}, "url is absent; pass a chunk with 'url'"),
        (URL, {"url": None}, "url is None; pass a chunk with 'url'"),
        (URL, {"url": 1}, "url is int; pass a str"),
        (REASON, {"reason": []}, "reason is list; pass a str"),
        (DATA, {}, "data is absent; pass a chunk with 'data'"),
        (DATA, {"data": 1}, "data is a bare int, which no Ably message can carry; wrap it in an object or a list"),
        (DATA, {"data": True}, "data is a bare bool, which"),
        (DATA, {"data": 1.5}, "data is a bare float, which"),
        (INPUT, {"input": 0}, "input is a bare int, which"),
        (DATA, {"data": object()}, "data is not JSON"),
        (DATA, {"data": {"n": float("nan")}}, "data is not JSON"),
        (DATA, {"data": "\udc00"}, "data is not JSON"),
        (OUTPUT, {"output": {1, 2}}, "output is not JSON"),
        (ERROR, {"input": 1}, "errorText is absent"),
        (ERROR, {"errorText": 1}, "errorText is int; pass a str"),
        (ERROR, {"errorText": "no", "input": b"x"}, "input is not JSON"),
    ],
)
def test_payload_that_no_message_can_carry_is_refused(payload: Payload, chunk: dict[str, Json], what: str) -> None:
    with pytest.raises(EncodeError, match=f"unable to encode hello; {what}"):
        payload.write("hello", chunk)


@pytest.mark.parametrize(
    ("payload", "data", "keys"),
    [
        (URL, {"no": "text"}, {"url": ""}),
        (REASON, 7, {}),
        (ERROR, "text", {"errorText": ""}),
        (ERROR, {"errorText": 7, "input": 1}, {"errorText": ""}),
        (ERROR, {"input": 1}, {"errorText": "", "input": 1}),
        (OUTPUT, "text", {}),
        (OUTPUT, None, {}),
    ],
)
def test_malformed_payload_is_read_as_far_as_it_goes(payload: Payload, data: Json, keys: dict[str, Json]) -> None:
    assert payload.read(data) == keys
