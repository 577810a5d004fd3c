from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.codec.stock import StockCodec

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture(scope="session")
def stock_codec() -> Generator[StockCodec]:
    codec = StockCodec()
    yield codec
    codec.stop()
