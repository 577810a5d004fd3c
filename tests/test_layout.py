"""Each source file has a partner: `temporal_ably/_wire/tags.py` is tested by `tests/wire/test_tags.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "temporal_ably"
SOURCES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")


def partner(source: Path) -> Path:
    rooms = [room.lstrip("_") for room in source.parent.parts]
    return Path("tests", *rooms, f"test_{source.stem.strip('_')}.py")


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_source_file_has_a_partner_test_file(source: Path) -> None:
    assert (ROOT / partner(source)).is_file(), f"temporal_ably/{source} has no partner; write {partner(source)}"


def test_partner_of_a_file_in_a_private_room_stands_in_the_room_without_underscore() -> None:
    assert partner(Path("_wire/tags.py")) == Path("tests/wire/test_tags.py")


def test_partner_of_a_top_level_file_stands_at_the_top() -> None:
    assert partner(Path("__main__.py")) == Path("tests/test_main.py")
