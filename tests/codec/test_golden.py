"""The package against what Ably's own codec wrote and read: see `tests/end_to_end/js/golden.mjs`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.codec import wire
from tests.codec.stock import record_golden

if TYPE_CHECKING:
    from tests.codec.stock import StockCodec

GOLDEN = Path(__file__).parent / "golden"
FILES = {path.name: json.loads(path.read_text("utf-8")) for path in sorted(GOLDEN.glob("*.json"))}


def cases(*files: str) -> list[Any]:
    # Names may repeat, as a type stands in many forms.
    named = [(f"{file}-{case['name']}", case) for file in files for case in FILES[file]["cases"]]
    return [pytest.param(case, id=f"{name} {place}") for place, (name, case) in enumerate(named)]


@pytest.mark.parametrize("case", cases("types.json", "mixes.json"))
def test_chunks_are_written_as_the_stock_codec_writes_them(case: dict[str, Any]) -> None:
    assert [*map(wire.shared, wire.write(case["chunks"]))] == [*map(wire.shared, case["messages"])]


def test_cancelled_streams_are_written_as_the_stock_codec_writes_them() -> None:
    case = next(case for case in FILES["ends.json"]["cases"] if case["name"] == "cancelled")
    assert [*map(wire.shared, wire.write(case["chunks"], cancel=True))] == [*map(wire.shared, case["messages"])]


@pytest.mark.parametrize("case", cases(*FILES))
def test_messages_are_read_as_the_stock_codec_reads_them(case: dict[str, Any]) -> None:
    assert wire.read(case["messages"]) == case["decoded"]


@pytest.mark.parametrize("file", FILES)
def test_golden_file_is_of_the_installed_packages(file: str, stock_codec: StockCodec) -> None:
    assert FILES[file]["packages"] == stock_codec.packages(), (
        "the packages changed; read what changed in their codec, mend the table, then record the golden files anew: "
        "node tests/end_to_end/js/golden.mjs tests/codec/golden"
    )


def test_golden_files_are_what_their_script_records(tmp_path: Path) -> None:
    record_golden(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        name: (GOLDEN / name).read_bytes() for name in FILES
    }
