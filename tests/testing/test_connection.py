"""What only a recording connection has; what all have in common stands in tests/contract."""

from __future__ import annotations

import asyncio

import pytest

from temporal_ably.errors import ConnectionLostError
from temporal_ably.testing.connection import RecordingConnection
from temporal_ably.testing.memory import Memory


async def test_connection_is_cut_from_another_thread() -> None:
    connection = RecordingConnection(Memory())
    await asyncio.to_thread(connection.cut, ConnectionLostError("gone"))
    assert str(await connection.lost) == "gone"


async def test_first_reason_for_a_loss_stays() -> None:
    memory = Memory()
    connection = RecordingConnection(memory)
    await connection.open()
    memory.leave()
    assert "out of reach" in str(await connection.lost)
    await connection.close()
    assert "out of reach" in str(connection.lost.result())


async def test_connection_that_was_cut_can_be_replaced_once_the_recorder_is_back() -> None:
    memory = Memory()
    memory.leave()
    with pytest.raises(ConnectionLostError, match="out of reach"):
        await RecordingConnection(memory).open()
    memory.come_back()
    await RecordingConnection(memory).open()
