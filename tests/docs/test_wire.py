"""docs/wire.md names all that is on the wire, and its trace is what its last column says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from temporal_ably._wire import tags
from temporal_ably.codec.vercel import CODEC

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "wire.md").read_text(encoding="utf-8")
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ")]
# What users may write, and what shows nothing where it is sent.
WITHHELD = {"finish", "finish-step", "error", "abort"}

TAGS = sorted(
    value for name, value in vars(tags).items() if name.isupper() and isinstance(value, str) and len(value) > 1
)


@pytest.mark.parametrize("tag", TAGS)
def test_each_tag_has_its_row(tag: str) -> None:
    assert any(f"`{tag}`" in row.split("|")[1] for row in ROWS)


def test_no_tag_is_told_of_that_is_not_written() -> None:
    assert set(re.findall(r"`(temporal-[a-z-]+)`", TEXT)) <= set(TAGS)


def test_each_part_type_has_its_row_and_none_has_that_is_withheld() -> None:
    rows = {found[1] for row in ROWS if (found := re.match(r"\| `([a-z{}-]+)`", row))}
    # A streamed part has its type from what opens it.
    streamed = {"text", "reasoning", "tool-input"}
    chunks = {name.replace("*", "{name}") for name in CODEC.types if not name.endswith(("-start", "-delta", "-end"))}
    assert (chunks - WITHHELD - {"tool-input-available"}) | streamed <= rows
    assert not WITHHELD & rows
