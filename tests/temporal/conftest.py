from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from temporal_ably._temporal.stream import ActivityStream
from tests.temporal.record import Record, current

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def record() -> Iterator[Record]:
    """The sink of the stream that is current during the test."""
    record = Record()
    with current(ActivityStream(record)):
        yield record
