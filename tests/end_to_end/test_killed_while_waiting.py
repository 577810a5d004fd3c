"""Workers are killed while they ask a user, while nobody is there to answer, and while they go on with the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from temporalio import activity

from temporal_ably import current_stream, durable_session
from tests.end_to_end.ask import Ask, Question
from tests.end_to_end.checkpoints import checkpoint
from tests.end_to_end.test_handover import CALL, page, session_of, suspended

if TYPE_CHECKING:
    from temporalio.client import Client

    from tests.end_to_end.chat import Chats
    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.node_process import Json
    from tests.end_to_end.processes import Workers
    from tests.end_to_end.stage import Stage


@activity.defn
async def ask_and_die() -> str:
    stream = current_stream()
    stream.text("May I? ")
    if activity.info().attempt == 1:
        await checkpoint("asking", beating=True)
    stream.tool_call("send", {}, call_id=CALL)
    stream.tool_approval_request(CALL)
    return "asked"


@activity.defn
async def go_on_and_die() -> str:
    stream = current_stream()
    stream.tool_result(CALL, "sent")
    stream.text("It is ")
    if activity.info().attempt == 1:
        await checkpoint("going on", beating=True)
    stream.text("done.")
    return "done"


async def start(client: Client, stage: Stage, name: str, body: Json) -> Any:
    with durable_session(body["sessionName"], input_event_id=body["inputEventId"]):
        return await client.start_workflow(
            Ask.run, Question(name, heartbeat=1.5), id=stage.workflow_id(name), task_queue=stage.name
        )


async def test_killed_workers_leave_one_question_and_one_answer(
    stage: Stage, chats: Chats, checkpoints: Checkpoints, workers: Workers
) -> None:
    alice = await page(stage, chats)
    async with stage.interceptor() as ably:
        client = await type(stage.client).connect(stage.client.service_client.config.target_host, interceptors=[ably])
        first = await workers.start(ask_and_die, go_on_and_die)
        asking = await start(client, stage, "ask_and_die", await alice.say("send it"))
        await checkpoints.reached("asking")
        await first.kill()
        second = await workers.start(ask_and_die, go_on_and_die)
        assert await asking.result() == "asked"
        state = await alice.wait_for(suspended)
        assert state.texts == ["May I? "]
        # Nobody need be there while the user thinks.
        await second.kill()
        await alice.approve(state.calls["send"])
        going_on = await start(client, stage, "go_on_and_die", await alice.next_post())
        third = await workers.start(ask_and_die, go_on_and_die)
        await checkpoints.reached("going on")
        await third.kill()
        await workers.start(ask_and_die, go_on_and_die)
        assert await going_on.result() == "done"
        await alice.wait_for(lambda state: state.settled and list(state.runs.values()) == ["complete"])
    bob = await page(stage, chats, "bob")
    loaded = await bob.wait_for(lambda state: state.settled and bool(state.messages))
    [run] = session_of(stage).runs
    assert (run.status, run.text) == ("complete", "May I? It is done.")
    for each in (alice.state, loaded):
        assert each.texts == ["May I? ", "It is done."]
        assert each.calls["send"]["state"] == "output-available"
