from __future__ import annotations

import inspect
from typing import Any

import pytest

from temporal_ably import EncodeError
from temporal_ably._publisher import messages
from temporal_ably._publisher.attempt import PART_BYTES
from temporal_ably._publisher.bundle import Bundle
from temporal_ably._publisher.stream import Move, Stream
from temporal_ably._temporal.activity import AttemptSink
from temporal_ably._temporal.redaction import RedactingSink
from temporal_ably._temporal.sink import Nowhere, Sink, check_fields, check_size, checked
from temporal_ably._wire.operations import size_bytes
from temporal_ably._wire.parts import Streamed, Whole
from tests.publisher.model import PLAN
from tests.temporal.record import Record

ABLY_MESSAGE_BYTES = 64 * 1024


@pytest.mark.parametrize("sink", [Nowhere, Record, RedactingSink, AttemptSink], ids=lambda sink: sink.__name__)
def test_each_sink_takes_all_that_a_stream_tells(sink: type) -> None:
    asked = {name: value for name, value in vars(Sink).items() if inspect.isfunction(value) and name[0] != "_"}
    for name, function in asked.items():
        assert list(inspect.signature(getattr(sink, name)).parameters) == list(inspect.signature(function).parameters)


def test_sink_outside_an_activity_names_calls_and_does_nothing_else() -> None:
    nowhere = Nowhere()
    nowhere.open_early()
    nowhere.begin(1, 0, Streamed("text", "", {}))
    nowhere.extend(1, "x")
    nowhere.close(1, {}, "complete")
    nowhere.emit(0, Whole("start-step", {}))
    nowhere.set_metadata(0, {})
    nowhere.touched()
    assert [nowhere.name_call(number) for number in (1, 2)] == ["call-1", "call-2"]


def test_text_is_given_back_and_anything_else_refused() -> None:
    assert checked("h\u00e9") == "h\u00e9"
    wrong: list[Any] = [b"x", 1, None, "\ud83d"]
    for chunk in wrong:
        with pytest.raises(EncodeError):
            checked(chunk)


def test_largest_part_that_passes_fits_a_message_of_ably_with_all_its_headers() -> None:
    for part in (
        Whole("data-x", {"id": "p"}, "x" * 57_000),
        Whole("data-x", {}, {"a": "x" * 57_000}),
        Whole("data-x", {}, {"a": "\u20ac" * 9_500}),
        Whole("message-metadata", {"messageMetadata": '{"a":"' + '"' * 10 + "x" * 28_000 + '"}'}),
        Whole("source-document", {"sourceId": "x" * 14_000, "title": "x" * 14_000, "mediaType": "a/b"}),
    ):
        check_size(part)
        bundle = Bundle(0, 0.0)
        bundle.add(0, part)
        assert size_bytes(messages.creation(PLAN, "s" * 40, bundle)) <= ABLY_MESSAGE_BYTES, part.kind


def test_largest_fields_that_pass_fit_beside_the_largest_text() -> None:
    part = Streamed("tool-input", "c1", {"toolCallId": "c1", "toolName": "x" * 10_000})
    check_fields(part.kind, part.fields)
    with pytest.raises(EncodeError, match="stream less of toolCallId, toolName"):
        check_fields(part.kind, {**part.fields, "toolName": "x" * 10_300})
    stream = Stream(0, part)
    operation = messages.change(PLAN, "s" * 40, stream, Move("update", "x" * PART_BYTES, "complete"))
    assert size_bytes(operation) <= ABLY_MESSAGE_BYTES
