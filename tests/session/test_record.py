from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_ably._session.places import Place
from temporal_ably._session.record import Record
from temporal_ably.envelope import Action, Envelope, EnvelopePart


def _delivery(version: int, action: Action, text: str, length: int | None = None) -> Envelope:
    part = EnvelopePart(kind="text", id="0", text=text, status="streaming")
    return _envelope(version, action, part, length)


def _envelope(version: int, action: Action, part: EnvelopePart | None, length: int | None = None) -> Envelope:
    return Envelope(
        channel="c", serial="0001", version=f"{version:04d}", action=action, session_run="r", part=part, length=length
    )


CREATE = _delivery(1, "create", "")
A, B, C = (_delivery(version, "append", text, version) for version, text in ((2, "A"), (3, "B"), (4, "C")))
UP_TO_B = _delivery(3, "update", "AB")


@pytest.mark.parametrize(
    ("deliveries", "text"),
    [
        pytest.param([CREATE], "", id="created"),
        pytest.param([CREATE, A, B, C], "ABC", id="in order"),
        pytest.param([CREATE, A, A, B, B, C, A], "ABC", id="repeated"),
        pytest.param([CREATE, C, A, B], "ABC", id="appends out of order"),
        pytest.param([A, B, CREATE, C], "ABC", id="created late"),
        pytest.param([UP_TO_B, C], "ABC", id="joined mid-stream"),
        pytest.param([C, UP_TO_B], "ABC", id="joined mid-stream, out of order"),
        pytest.param([CREATE, A, UP_TO_B, B, C], "ABC", id="update among appends"),
        pytest.param([CREATE, A, B, C, UP_TO_B], "ABC", id="old update"),
        pytest.param([CREATE, A, _delivery(9, "update", "other")], "other", id="update replaces"),
    ],
)
def test_content_depends_on_the_set_of_deliveries_alone(deliveries: list[Envelope], text: str):
    record = Record()
    for delivery in deliveries:
        record.apply(delivery)
    assert record.entry is not None
    assert record.entry.text == text
    assert record.place == Place("run", "r")


def test_appends_to_an_unknown_message_show_nothing_until_its_content_arrives():
    record = Record()
    assert not record.apply(C)
    assert (record.entry, record.place) == (None, None)
    assert record.apply(UP_TO_B)
    assert record.entry is not None


@pytest.mark.parametrize("repeated", [CREATE, A, B])
def test_a_repeated_delivery_changes_nothing(repeated: Envelope):
    record = Record()
    for delivery in (CREATE, A, B):
        record.apply(delivery)
    assert not record.apply(repeated)


def test_all_but_the_content_is_that_of_the_latest_operation():
    record = Record()
    for delivery in (CREATE, C, A):
        record.apply(delivery)
    assert record.entry is not None
    assert record.entry.envelope is C


def test_a_deleted_message_is_gone_and_later_appends_do_not_bring_it_back():
    record = Record()
    for delivery in (CREATE, A, _delivery(5, "delete", ""), _delivery(6, "append", "D")):
        record.apply(delivery)
    assert (record.entry, record.place) == (None, None)


def _grown(count: int, *, told: bool = True) -> list[Envelope]:
    return [_delivery(place + 1, "append", "x", place if told else None) for place in range(1, count + 1)]


@pytest.mark.parametrize("missing", [None, 7])
@pytest.mark.parametrize("told", [True, False])
def test_a_text_that_grows_for_long_is_kept_as_a_text_where_nothing_of_it_is_missing(
    missing: int | None,
    told: bool,  # noqa: FBT001
):
    appends = _grown(100, told=told)
    late = [] if missing is None else [appends.pop(missing)]
    record = Record()
    for delivery in [CREATE, *appends, appends[3]]:
        record.apply(delivery)
    kept = len(record._tail)
    assert kept < 20 if told and not late else kept == len(appends)
    for delivery in late:
        assert record.apply(delivery)
    entry = record.entry
    assert entry is not None
    assert (entry.text, entry.missing, entry.envelope.version) == ("x" * 100, 0, appends[-1].version)
    assert entry.envelope.part is not None
    assert (entry.envelope.part.kind, entry.envelope.part.status) == ("text", "streaming")
    assert not any(record.apply(delivery) for delivery in appends)
    assert record.apply(_delivery(200, "append", "y", 101))
    assert record.entry is not None
    assert record.entry.text == "x" * 100 + "y"


@given(st.permutations(range(40)), st.lists(st.integers(0, 39)), st.integers(0, 40))
def test_the_order_and_number_of_many_deliveries_do_not_matter(order: list[int], again: list[int], created: int):
    words = [f"{place} " for place in range(40)]
    lengths = list(accumulate(map(len, words)))
    appends = [_delivery(place + 2, "append", words[place], lengths[place]) for place in range(40)]
    # Mostly in order, as deliveries come.
    heard = [appends[place] for place in sorted(order, key=lambda place: place + order[place] // 8)]
    record = Record()
    for delivery in [*heard[:created], CREATE, *heard[created:], *(appends[place] for place in again)]:
        record.apply(delivery)
    assert record.entry is not None
    assert (record.entry.text, record.entry.missing) == ("".join(words), 0)


def test_characters_that_have_not_arrived_are_counted_once_a_later_length_is_known():
    record = Record()
    for delivery in (CREATE, A, C):
        record.apply(delivery)
    assert record.entry is not None
    assert (record.entry.text, record.entry.missing) == ("AC", 2)


@pytest.mark.parametrize("data", [None, "text", {"output": 1}])
def test_the_payload_of_a_whole_part_is_kept_as_it_is(data: str | dict[str, int] | None):
    record = Record()
    part = EnvelopePart.model_validate({"kind": "data-x", "data": data})
    record.apply(_envelope(1, "create", part, 0))
    assert record.entry is not None
    assert (record.entry.data, record.entry.missing) == (data, 0)


def test_a_message_without_a_part_is_empty():
    record = Record()
    record.apply(_envelope(1, "create", None))
    assert record.entry is not None
    assert (record.entry.text, record.entry.data) == ("", None)
