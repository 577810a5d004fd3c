"""A workflow ends with a call that somebody else has to answer; another workflow goes on with its run."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from temporal_ably import Envelope, Invocation, current_stream
from temporal_ably._session.fold import Fold

if TYPE_CHECKING:
    from temporal_ably._session.model import Session
    from tests.end_to_end.chat import Chat, Chats, ChatState
    from tests.end_to_end.node_process import Json
    from tests.end_to_end.stage import Stage

SECONDS = timedelta(seconds=60)
SOON = RetryPolicy(initial_interval=timedelta(milliseconds=10))
CALL = "call-1"
CLOCK = {"time": "12:00", "timeZone": "Europe/Oslo"}


@activity.defn
async def ask_for_the_time() -> None:
    stream = current_stream()
    stream.text("Let me see. ")
    stream.tool_call("clock", {}, call_id=CALL)


@activity.defn
async def ask_for_approval() -> None:
    stream = current_stream()
    stream.text("May I? ")
    stream.tool_call("send", {"to": "everyone"}, call_id=CALL)
    stream.write({"type": "tool-approval-request", "toolCallId": CALL, "approvalId": "a1"})


@activity.defn
async def go_on(words: str) -> None:
    current_stream().text(words)


@activity.defn
async def send() -> None:
    current_stream().tool_result(CALL, "sent")


@workflow.defn
class AskForTheTime:
    @workflow.run
    async def run(self, invocation: Invocation) -> None:
        await workflow.execute_activity(ask_for_the_time, start_to_close_timeout=SECONDS)


@workflow.defn
class AskForApproval:
    @workflow.run
    async def run(self, invocation: Invocation) -> None:
        await workflow.execute_activity(ask_for_approval, start_to_close_timeout=SECONDS)


@workflow.defn
class GoOn:
    @workflow.run
    async def run(self, invocation: Invocation) -> None:
        await workflow.execute_activity(go_on, "Now I know.", start_to_close_timeout=SECONDS)


@workflow.defn
class Send:
    @workflow.run
    async def run(self, invocation: Invocation) -> None:
        await workflow.execute_activity(send, start_to_close_timeout=SECONDS)
        await workflow.execute_activity(go_on, "Done.", start_to_close_timeout=SECONDS)


@activity.defn
async def look_up() -> None:
    stream = current_stream()
    call = stream.tool_call("weather", {"city": "Oslo"})
    stream.tool_result(call, "rain")


@activity.defn
async def ask_at_last() -> None:
    stream = current_stream()
    stream.text("May I, pl")
    stream.tool_call("send", {}, call_id=CALL)
    stream.write({"type": "tool-approval-request", "toolCallId": CALL, "approvalId": "a1"})
    if activity.info().attempt == 1:
        raise ApplicationError("the model broke")


@activity.defn
async def go_on_at_last() -> None:
    current_stream().text("Done at ")
    if activity.info().attempt == 1:
        raise ApplicationError("the model broke")
    current_stream().text("last.")


@workflow.defn
class LookUp:
    @workflow.run
    async def run(self, invocation: Invocation) -> None:
        await workflow.execute_activity(look_up, start_to_close_timeout=SECONDS)
        await workflow.execute_activity(go_on, "It rains.", start_to_close_timeout=SECONDS)


@workflow.defn
class Silent:
    @workflow.run
    async def run(self, invocation: Invocation) -> None:
        return


@workflow.defn
class AskStubbornly:
    @workflow.run
    async def run(self, invocation: Invocation) -> None:
        await workflow.execute_activity(ask_at_last, start_to_close_timeout=SECONDS, retry_policy=SOON)


@workflow.defn
class GoOnStubbornly:
    @workflow.run
    async def run(self, invocation: Invocation) -> None:
        await workflow.execute_activity(go_on_at_last, start_to_close_timeout=SECONDS, retry_policy=SOON)


def ended(state: ChatState) -> bool:
    return state.settled and "active" not in state.runs.values()


def suspended(state: ChatState) -> bool:
    """Whether the page is ready and its run waits."""
    return state.settled and list(state.runs.values()) == ["suspended"]


def session_of(stage: Stage) -> Session:
    """What our fold makes of the channel."""
    fold = Fold()
    for delivery in stage.server.messages(f"ai:{stage.name}"):
        fold.apply(Envelope.of(delivery, channel=""))
    return fold.session


async def page(stage: Stage, chats: Chats, client_id: str = "alice", **tools: Json) -> Chat:
    session = f"ai:{stage.name}"
    return await chats.open(stage.server.endpoint, session, key=stage.server.key, client_id=client_id, tools=tools)


async def start(stage: Stage, kind: type, body: Json) -> None:
    await stage.client.execute_workflow(
        kind.__name__, Invocation(**body), id=stage.workflow_id(body["inputEventId"]), task_queue=stage.name
    )


WORKFLOWS = [AskForTheTime, AskForApproval, GoOn, Send]
ACTIVITIES = [ask_for_the_time, ask_for_approval, go_on, send]


async def assert_all_agree(stage: Stage, chats: Chats, alice: Chat) -> Session:
    """Who loads the page now sees what its user sees, and our fold makes the same of the channel."""
    carol = await page(stage, chats, "carol")
    loaded = await carol.wait_for(lambda state: state.settled and bool(state.messages))
    assert loaded.messages == alice.state.messages
    assert loaded.runs == alice.state.runs
    session = session_of(stage)
    assert [message.as_ui() for message in session.messages] == [_plain(message) for message in loaded.shown]
    assert {run.id: run.status for run in session.runs if run.id in loaded.runs} == loaded.runs
    assert alice.errors == carol.errors == []
    return session


def _plain(shown: Json) -> Json:
    return {name: value for name, value in shown.items() if name != "codecMessageId"}


async def test_the_result_of_a_clients_tool_is_answered_in_a_run_of_its_own(stage: Stage, chats: Chats) -> None:
    alice = await page(stage, chats, clock=CLOCK)
    async with stage.worker(WORKFLOWS, ACTIVITIES, mixed=False):
        await start(stage, AskForTheTime, await alice.say("what time is it?"))
        # The page answers by itself, once the stream of the first answer has ended.
        await start(stage, GoOn, await alice.next_post())
    state = await alice.wait_for(lambda state: ended(state) and state.texts[-1:] == ["Now I know."])
    assert state.texts == ["Let me see. ", "Now I know."]
    assert state.calls["clock"]["state"] == "output-available"
    assert state.calls["clock"]["output"] == CLOCK
    assert list(state.runs.values()) == ["complete"]
    assert next(each for each in alice.states if "suspended" in each.runs.values()).status == "ready"
    session = await assert_all_agree(stage, chats, alice)
    assert [run.status for run in session.runs] == ["suspended", "complete"]


async def test_a_clients_tool_that_fails_is_answered_as_well(stage: Stage, chats: Chats) -> None:
    alice = await page(stage, chats)
    async with stage.worker(WORKFLOWS, ACTIVITIES, mixed=False):
        await start(stage, AskForTheTime, await alice.say("what time is it?"))
        state = await alice.wait_for(suspended)
        await alice.answer_call(state.calls["clock"], error="no clock here")
        await start(stage, GoOn, await alice.next_post())
    state = await alice.wait_for(lambda state: ended(state) and state.texts[-1:] == ["Now I know."])
    assert state.calls["clock"]["state"] == "output-error"
    assert state.calls["clock"]["errorText"] == "no clock here"
    assert list(state.runs.values()) == ["complete"]
    await assert_all_agree(stage, chats, alice)


async def test_the_result_of_a_clients_tool_may_go_on_with_the_run(stage: Stage, chats: Chats) -> None:
    alice = await page(stage, chats)
    async with stage.worker(WORKFLOWS, ACTIVITIES, mixed=False):
        await start(stage, AskForTheTime, await alice.say("what time is it?"))
        state = await alice.wait_for(suspended)
        [run] = state.runs
        await start(stage, GoOn, await alice.resolve(state.shown[-1], state.calls["clock"], output=CLOCK))
    state = await alice.wait_for(lambda state: state.settled and state.runs == {run: "complete"})
    assert state.texts == ["Let me see. ", "Now I know."]
    assert state.calls["clock"]["output"] == CLOCK
    await assert_all_agree(stage, chats, alice)


@pytest.mark.parametrize(
    ("approved", "workflow_of", "state_of_the_call", "last"),
    [(True, Send, "output-available", "Done."), (False, GoOn, "output-denied", "Now I know.")],
)
async def test_an_approval_goes_on_with_the_run_of_another_workflow(
    stage: Stage,
    chats: Chats,
    approved: bool,  # noqa: FBT001
    workflow_of: type,
    state_of_the_call: str,
    last: str,
) -> None:
    alice = await page(stage, chats)
    async with stage.worker(WORKFLOWS, ACTIVITIES, mixed=False):
        await start(stage, AskForApproval, await alice.say("send it"))
        asked = await alice.wait_for(suspended)
        [run] = asked.runs
        assert asked.calls["send"]["state"] == "approval-requested"
        await alice.approve(asked.calls["send"], approved=approved, reason="so be it")
        await start(stage, workflow_of, await alice.next_post())
    state = await alice.wait_for(lambda state: ended(state) and state.texts[-1:] == [last])
    assert state.texts == ["May I? ", last]
    assert state.calls["send"]["state"] == state_of_the_call
    assert state.runs == {run: "complete"}
    session = await assert_all_agree(stage, chats, alice)
    [folded] = session.runs
    assert len(folded.invocations) == 2


async def test_whoever_loads_the_page_meanwhile_may_answer_and_all_see_the_end(stage: Stage, chats: Chats) -> None:
    alice = await page(stage, chats)
    async with stage.worker(WORKFLOWS, ACTIVITIES, mixed=False):
        await start(stage, AskForApproval, await alice.say("send it"))
        await alice.wait_for(suspended)
        bob = await page(stage, chats, "bob")
        loaded = await bob.wait_for(suspended)
        assert loaded.messages == alice.state.messages
        await bob.approve(loaded.calls["send"])
        await start(stage, Send, await bob.next_post())
    for each in (alice, bob):
        state = await each.wait_for(lambda state: ended(state) and state.texts == ["May I? ", "Done."])
        assert list(state.runs.values()) == ["complete"]
    await assert_all_agree(stage, chats, alice)


async def test_a_tool_of_the_server_hands_nothing_over(stage: Stage, chats: Chats) -> None:
    alice = await page(stage, chats)
    async with stage.worker([LookUp], [look_up, go_on], mixed=False):
        await start(stage, LookUp, await alice.say("weather?"))
    state = await alice.wait_for(lambda state: ended(state) and state.texts[-1:] == ["It rains."])
    assert state.calls["weather"]["output"] == "rain"
    assert not any("suspended" in each.runs.values() for each in alice.states)
    assert list(state.runs.values()) == ["complete"]
    await assert_all_agree(stage, chats, alice)


async def test_a_silent_answer_ends_the_run(stage: Stage, chats: Chats) -> None:
    alice = await page(stage, chats)
    async with stage.worker([AskForApproval, Silent], ACTIVITIES, mixed=False):
        await start(stage, AskForApproval, await alice.say("send it"))
        asked = await alice.wait_for(suspended)
        await alice.approve(asked.calls["send"], approved=False)
        await start(stage, Silent, await alice.next_post())
        await alice.wait_for(lambda state: list(state.runs.values()) == ["complete"])


async def test_answers_that_fail_and_are_tried_again_show_once(stage: Stage, chats: Chats) -> None:
    alice = await page(stage, chats)
    async with stage.worker([AskStubbornly, GoOnStubbornly], [ask_at_last, go_on_at_last], mixed=False):
        await start(stage, AskStubbornly, await alice.say("send it"))
        asked = await alice.wait_for(suspended)
        assert asked.texts == ["May I, pl"]
        await alice.approve(asked.calls["send"])
        await start(stage, GoOnStubbornly, await alice.next_post())
    state = await alice.wait_for(lambda state: state.settled and list(state.runs.values()) == ["complete"])
    assert state.texts == ["May I, pl", "Done at last."]
    await assert_all_agree(stage, chats, alice)
