from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_ably.codec.fields import JsonField, Text, read_fields, write_fields
from temporal_ably.errors import DecodeError, EncodeError

if TYPE_CHECKING:
    from temporal_ably._wire.parts import Json

NAME, META = Text("name"), JsonField("meta")

json_values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.text())
def test_text_field_reads_what_it_wrote(value: str) -> None:
    assert NAME.read(NAME.write(value)) == value


@given(json_values)
def test_json_field_reads_what_it_wrote(value: Json) -> None:
    assert META.read(META.write(value)) == value


def test_json_on_the_wire_is_compact_and_readable() -> None:
    assert META.write({"who": "Zo\u00eb", "n": [1, True]}) == '{"who":"Zo\u00eb","n":[1,true]}'


@pytest.mark.parametrize("value", [None, 1, True, ["x"], {}])
def test_text_field_refuses_what_is_no_text(value: Json) -> None:
    with pytest.raises(EncodeError, match=f"unable to encode name; it is {type(value).__name__}; pass a str"):
        NAME.write(value)


def test_json_field_refuses_what_json_cannot_hold() -> None:
    cycle: list[Json] = []
    cycle.append(cycle)
    with pytest.raises(EncodeError, match=r"unable to encode meta; .*pass a value that JSON can hold"):
        META.write(cycle)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_field_refuses_numbers_that_other_languages_cannot_read(value: float) -> None:
    with pytest.raises(EncodeError, match="unable to encode meta"):
        META.write({"score": value})


def test_json_field_refuses_a_text_that_is_not_json() -> None:
    with pytest.raises(DecodeError, match="unable to read meta; it is not JSON"):
        META.read("{")


def test_absent_and_null_fields_stay_off_the_wire() -> None:
    assert write_fields((NAME, META), {"name": None, "other": 1}) == {}


def test_empty_and_false_fields_go_on_the_wire() -> None:
    assert write_fields((NAME, META), {"name": "", "meta": False}) == {"name": "", "meta": "false"}


def test_reading_skips_absent_fields_and_foreign_headers() -> None:
    assert read_fields((NAME, META), {"name": "x", "colour": "red"}) == {"name": "x"}
