from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from temporal_ably._publisher.engine import Engine
from temporal_ably._publisher.publisher import Publisher
from temporal_ably._publisher.schedule import Rates
from tests.publisher.fake import WAIT_S, FakeAbly

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="package")
def engine() -> Iterator[Engine]:
    engine = Engine()
    yield engine
    engine.call(engine.loop.stop)
    engine._thread.join(WAIT_S)
    engine.loop.close()


@pytest.fixture
def ably() -> FakeAbly:
    return FakeAbly()


@pytest.fixture
def publisher(engine: Engine, ably: FakeAbly, monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    monkeypatch.setattr("temporal_ably._publisher.lane._BACKOFF_S", (0.001,))
    rates = Rates(channel_per_s=1e6, connection_per_s=1e6)
    publisher = Publisher(engine, ably.connect, rates=rates, buffer_bytes=1_000_000)
    yield publisher
    engine.submit(_stop(publisher)).result(WAIT_S)


async def _stop(publisher: Publisher) -> None:
    """Let go of the lanes, whatever is still waiting."""
    publisher._schedule._channels.clear()
    for task in list(publisher._tasks):
        task.cancel()
    await publisher.close_if_idle()
