from __future__ import annotations

import shutil
import sysconfig
from typing import TYPE_CHECKING

import pytest
from temporalio.testing import WorkflowEnvironment

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

TIME_SKIPPING_SERVER = shutil.which("temporal-test-server", path=sysconfig.get_path("scripts"))


@pytest.fixture
async def env() -> AsyncGenerator[WorkflowEnvironment]:
    """Temporal's time-skipping server."""
    async with await WorkflowEnvironment.start_time_skipping(test_server_existing_path=TIME_SKIPPING_SERVER) as started:
        yield started
