"""A session read in Python while a workflow writes it: whatever the network does, the reader ends with the result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from temporalio import activity

from temporal_ably import SessionReader, read_session, session_name, streaming
from tests.end_to_end.ask import Ask, Question
from tests.end_to_end.checkpoints import checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from temporal_ably.testing import Session
    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.processes import Workers
    from tests.end_to_end.stage import Stage

WAIT_S = 60
HALVES = ("Of arms and the man ", "I sing.")
CUTS = 6


@activity.defn
@streaming
async def recite() -> AsyncIterator[str]:
    for number in range(CUTS):
        for word in range(10):
            yield f"{number}.{word} "
        await checkpoint(f"after {number}")


@activity.defn
@streaming
async def sing() -> AsyncIterator[str]:
    if activity.info().attempt == 1:
        yield "Arma vi"
        await checkpoint("before the kill", beating=True)
    yield HALVES[0]
    await checkpoint("in the second attempt", beating=True)
    yield HALVES[1]


def reader_of(stage: Stage, channel: str) -> SessionReader:
    return SessionReader(channel, agent_client_id="temporal-ably", **where(stage), client_id="reader")


def where(stage: Stage) -> dict[str, Any]:
    return {"api_key": stage.server.key, "endpoint": stage.server.endpoint, "tls": False}


async def until(reader: SessionReader, condition: Callable[[Session], bool]) -> Session:
    return await asyncio.wait_for(reader.until(condition), WAIT_S)


def has_ended(session: Session) -> bool:
    return bool(session.runs) and session.runs[-1].ended == "complete"


async def test_connections_that_are_cut_in_mid_stream_cost_no_character(stage: Stage, checkpoints: Checkpoints) -> None:
    workflow_id = stage.workflow_id()
    channel = session_name(workflow_id)
    async with reader_of(stage, channel) as reader, stage.worker([Ask], [recite], mixed=False):
        handle = await stage.client.start_workflow(Ask.run, Question("recite"), id=workflow_id, task_queue=stage.name)
        for number in range(CUTS):
            visit = await checkpoints.reached(f"after {number}")
            if number % 3 == 0:
                stage.server.faults.drop_connections(lambda about: about["clientId"] == "reader")
            elif number % 3 == 1:
                stage.server.faults.lose_continuity(channel)
                stage.server.faults.drop_connections()
            else:
                async with stage.server.faults.unreachable():
                    await until(reader, lambda _: not reader.live)
            visit.go_on()
        result = await handle.result()
        session = await until(reader, has_ended)
        assert session.text == result
    assert session == await read_session(channel, agent_client_id="temporal-ably", **where(stage))


async def test_reader_is_taken_from_the_killed_attempt_to_the_next_one(
    stage: Stage, checkpoints: Checkpoints, workers: Workers
) -> None:
    workflow_id = stage.workflow_id()
    async with reader_of(stage, session_name(workflow_id)) as reader:
        first = await workers.start(sing)
        handle = await stage.client.start_workflow(
            Ask.run, Question("sing", heartbeat=1.5), id=workflow_id, task_queue=stage.name
        )
        await checkpoints.reached("before the kill")
        await until(reader, lambda session: session.text == "Arma vi")
        await first.kill()
        await workers.start(sing)
        second_half = await checkpoints.reached("in the second attempt")
        await until(reader, lambda session: session.text == HALVES[0])
        second_half.go_on()
        assert await handle.result() == "".join(HALVES)
        session = await until(reader, has_ended)
    assert session.text == "".join(HALVES)
    (step,) = session.runs[0].steps
    assert [attempt.text for attempt in step.dead] == ["Arma vi"]
