"""How turns end where their workflow does not go straight on: cancelled, continued as new, retried, failed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from temporalio import activity, workflow
from temporalio.client import WithStartWorkflowOperation, WorkflowFailureError
from temporalio.common import RetryPolicy, WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError

from temporal_ably import Invocation, streaming, turn
from temporal_ably._temporal.following import Closed, Owned, follow
from temporal_ably._wire.events import Run

if TYPE_CHECKING:
    import pytest

    from tests.end_to_end.stage import Stage

SECONDS = timedelta(seconds=30)


@activity.defn
@streaming
async def answer(words: str) -> AsyncIterator[str]:
    yield words
    while words == "endless":
        activity.heartbeat()
        await asyncio.sleep(0.1)


async def answered(words: str) -> str:
    return await workflow.execute_activity(
        answer, words, start_to_close_timeout=SECONDS, heartbeat_timeout=timedelta(seconds=10)
    )


@workflow.defn
class Survivor:
    @workflow.run
    async def run(self) -> None:
        try:
            async with turn():
                await answered("endless")
        finally:
            await asyncio.shield(answered("sorry"))


@workflow.defn
class Continued:
    @workflow.run
    async def run(self, segment: int) -> None:
        if segment == 0:
            async with turn():
                await answered("one")
                workflow.continue_as_new(1)
        await workflow.wait_condition(lambda: False)


@workflow.defn
class Retried:
    def __init__(self) -> None:
        self._questions: list[tuple[Invocation, str]] = []

    @workflow.run
    async def run(self) -> None:
        while True:
            await workflow.wait_condition(lambda: bool(self._questions))
            question, words = self._questions.pop(0)
            async with turn(question):
                await answered(words)
            if words == "fail":
                raise ApplicationError(words)
            if words == "stop":
                return

    @workflow.signal
    def ask(self, question: Invocation, words: str) -> None:
        self._questions.append((question, words))


@workflow.defn
class Updated:
    def __init__(self) -> None:
        self._over = False

    @workflow.run
    async def run(self, invocation: Invocation) -> None:
        del invocation
        await workflow.wait_condition(lambda: self._over)
        raise ApplicationError("no")

    @workflow.update
    async def say(self) -> None:
        await answered("one ")
        await answered("two ")
        self._over = True


async def parts(words: str) -> AsyncIterator[str]:
    async with turn():
        yield await answered(words)


@workflow.defn
class Elsewhere:
    """Leaves turns in other tasks than those that began them."""

    @workflow.run
    async def run(self) -> None:
        generator: Any = parts("generator")
        await anext(generator)
        await asyncio.create_task(generator.aclose())
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(turn())
            await answered("stack")
            await asyncio.create_task(stack.pop_all().aclose())
        await answered("main")
        shared = turn()
        await asyncio.gather(*(self.aside(shared, words) for words in ("left", "right")))
        async with turn():
            later = asyncio.create_task(self.later())
        await later

    async def aside(self, shared: turn, words: str) -> None:
        async with shared:
            await answered(words)

    async def later(self) -> None:
        # The turn in which this task was made is over by then.
        await asyncio.sleep(0.01)
        async with turn():
            await answered("later")


WORKFLOWS = [Survivor, Continued, Retried, Updated, Elsewhere]


async def test_turn_that_the_cancel_of_its_workflow_breaks_off_is_cancelled(stage: Stage) -> None:
    live = await stage.view(stage.workflow_id())
    async with stage.worker(WORKFLOWS, [answer], mixed=False):
        handle = await stage.client.start_workflow(Survivor.run, id=stage.workflow_id(), task_queue=stage.name)
        await live.wait_for(lambda view: view.texts == ["endless"])
        await handle.cancel()
        await live.wait_for(lambda view: {run.id[-3:]: run.status for run in view.runs}.get("0.1") == "cancelled")


async def test_turn_in_which_the_workflow_continues_as_new_is_complete(stage: Stage) -> None:
    live = await stage.view(stage.workflow_id())
    async with stage.worker(WORKFLOWS, [answer], mixed=False):
        await stage.client.start_workflow(Continued.run, 0, id=stage.workflow_id(), task_queue=stage.name)
        await live.wait_settled_text(["one"])
        await stage.client.get_workflow_handle(stage.workflow_id()).terminate()


async def test_what_a_workflow_answered_before_it_was_retried_stays(stage: Stage) -> None:
    session = f"ai:{stage.name}"
    live = await stage.viewers.open(stage.server.endpoint, session, key=stage.server.key, client_id="alice")
    async with stage.worker(WORKFLOWS, [answer], mixed=False):
        handle = await stage.client.start_workflow(
            Retried.run,
            id=stage.workflow_id(),
            task_queue=stage.name,
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=10), maximum_attempts=2),
        )
        said: list[str] = []
        for words in ("one", "fail", "two", "stop"):
            body = (await live.send(words, message_id=f"u-{words}"))["invocation"]
            if said[-1:] == ["fail"]:
                # The failed run took what it was sent with it.
                await _closed(stage, str(handle.first_execution_run_id))
            # Of a chain the run that is open now.
            current = stage.client.get_workflow_handle_for(Retried.run, handle.id)
            await current.signal(Retried.ask, args=[Invocation(**body), words])
            said.append(words)
            await live.wait_settled_text(said)
    await live.wait_settled_text(["one", "fail", "two", "stop"])


async def _closed(stage: Stage, run_id: str) -> None:
    handle = stage.client.get_workflow_handle(stage.workflow_id(), run_id=run_id)
    async for event in handle.fetch_history_events(wait_new_event=True):
        if event.HasField("workflow_execution_failed_event_attributes"):
            return


async def test_update_that_comes_before_the_workflow_itself_knows_the_session_of_its_argument(stage: Stage) -> None:
    session = f"ai:{stage.name}"
    async with stage.worker(WORKFLOWS, [answer], mixed=False):
        await _say_with_start(stage, session)
    assert stage.server.operations(f"ai:{stage.workflow_id()}") == []
    texts = [operation["data"] for operation in stage.server.operations(session) if operation.get("data")]
    assert "one " in "".join(map(str, texts))
    assert "two " in "".join(map(str, texts))


async def _say_with_start(stage: Stage, session: str) -> str:
    start = WithStartWorkflowOperation(
        Updated.run,
        Invocation("nobody", session),
        id=stage.workflow_id(),
        task_queue=stage.name,
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
    )
    begin = stage.client.execute_update_with_start_workflow  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    await begin(Updated.say, id="said", start_workflow_operation=start)
    handle: Any = await start.workflow_handle()
    try:
        await handle.result()
    except WorkflowFailureError:
        return str(handle.first_execution_run_id)
    raise AssertionError("the workflow did not fail")


async def test_update_that_is_complete_is_so_though_its_workflow_fails_at_once(stage: Stage) -> None:
    async with stage.worker(WORKFLOWS, [answer], mixed=False):
        run_id = await _say_with_start(stage, f"ai:{stage.name}")
    owned = Owned("", Run("r", ""), stage.workflow_id(), run_id, run_id, update="said", turn=True)
    for _ in range(20):
        assert await follow(stage.client, owned, wait=True) == Closed()
    assert await follow(stage.client, owned, wait=False) == Closed()


async def test_turns_that_are_left_in_other_tasks_end_and_fail_nothing(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    live = await stage.view(stage.workflow_id())
    async with stage.worker(WORKFLOWS, [answer], mixed=False):
        handle = await stage.client.start_workflow(Elsewhere.run, id=stage.workflow_id(), task_queue=stage.name)
        await asyncio.wait_for(handle.result(), 60)
        await live.wait_for(lambda view: len(view.runs) == 6 and {run.status for run in view.runs} == {"complete"})
    assert sorted(live.texts) == ["generator", "later", "left", "main", "right", "stack"]
    assert "Failed" not in caplog.text
