from __future__ import annotations

import pytest

from temporal_ably._publisher.bundle import Bundle
from temporal_ably._publisher.stream import Stream
from temporal_ably._wire.parts import Whole
from tests.publisher.model import TEXT

PART = Whole("data-a", {}, "12345")
MANY = 100


def bundle(*parts: Whole, stream: Stream | None = None) -> Bundle:
    made = Bundle(0, 0.0)
    for part in parts:
        made.add(0, part)
    made.stream = stream
    return made


def test_parts_join_up_to_a_number() -> None:
    full = Bundle(0, 0.0)
    while full.takes(5) and len(full.wholes) < MANY:
        full.add(0, PART)
    assert 2 < len(full.wholes) < 50
    assert full.cost == len(full.wholes)


def test_parts_join_up_to_a_size_that_leaves_room_for_headers() -> None:
    half = bundle(Whole("data-a", {}, "x" * 20_000))
    assert half.takes(10_000)
    assert not half.takes(20_000)


def test_part_that_is_too_large_for_company_goes_alone() -> None:
    assert not Bundle(0, 0.0).takes(50_000)


def test_nothing_follows_a_streamed_part() -> None:
    assert not bundle(PART, stream=Stream(0, TEXT)).takes(1)


@pytest.mark.parametrize("settle", ["acked", "unsettled"])
def test_bundle_that_was_on_its_way_takes_no_more_whatever_became_of_it(settle: str) -> None:
    made = bundle(PART)
    made.sent()
    assert not made.takes(1)
    _ = made.acked("s") if settle == "acked" else made.unsettled()
    assert not made.takes(1)
    assert not made.sending


def test_streamed_part_costs_a_message_too() -> None:
    assert bundle(PART, PART, stream=Stream(0, TEXT)).cost == 3


def test_whole_parts_are_held_until_they_are_acknowledged_and_text_until_it_is() -> None:
    stream = Stream(0, TEXT)
    stream.push("123", 0.0)
    made = bundle(PART, stream=stream)
    assert made.held_bytes == 5 + 3
    made.sent()
    stream.sent(stream.move(), 0.0)
    made.acked("s1")
    assert (made.held_bytes, stream.serial) == (3, "s1")


def test_bundle_is_done_when_its_stream_is_closed() -> None:
    stream = Stream(0, TEXT)
    made = bundle(PART, stream=stream)
    made.sent()
    stream.sent(stream.move(), 0.0)
    made.acked("s1")
    assert not made.done
    stream.close("complete", 0.0)
    stream.sent(stream.move(), 0.0)
    stream.acked("v1")
    assert made.done


def test_bundle_that_can_never_succeed_counts_parts_and_characters_as_lost() -> None:
    stream = Stream(0, TEXT)
    stream.push("1234", 0.0)
    assert bundle(PART, PART).abandon() == 2
    assert bundle(PART, PART, stream=stream).abandon() == 6
    assert bundle(PART, stream=Stream(0, TEXT)).abandon() == 2
    assert stream.closed
