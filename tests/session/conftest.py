from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.session.folds import OtherFolds

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture(scope="session")
def other_folds() -> Generator[OtherFolds]:
    folds = OtherFolds()
    yield folds
    folds.stop()
