"""A workflow that lives on waits for its user, by a signal or an update, in its own run or in a turn."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from temporalio import activity, workflow
from temporalio.client import WorkflowUpdateStage

from temporal_ably import Invocation, current_stream, suspended, wait_for_approval
from tests.end_to_end.chat import text_of
from tests.end_to_end.test_handover import CALL, CLOCK, SECONDS, assert_all_agree, page, session_of
from tests.end_to_end.test_handover import suspended as shows_suspended

if TYPE_CHECKING:
    from temporalio.client import WorkflowHandle

    from tests.end_to_end.chat import Chat, Chats
    from tests.end_to_end.node_process import Json
    from tests.end_to_end.stage import Stage


ACCEPTED = WorkflowUpdateStage.ACCEPTED


@activity.defn
async def ask(tool: str) -> None:
    stream = current_stream()
    stream.text("May I? ")
    stream.tool_call(tool, {}, call_id=CALL)
    if tool == "send":
        stream.tool_approval_request(CALL)


@activity.defn
async def act() -> str:
    stream = current_stream()
    call = (await stream.conversation()).tool_call(CALL)
    assert call is not None
    if call.approved:
        stream.tool_result(CALL, "sent")
    stream.text(f"It was {call.state}.")
    return call.state


@workflow.defn
class Patient:
    """It asks once, waits, and acts. What it is told comes by a signal, or by an update."""

    def __init__(self) -> None:
        self._answer: Invocation | None = None

    @workflow.run
    async def run(self, invocation: Invocation, tool: str, limit_s: float | None) -> str:
        await workflow.execute_activity(ask, tool, start_to_close_timeout=SECONDS)
        with suppress(asyncio.TimeoutError):
            await wait_for_approval(lambda: self._answer, timeout=limit_s)
        return await workflow.execute_activity(act, start_to_close_timeout=SECONDS)

    @workflow.signal
    def answer(self, invocation: Invocation) -> None:
        self._answer = invocation

    @workflow.update
    async def tell(self, invocation: Invocation) -> None:
        self._answer = invocation


@workflow.defn
class Talk:
    """It takes turns: each update is one, and waits within itself for what another update brings."""

    def __init__(self) -> None:
        self._answers: list[Invocation] = []
        self._over = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self._over)

    @workflow.update
    async def say(self, invocation: Invocation) -> str:
        await workflow.execute_activity(ask, "send", start_to_close_timeout=SECONDS)
        async with suspended():
            await workflow.wait_condition(lambda: bool(self._answers))
        self._answers.pop()
        return await workflow.execute_activity(act, start_to_close_timeout=SECONDS)

    @workflow.update
    async def tell(self, invocation: Invocation) -> None:
        self._answers.append(invocation)

    @workflow.signal
    def leave(self) -> None:
        self._over = True


async def start_patient(
    stage: Stage, alice: Chat, tool: str = "send", limit_s: float | None = None
) -> WorkflowHandle[Any, Any]:
    body = await alice.say("send it")
    return await stage.client.start_workflow(
        Patient.run,
        args=[Invocation(**body), tool, limit_s],
        id=stage.workflow_id(),
        task_queue=stage.name,
    )


async def tell(handle: WorkflowHandle[Any, Any], way: str, body: Json) -> None:
    if way == "signal":
        await handle.signal("answer", Invocation(**body))
    else:
        update: Any = handle.execute_update  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        await update("tell", Invocation(**body))


@pytest.mark.parametrize(
    ("way", "answer", "state_of_the_call"),
    [
        ("signal", "approve", "output-available"),
        ("update", "approve", "output-available"),
        ("signal", "deny", "output-denied"),
    ],
)
async def test_an_approval_brings_a_waiting_workflow_on_in_its_run(
    stage: Stage, chats: Chats, way: str, answer: str, state_of_the_call: str
) -> None:
    alice = await page(stage, chats)
    async with stage.worker([Patient], [ask, act], mixed=False):
        handle = await start_patient(stage, alice)
        state = await alice.wait_for(shows_suspended)
        [run] = state.runs
        bob = await page(stage, chats, "bob")
        loaded = await bob.wait_for(shows_suspended)
        assert loaded.messages == alice.state.messages
        before = len(alice.states)
        await alice.approve(state.calls["send"], approved=answer == "approve")
        await tell(handle, way, await alice.next_post())
        said = {"approve": "It was approval-responded.", "deny": "It was output-denied."}[answer]
        assert await handle.result() == said.removeprefix("It was ").removesuffix(".")
    state = await alice.wait_for(lambda state: state.settled and state.texts[-1:] == [said])
    assert state.texts == ["May I? ", said]
    assert state.calls["send"]["state"] == state_of_the_call
    assert state.runs == {run: "complete"}
    # The second stream of the page brought what came after its answer.
    assert any(each.status == "streaming" and said in text_of(each.messages[-1]) for each in alice.states[before:])
    await bob.wait_for(lambda state: state.settled and list(state.runs.values()) == ["complete"])
    session = await assert_all_agree(stage, chats, alice)
    assert session.runs[0].invocations == ("", f"{run}/+1")


async def test_the_result_of_a_clients_tool_brings_it_on_in_a_run_in_the_place_of_its_own(
    stage: Stage, chats: Chats
) -> None:
    alice = await page(stage, chats, clock=CLOCK)
    async with stage.worker([Patient], [ask, act], mixed=False):
        handle = await start_patient(stage, alice, "clock")
        await tell(handle, "signal", await alice.next_post())
        assert await handle.result() == "output-available"
    state = await alice.wait_for(lambda state: state.settled and state.texts[-1:] == ["It was output-available."])
    assert state.calls["clock"]["output"] == CLOCK
    assert state.runs == {f"{handle.first_execution_run_id}/+1": "complete"}
    session = await assert_all_agree(stage, chats, alice)
    assert [run.status for run in session.runs] == ["suspended", "complete"]


async def test_a_turn_waits_by_itself(stage: Stage, chats: Chats) -> None:
    alice = await page(stage, chats)
    async with stage.worker([Talk], [ask, act], mixed=False):
        handle = await stage.client.start_workflow(Talk.run, id=stage.workflow_id(), task_queue=stage.name)
        start: Any = handle.start_update  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        said = await start("say", Invocation(**await alice.say("send it")), id="one", wait_for_stage=ACCEPTED)
        state = await alice.wait_for(shows_suspended)
        [run] = state.runs
        assert run == f"{handle.first_execution_run_id}/one"
        await alice.approve(state.calls["send"])
        await tell(handle, "update", await alice.next_post())
        assert await said.result() == "approval-responded"
        # The turn ends, not the workflow.
        state = await alice.wait_for(lambda state: state.settled and state.runs == {run: "complete"})
        assert state.texts == ["May I? ", "It was approval-responded."]
        await handle.signal(Talk.leave)
        await handle.result()
    await assert_all_agree(stage, chats, alice)


async def test_who_gives_up_waiting_goes_on_without_an_answer(stage: Stage, chats: Chats) -> None:
    alice = await page(stage, chats)
    async with stage.worker([Patient], [ask, act], mixed=False):
        handle = await start_patient(stage, alice, limit_s=1.0)
        assert await handle.result() == "approval-requested"
    run = handle.first_execution_run_id
    state = await alice.wait_for(lambda state: state.settled and state.runs == {run: "complete"})
    assert state.texts == ["May I? ", "It was approval-requested."]
    await assert_all_agree(stage, chats, alice)


async def test_another_worker_goes_on_where_one_waited(stage: Stage, chats: Chats) -> None:
    alice = await page(stage, chats)
    async with stage.worker([Patient], [ask, act], mixed=False):
        handle = await start_patient(stage, alice)
        state = await alice.wait_for(shows_suspended)
    # Nobody is there, and the run waits on.
    assert [run.status for run in session_of(stage).runs] == ["suspended"]
    await alice.approve(state.calls["send"])
    await tell(handle, "signal", await alice.next_post())
    async with stage.worker([Patient], [ask, act], mixed=False):
        assert await handle.result() == "approval-responded"
    state = await alice.wait_for(lambda state: state.settled and list(state.runs.values()) == ["complete"])
    assert state.texts == ["May I? ", "It was approval-responded."]
    await assert_all_agree(stage, chats, alice)


async def test_a_workflow_that_is_cancelled_while_it_waits_ends_its_run(stage: Stage, chats: Chats) -> None:
    alice = await page(stage, chats)
    async with stage.worker([Patient], [ask, act], mixed=False):
        handle = await start_patient(stage, alice)
        await alice.wait_for(shows_suspended)
        await handle.cancel()
        await alice.wait_for(lambda state: list(state.runs.values()) == ["cancelled"])
