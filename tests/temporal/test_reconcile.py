"""Runs that were left open, and how they are ended: workflows on a real server, a recorder for Ably."""

from __future__ import annotations

import asyncio
import inspect
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.worker import Worker

from temporal_ably import AblyInterceptor, HistoryError, SettingsError, reconcile
from temporal_ably._dialect import ait08
from temporal_ably._publisher.attempt import Attempt
from temporal_ably._publisher.courier import Courier
from temporal_ably._publisher.plan import Plan
from temporal_ably._wire import tags
from temporal_ably._wire.events import CancelRequested, Run, RunSuspended
from temporal_ably._wire.operations import Publish
from temporal_ably._wire.parts import Whole
from tests.publisher.model import ORIGIN, TEXT
from tests.temporal.lives import ACTIVITIES, WORKFLOWS, Life

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from temporalio.client import WorkflowHandle

    from temporal_ably._wire.events import StepReason
    from temporal_ably.testing import AblyRecorder
    from tests.real_parts import Temporal

NOW = timedelta(0)


class Dead:
    """What processes that were killed have left on a channel.

    `handle` is the workflow that owns its run.
    """

    def __init__(self, courier: Courier, handle: WorkflowHandle[Life, str]) -> None:
        assert handle.first_execution_run_id
        self.run_id = handle.first_execution_run_id
        self.channel = f"ai:{handle.id}"
        origin = replace(ORIGIN, workflow_id=handle.id, workflow_run_id=self.run_id)
        run = Run(self.run_id, f"{self.run_id}/in")
        self.plan = Plan(self.channel, run, ":0:1", origin, handle.id, self.run_id)
        self._courier = courier

    async def say(self, text: str, plan: Plan | None = None, *, finish: StepReason | None = None) -> None:
        """Stream a text from an attempt, and no more, unless it may finish."""
        attempt = Attempt(plan or self.plan)
        attempt.open_part(1, 0, TEXT, 0.0)
        attempt.text(1, text, 0.0)
        if finish is not None:
            attempt.finish(finish, 0.0)
        await self._courier.deliver(attempt)

    async def emit(self, part: Whole) -> None:
        """Stream a whole part from an attempt that finishes then."""
        attempt = Attempt(self.plan)
        attempt.emit(0, part, 0.0)
        attempt.finish("complete", 0.0)
        await self._courier.deliver(attempt)


class Scene:
    """A server with a worker that streams nothing, and a recorder."""

    def __init__(self, client: Client, recorder: AblyRecorder, name: str) -> None:
        self.client = client
        self.recorder = recorder
        self.name = name
        self.courier = Courier(recorder.connect, per_s=1e6)

    async def begin(self) -> tuple[WorkflowHandle[Life, str], Dead]:
        """Begin a workflow, and give what is left of those who streamed for it."""
        handle = await self.client.start_workflow(
            Life.run, id=f"{self.name}-{uuid.uuid4().hex[:4]}", task_queue=self.name
        )
        await handle.execute_update(Life.began)  # pyright: ignore[reportUnknownMemberType]
        return handle, Dead(self.courier, handle)

    async def begin_and_end(self, word: str = "return") -> tuple[WorkflowHandle[Life, str], Dead]:
        """Begin a workflow that has a text half told, and have it close."""
        handle, dead = await self.begin()
        await dead.say("half a")
        await self.end(handle, word)
        return handle, dead

    async def end(self, handle: WorkflowHandle[Life, str], word: str = "return") -> None:
        """Have a workflow close."""
        await handle.signal(Life.tell, word)
        async for _ in handle.fetch_history_events(wait_new_event=True):
            pass

    async def reconcile(self, *channels: str, grace: timedelta = NOW, **options: Any) -> list[str]:
        """What became of each open run."""
        options.setdefault("recorder", self.recorder)
        done = await reconcile(options.pop("client", self.client), channels, grace=grace, **options)
        assert done.unread == ()
        assert done.channels == len(set(channels))
        return [f"{run.outcome} {run.reason}".strip() for run in done.runs]


@pytest.fixture
async def scene(temporal: Temporal, ably_recorder: AblyRecorder) -> AsyncGenerator[Scene]:
    client, name = await temporal.connect(), f"reconcile-{uuid.uuid4().hex[:8]}"
    async with Worker(client, task_queue=name, workflows=WORKFLOWS, activities=ACTIVITIES):
        yield Scene(client, ably_recorder, name)


@pytest.mark.parametrize(("word", "reason", "step"), [("return", "complete", "failed"), ("fail", "error", "failed")])
async def test_run_whose_workflow_has_closed_is_ended_as_the_workflow_did(
    scene: Scene, word: str, reason: str, step: str
) -> None:
    handle, dead = await scene.begin_and_end(word)
    assert await scene.reconcile(dead.channel) == [f"ended {reason}"]
    (run,) = scene.recorder.session(dead.channel).runs
    assert (run.ended, run.text, run.steps[0].canonical.ended) == (reason, "half a", step)
    (end,) = [each for each in scene.recorder.envelopes if each.event == "run-end"]
    assert (end.workflow_id, end.run_id, end.id) == (handle.id, dead.run_id, f"{dead.run_id}/end")
    (part,) = [each.part for each in scene.recorder.envelopes if each.part is not None and each.part.kind == "text"]
    assert part.status == "cancelled"


async def test_cancelled_and_terminated_workflows_end_their_runs_so(scene: Scene) -> None:
    cancelled, terminated = await scene.begin(), await scene.begin()
    for _, dead in (cancelled, terminated):
        await dead.say("half a")
    await cancelled[0].cancel()
    await terminated[0].terminate()
    async for _ in cancelled[0].fetch_history_events(wait_new_event=True):
        pass
    channels = [dead.channel for _, dead in (cancelled, terminated)]
    assert await scene.reconcile(*channels) == ["ended cancelled", "ended error"]
    (run,) = scene.recorder.session(channels[0]).runs
    assert run.steps[0].canonical.ended == "cancelled"


async def test_end_users_see_why_only_where_that_was_asked_for(scene: Scene) -> None:
    (_, quiet), (_, loud) = [await scene.begin_and_end("fail") for _ in range(2)]
    await scene.reconcile(quiet.channel)
    await scene.reconcile(loud.channel, expose_errors=True)
    errors = [scene.recorder.session(each.channel).runs[0].error for each in (quiet, loud)]
    assert errors == ["the agent failed", "it was told to fail"]


async def test_it_may_run_twice(scene: Scene) -> None:
    _, dead = await scene.begin_and_end()
    await scene.reconcile(dead.channel)
    operations = len(scene.recorder.operations)
    assert await scene.reconcile(dead.channel, dead.channel) == []
    assert len(scene.recorder.operations) == operations


async def test_dry_run_tells_and_publishes_nothing(scene: Scene) -> None:
    _, dead = await scene.begin_and_end()
    operations = len(scene.recorder.operations)
    for _ in range(2):
        assert await scene.reconcile(dead.channel, dry_run=True) == ["ended complete"]
    assert len(scene.recorder.operations) == operations
    assert scene.recorder.session(dead.channel).runs[0].ended == ""


async def test_run_whose_workflow_goes_on_is_left_alone(scene: Scene) -> None:
    handle, dead = await scene.begin()
    await dead.say("half a")
    operations = len(scene.recorder.operations)
    assert await scene.reconcile(dead.channel, missing_after=NOW) == ["running"]
    assert len(scene.recorder.operations) == operations
    await handle.terminate()


async def test_run_of_a_moment_ago_is_left_to_its_worker(scene: Scene) -> None:
    _, dead = await scene.begin_and_end()
    assert await scene.reconcile(dead.channel, grace=timedelta(minutes=1)) == ["recent"]
    assert await scene.reconcile(dead.channel) == ["ended complete"]


class Busy:
    """A recorder that has something happen between two looks at its history."""

    def __init__(self, recorder: AblyRecorder, happens: Any) -> None:
        self._recorder = recorder
        self._happens = happens
        self._looks = 0

    def connect(self) -> Any:
        connection = self._recorder.connect()
        read = connection.history

        async def history(channel: str) -> AsyncGenerator[Any, None]:
            self._looks += 1
            if self._looks == 2:
                await self._happens()
            async for stored in read(channel):
                yield stored

        vars(connection)["history"] = history
        return connection

    def on_close(self, close: Any) -> None:
        del close


async def test_run_that_somebody_ends_meanwhile_is_ended_once(scene: Scene) -> None:
    _, dead = await scene.begin_and_end()

    async def happens() -> None:
        assert await scene.reconcile(dead.channel) == ["ended complete"]

    assert await scene.reconcile(dead.channel, recorder=Busy(scene.recorder, happens)) == ["gone"]
    assert [each.event for each in scene.recorder.envelopes].count("run-end") == 1


async def test_run_that_somebody_writes_to_meanwhile_is_left_to_him(scene: Scene) -> None:
    _, dead = await scene.begin_and_end()

    async def happens() -> None:
        await dead.say("more", replace(dead.plan, step=":0:2", opens_run=False))

    assert await scene.reconcile(dead.channel, recorder=Busy(scene.recorder, happens)) == ["recent"]
    assert scene.recorder.session(dead.channel).runs[0].ended == ""


async def test_two_at_once_end_a_run_once(scene: Scene) -> None:
    _, dead = await scene.begin_and_end()
    await asyncio.gather(*(scene.reconcile(dead.channel) for _ in range(2)))
    assert [each.event for each in scene.recorder.envelopes].count("run-end") == 1
    assert [each.event for each in scene.recorder.envelopes].count("step-end") == 1


async def test_what_a_workflow_s_retry_has_not_replaced_goes(scene: Scene) -> None:
    handle = await scene.client.start_workflow(
        Life.run,
        id=f"{scene.name}-retried",
        task_queue=scene.name,
        retry_policy=RetryPolicy(maximum_attempts=2, initial_interval=timedelta(milliseconds=10)),
    )
    dead = Dead(scene.courier, handle)
    await dead.say("before the retry", finish="complete")
    first = scene.client.get_workflow_handle(handle.id, run_id=dead.run_id)
    await handle.signal(Life.tell, "fail")
    async for _ in first.fetch_history_events(wait_new_event=True):
        pass
    await handle.signal(Life.tell, "return")
    await handle.result()
    assert await scene.reconcile(dead.channel) == ["ended complete"]
    (run,) = scene.recorder.session(dead.channel).runs
    assert (run.ended, run.text) == ("complete", "")
    assert [attempt.text for attempt in run.steps[0].dead] == ["before the retry"]


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("handed-over", ["waiting", "waiting"]), ("waiting", ["running", "ended complete"])],
)
async def test_suspended_run_waits_for_its_client_unless_its_workflow_did_and_is_over(
    scene: Scene, reason: str, expected: list[str]
) -> None:
    handle, dead = await scene.begin()
    await dead.say("shall I?", finish="complete")
    event = RunSuspended(dead.plan.run)
    own = tags.run_tags(dead.plan.run, "run-suspend", handle.id, dead.run_id) | tags.end_tags(reason)
    message = ait08.encode(event)
    message = replace(message, id="suspend", extras={**message.extras, "headers": own})
    await scene.courier.send(dead.channel, Publish((message,)))
    found = await scene.reconcile(dead.channel, missing_after=NOW)
    await scene.end(handle)
    assert found + await scene.reconcile(dead.channel, missing_after=NOW) == expected


@pytest.mark.parametrize(("mode", "outcome"), [("workflow", "ended cancelled"), ("off", "ended complete")])
async def test_run_that_a_client_stopped_ends_so_though_its_workflow_completed(
    scene: Scene, mode: str, outcome: str
) -> None:
    handle, dead = await scene.begin()
    await dead.say("half a")
    message = ait08.encode(CancelRequested("stop", dead.run_id))
    await scene.courier.send(dead.channel, Publish((replace(message, id="stop"),)))
    await dead.say("cut", replace(dead.plan, step=":0:2", opens_run=False), finish="cancelled")
    await scene.end(handle)
    assert await scene.reconcile(dead.channel, cancel=mode) == [outcome]


async def test_run_whose_last_word_is_a_question_to_its_client_is_suspended(scene: Scene) -> None:
    handle, dead = await scene.begin()
    dead.plan = replace(dead.plan, run=replace(dead.plan.run, input_id="question"), answers=True)
    call = Whole("tool-input", {"toolCallId": "c", "toolName": "clock"}, {})
    await dead.emit(call)
    await scene.end(handle)
    assert await scene.reconcile(dead.channel, dry_run=True) == ["suspended"]
    assert await scene.reconcile(dead.channel) == ["suspended"]
    (run,) = scene.recorder.session(dead.channel).runs
    assert run.status == "suspended"
    # The client that asked gets the end of its stream.
    kinds = [each.part.kind for each in scene.recorder.envelopes if each.part is not None]
    assert kinds[-1] == "finish"
    assert await scene.reconcile(dead.channel) == ["waiting"]


@pytest.mark.parametrize(("input_id", "word"), [("", "return"), ("question", "fail")])
async def test_question_that_nobody_is_to_answer_suspends_nothing(scene: Scene, input_id: str, word: str) -> None:
    handle, dead = await scene.begin()
    dead.plan = replace(dead.plan, run=replace(dead.plan.run, input_id=input_id), answers=True)
    await dead.emit(Whole("tool-input", {"toolCallId": "c", "toolName": "clock"}, {}))
    await scene.end(handle, word)
    assert await scene.reconcile(dead.channel) == [f"ended {'complete' if word == 'return' else 'error'}"]


async def test_workflow_that_is_not_known_is_ended_in_error_after_the_age_that_was_given(scene: Scene) -> None:
    handle, dead = await scene.begin()
    dead.plan = replace(dead.plan, owner_id="nobody")
    await dead.say("half a")
    assert await scene.reconcile(dead.channel) == ["unknown"]
    assert await scene.reconcile(dead.channel, missing_after=timedelta(hours=1)) == ["unknown"]
    assert await scene.reconcile(dead.channel, missing_after=NOW) == ["ended error"]
    assert scene.recorder.session(dead.channel).runs[0].error == "the agent failed"
    await handle.terminate()


async def test_workflow_of_another_namespace_is_not_taken_for_one_that_is_gone(scene: Scene) -> None:
    _, dead = await scene.begin_and_end()
    tagged = replace(dead.plan, step=":0:2", full_tags=True, origin=replace(dead.plan.origin, namespace="another"))
    await dead.say("more", tagged)
    assert await scene.reconcile(dead.channel, missing_after=NOW) == ["unknown"]


async def test_temporal_that_does_not_tell_is_a_failure_of_that_run(scene: Scene) -> None:
    _, dead = await scene.begin_and_end()
    elsewhere = Client(scene.client.service_client, namespace="there-is-none")
    assert await scene.reconcile(dead.channel, client=elsewhere, missing_after=NOW) == ["failed"]
    assert scene.recorder.session(dead.channel).runs[0].ended == ""


async def test_part_that_ably_does_not_let_be_closed_hinders_no_end(scene: Scene) -> None:
    _, dead = await scene.begin_and_end()
    scene.recorder.fail_publish(1, code=40160)
    assert await scene.reconcile(dead.channel) == ["ended complete"]
    (part,) = [each.part for each in scene.recorder.envelopes if each.part is not None and each.part.kind == "text"]
    assert part.status == "streaming"


async def test_end_that_ably_refuses_is_told(scene: Scene) -> None:
    _, dead = await scene.begin_and_end()
    scene.recorder.fail_publish(3, code=40160)
    done = await reconcile(scene.client, [dead.channel], recorder=scene.recorder, grace=NOW)
    (run,) = done.runs
    assert (run.outcome, done.complete) == ("failed", False)
    assert "40160" in run.why
    assert await scene.reconcile(dead.channel) == ["ended complete"]


async def test_channel_that_cannot_be_read_is_told_and_the_others_are_looked_at(scene: Scene) -> None:
    _, dead = await scene.begin_and_end()
    unreadable = "ai:unreadable"

    class Connections(Busy):
        def connect(self) -> Any:
            connection = scene.recorder.connect()
            read = connection.history

            def history(channel: str) -> Any:
                if channel == unreadable:
                    raise HistoryError("unable to read the history of ai:unreadable; it is locked")
                return read(channel)

            vars(connection)["history"] = history
            return connection

    connections = Connections(scene.recorder, None)
    done = await reconcile(scene.client, [unreadable, dead.channel], recorder=connections, grace=NOW)
    assert [run.outcome for run in done.runs] == ["ended"]
    assert done.unread == ((unreadable, "unable to read the history of ai:unreadable; it is locked"),)
    assert not done.complete


async def test_channels_come_from_a_query_too(scene: Scene) -> None:
    handle, dead = await scene.begin_and_end()
    query = f'WorkflowId = "{handle.id}"'
    while (await scene.client.count_workflows(query)).count < 1:  # noqa: ASYNC110 - there is nothing to wait on
        await asyncio.sleep(0.05)
    done = await reconcile(scene.client, [dead.channel], query=query, recorder=scene.recorder, grace=NOW)
    assert (done.channels, [run.outcome for run in done.runs]) == (1, ["ended"])


async def test_channel_without_a_run_is_nothing_to_do(scene: Scene) -> None:
    assert await scene.reconcile("ai:nobody-was-here") == []


async def test_settings_are_those_of_the_interceptor(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="ABLY_API_KEY is not set"):
        await reconcile(scene.client)
    # That workers are not to publish says nothing of this.
    monkeypatch.setenv("ABLY_ENABLED", "0")
    with pytest.raises(SettingsError, match="ABLY_API_KEY is not set"):
        await reconcile(scene.client)
    of_reconcile, of_interceptor = (inspect.signature(each).parameters for each in (reconcile, AblyInterceptor))
    assert of_interceptor.keys() - of_reconcile.keys() == {"agent_name", "on_part"}
