from __future__ import annotations

import pytest

from temporal_ably.server.wire import (
    AblyError,
    Wire,
    as_wire,
    decode,
    encode,
    frame_out,
    message_out,
    messages_in,
    number,
    size_of,
    text,
)


@pytest.mark.parametrize("wire_format", ["json", "msgpack"])
def test_encode_and_decode_are_inverse(wire_format: str) -> None:
    frame = {"action": 15, "messages": [{"data": "a\u20ac", "extras": {"headers": {"a": "1"}}}]}
    chosen = "json" if wire_format == "json" else "msgpack"
    assert decode(encode(frame, chosen), chosen) == frame


def test_undefined_of_ably_js_reads_as_null() -> None:
    fixext1 = b"\xd4\x00\x00"
    assert decode(b"\x82\xa1a" + fixext1 + b"\xa1b\x01", "msgpack") == {"a": None, "b": 1}


@pytest.mark.parametrize(
    ("payload", "wire_format"),
    [
        (b"{", "json"),
        (b"\xff" * 3, "json"),
        (b"\x82\x01", "msgpack"),
        (b'{"a":NaN}', "json"),
        (b'{"a":"\\ud800"}', "json"),
    ],
)
def test_garbage_is_the_clients_error(payload: bytes, wire_format: str) -> None:
    with pytest.raises(AblyError) as caught:
        decode(payload, "json" if wire_format == "json" else "msgpack")
    assert caught.value.code == 40000


def test_nesting_too_deep_is_the_clients_error() -> None:
    with pytest.raises(AblyError):
        decode("[" * 200_000, "json")


def test_escaped_pairs_are_characters() -> None:
    assert decode('"\\ud83d\\ude00"', "json") == "\U0001f600"


def test_nulls_are_absent() -> None:
    assert as_wire({"channel": "x", "params": None}) == {"channel": "x"}


def test_a_frame_must_be_an_object() -> None:
    with pytest.raises(AblyError):
        as_wire([1])


@pytest.mark.parametrize(("value", "expected"), [(3, 3), (3.0, 3), ("3", 0), (float("inf"), 0), (None, 0)])
def test_number_takes_whole_numbers_only(value: object, expected: int) -> None:
    assert number({"n": value}, "n") == expected


def test_text_takes_strings_only() -> None:
    assert text({"a": "x"}, "a") == "x"
    assert text({"a": 1}, "a") is None


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"data": "AAE=", "encoding": "base64"}, {"data": b"\0\x01"}),
        ({"data": "AAE=", "encoding": "utf-8/base64"}, {"data": b"\0\x01", "encoding": "utf-8"}),
        ({"data": b"\0\x01"}, {"data": b"\0\x01"}),
        ({"data": {"a": 1}}, {"data": '{"a":1}', "encoding": "json"}),
        ({"data": "x", "name": None}, {"data": "x"}),
    ],
    ids=["base64", "base64 on top", "binary", "object", "null"],
)
def test_messages_take_their_inner_form(sent: Wire, kept: Wire) -> None:
    assert messages_in(sent) == [kept]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"data": 1}, 40013),
        ({"data": True}, 40013),
        ({"data": "!", "encoding": "base64"}, 40013),
        ({"data": "\u20ac", "encoding": "base64"}, 40013),
        ({"name": 1}, 40000),
        ({"clientId": []}, 40000),
        ("text", 40000),
    ],
    ids=str,
)
def test_messages_of_the_wrong_shape_are_refused(sent: object, code: int) -> None:
    with pytest.raises(AblyError) as caught:
        messages_in([sent])
    assert caught.value.code == code


def test_bytes_become_base64_for_json_only() -> None:
    message: Wire = {"data": b"\0\x01", "encoding": "utf-8"}
    assert message_out(message, "json") == {"data": "AAE=", "encoding": "utf-8/base64"}
    assert message_out({"data": b"\0\x01"}, "json") == {"data": "AAE=", "encoding": "base64"}
    assert message_out(message, "msgpack") is message


def test_frames_are_written_in_the_peers_format() -> None:
    frame: Wire = {"action": 15, "messages": [{"data": b"\0"}]}
    assert decode(frame_out(frame, "json"), "json") == {
        "action": 15,
        "messages": [{"data": "AA==", "encoding": "base64"}],
    }
    assert decode(frame_out(frame, "msgpack"), "msgpack") == frame


def test_size_counts_name_client_id_data_and_extras() -> None:
    assert size_of([{"name": "ab", "clientId": "c", "data": "\u20ac", "id": "ignored"}]) == 6
    assert size_of([{"data": b"1234", "extras": {"a": "b"}}]) == 4 + len('{"a":"b"}')


@pytest.mark.parametrize("extras", [{"a": b"x"}, {"a": float("nan")}])
def test_extras_that_json_cannot_hold_are_refused(extras: object) -> None:
    with pytest.raises(AblyError):
        size_of([{"extras": extras}])


def test_an_error_carries_all_that_ably_python_needs() -> None:
    assert AblyError(40160, 401, "unable").to_wire() == {
        "code": 40160,
        "statusCode": 401,
        "message": "unable",
        "href": "https://help.ably.io/error/40160",
    }
