from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_ably.codec.fields import Choice, Field, Flag, JsonField, Text, read_fields, write_fields
from temporal_ably.errors import EncodeError

if TYPE_CHECKING:
    from temporal_ably._wire.parts import Json

NAME, META, LOUD = Text("name"), JsonField("meta"), Flag("loud")
COLOUR = Choice("colour", ("red", "blue"), fallback="blue")

json_values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.text())
def test_text_field_reads_what_it_wrote(value: str) -> None:
    assert NAME.read(NAME.write("x", value)) == value


@given(st.booleans())
def test_flag_reads_what_it_wrote(value: bool) -> None:  # noqa: FBT001 - Hypothesis passes it by position
    assert LOUD.read(LOUD.write("x", value)) is value


@given(json_values)
def test_json_field_reads_what_it_wrote(value: Json) -> None:
    assert META.read(META.write("x", value)) == value


def test_json_on_the_wire_is_compact_and_readable() -> None:
    assert META.write("x", {"who": "Zo\u00eb", "n": [1, True]}) == '{"who":"Zo\u00eb","n":[1,true]}'


def test_tuple_becomes_a_list_and_a_number_that_is_a_key_becomes_text() -> None:
    assert META.write("x", cast("Json", {1: (2, 3)})) == '{"1":[2,3]}'


@pytest.mark.parametrize("value", ["red", "blue"])
def test_choice_reads_what_it_wrote(value: str) -> None:
    assert COLOUR.read(COLOUR.write("x", value)) == value


@pytest.mark.parametrize("text", [None, "", "green"])
def test_choice_reads_anything_else_as_its_fallback(text: str | None) -> None:
    assert COLOUR.read(text) == "blue"


def test_choice_writes_a_word_that_it_does_not_know() -> None:
    assert COLOUR.write("x", "green") == "green"


@pytest.mark.parametrize("text", ["false", "True", "1", ""])
def test_flag_reads_anything_but_true_as_false(text: str) -> None:
    assert LOUD.read(text) is False


@pytest.mark.parametrize("field", [NAME, COLOUR])
@pytest.mark.parametrize("value", [1, True, ["x"], {}, 1.5])
def test_text_field_refuses_what_is_no_text(field: Field, value: Json) -> None:
    with pytest.raises(
        EncodeError, match=rf"unable to encode hello; {field.name} is {type(value).__name__}; pass a str"
    ):
        field.write("hello", value)


@pytest.mark.parametrize("value", [1, 0, "true", []])
def test_flag_refuses_what_is_no_boolean(value: Json) -> None:
    with pytest.raises(EncodeError, match=f"unable to encode hello; loud is {type(value).__name__}; pass a bool"):
        LOUD.write("hello", value)


@pytest.mark.parametrize("field", [NAME, COLOUR, META])
def test_half_a_surrogate_pair_is_refused(field: Field) -> None:
    with pytest.raises(EncodeError, match=rf"unable to encode hello; {field.name} is .*surrogate"):
        field.write("hello", "half: \ud83d")


def test_json_field_refuses_a_cycle() -> None:
    cycle: list[Json] = []
    cycle.append(cycle)
    with pytest.raises(EncodeError, match=r"unable to encode hello; meta is not JSON .*; pass a value that JSON can"):
        META.write("hello", cycle)


def test_json_field_refuses_what_is_too_deep() -> None:
    deep: list[Json] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(EncodeError, match="unable to encode hello; meta is not JSON"):
        META.write("hello", deep)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {("a", "b"): 1}, b"x"])
def test_json_field_refuses_what_other_languages_cannot_read(value: object) -> None:
    with pytest.raises(EncodeError, match="unable to encode hello; meta is not JSON"):
        META.write("hello", cast("Json", {"score": value}))


@pytest.mark.parametrize("text", [None, "{", "NaN", "-Infinity", "1e999", "", "null", "[" * 100_000])
def test_json_field_that_cannot_be_read_is_absent(text: str | None) -> None:
    assert META.read(text) is None


def test_absent_and_null_fields_stay_off_the_wire() -> None:
    assert write_fields("x", (NAME, META), {"name": None, "other": 1}) == {}


def test_empty_and_false_fields_go_on_the_wire() -> None:
    chunk: dict[str, Json] = {"name": "", "meta": False, "loud": False}
    assert write_fields("x", (NAME, META, LOUD), chunk) == {"name": "", "meta": "false", "loud": "false"}


@pytest.mark.parametrize(("chunk", "what"), [({}, "absent"), ({"name": None}, "None")])
def test_required_field_that_is_absent_is_refused(chunk: dict[str, Json], what: str) -> None:
    with pytest.raises(EncodeError, match=f"unable to encode hello; name is {what}; pass a chunk with 'name'"):
        write_fields("hello", (Text("name", required=True),), chunk)


def test_reading_skips_absent_fields_and_foreign_headers() -> None:
    assert read_fields((NAME, META, LOUD), {"name": "x", "size": "9"}) == {"name": "x"}


def test_required_text_that_is_absent_reads_as_an_empty_one() -> None:
    assert read_fields((Text("name", required=True),), {}) == {"name": ""}
