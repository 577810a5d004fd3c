from __future__ import annotations

import asyncio
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
    engine.submit(_cancel_all()).result(WAIT_S)
    engine.call(engine.loop.stop)
    engine._thread.join(WAIT_S)
    engine.loop.close()


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def ably() -> FakeAbly:
    return FakeAbly()


@pytest.fixture
def publisher(engine: Engine, ably: FakeAbly, monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    monkeypatch.setattr("temporal_ably._transport.backoff._PAUSES_S", (0.001,))
    rates = Rates(channel_per_s=1e6, connection_per_s=1e6)
    publisher = Publisher(engine, ably.connect, rates=rates, buffer_bytes=1_000_000)
    yield publisher
    engine.submit(_give_up(publisher)).result(WAIT_S)


async def _give_up(publisher: Publisher) -> None:
    """Let go of the connections, whatever still waits for them."""
    publisher._schedule._channels.clear()
    await publisher.close_if_idle()
