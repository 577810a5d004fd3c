from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.session.stock import StockReducer

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture(scope="session")
def stock_reducer() -> Generator[StockReducer]:
    reducer = StockReducer()
    yield reducer
    reducer.stop()
