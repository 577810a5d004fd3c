from __future__ import annotations

import asyncio
import shutil
import sysconfig
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, get_type_hints

import pytest
import temporalio.worker
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import ExecuteActivityInput, Replayer, Worker, WorkflowOutboundInterceptor

from temporal_ably import AblyInterceptor
from temporal_ably._temporal import workflow as side
from temporal_ably._temporal.headers import extract
from temporal_ably._temporal.runtime import Runtime
from temporal_ably._temporal.workflow import microseconds
from temporal_ably._wire.identity import Binding, Header, Reset, step_id
from tests.publisher.fake import FakeAbly, FakeConnection
from tests.temporal.stories import (
    ACTIVITIES,
    WORKFLOWS,
    Answer,
    Continues,
    Fails,
    FailsOnce,
    Family,
    SpeaksItself,
    Stumbles,
    Waits,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator

    from temporalio.client import WorkflowHandle, WorkflowHistory

    from temporal_ably._transport.base import Credentials, Timeouts

KEY = "app.name:top-secret"
QUEUE = "stories"
WAIT_S = 30.0

# Hooks that carry headers to something which binds no session: whoever is signalled has a session of its own, and
# Nexus operations are not of a workflow.
DELIBERATELY_NOT = {
    "signal_child_workflow",
    "signal_external_workflow",
    "start_nexus_operation",
    "start_system_nexus_operation",
}


@dataclass
class Recorder(temporalio.worker.Interceptor):
    """Keeps the header that each activity came with, by the activity's argument."""

    headers: dict[str, list[Header | None]] = field(default_factory=dict[str, list[Header | None]])

    def intercept_activity(
        self, next: temporalio.worker.ActivityInboundInterceptor
    ) -> temporalio.worker.ActivityInboundInterceptor:
        return _Records(next, self)

    def steps(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for argument, headers in self.headers.items():
            for header in headers:
                assert header is not None
                assert header.binding is not None
                assert header.ordinal is not None
                found.setdefault(argument, []).append(step_id(header.binding, header.ordinal))
        return found

    def bindings(self, argument: str) -> list[Binding]:
        return [header.binding for header in self.headers[argument] if header is not None and header.binding]


class _Records(temporalio.worker.ActivityInboundInterceptor):
    def __init__(self, next: temporalio.worker.ActivityInboundInterceptor, recorder: Recorder) -> None:
        super().__init__(next)
        self._recorder = recorder

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        self._recorder.headers.setdefault(str(input.args[0]), []).append(extract(input.headers))
        return await self.next.execute_activity(input)


@dataclass
class Stage:
    """A running worker with our interceptor; ``hints`` are the workflows that said that they closed."""

    client: Client
    recorder: Recorder
    interceptor: AblyInterceptor
    hints: list[tuple[str, str]]
    name: str = field(default_factory=lambda: str(uuid.uuid4()))

    async def start(self, run: Any, *args: Any, **options: Any) -> WorkflowHandle[Any, Any]:
        return await self.client.start_workflow(run, args=args, id=self.name, task_queue=QUEUE, **options)

    async def run(self, run: Any, *args: Any, **options: Any) -> WorkflowHandle[Any, Any]:
        handle = await self.start(run, *args, **options)
        await asyncio.wait_for(handle.result(), WAIT_S)
        return handle


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a dev server that serves the tests of this file."""

    async def start() -> WorkflowEnvironment:
        binary = shutil.which("temporal", path=sysconfig.get_path("scripts"))
        return await WorkflowEnvironment.start_local(  # pyright: ignore[reportUnknownMemberType]
            dev_server_existing_path=binary, dev_server_log_level="error"
        )

    loop = asyncio.new_event_loop()
    try:
        environment = loop.run_until_complete(start())
        yield environment.client.service_client.config.target_host
        loop.run_until_complete(environment.shutdown())
    finally:
        loop.close()


@asynccontextmanager
async def staged(server: str, monkeypatch: pytest.MonkeyPatch, **options: Any) -> AsyncGenerator[Stage, None]:
    hints: list[tuple[str, str]] = []

    def note_hint(runtime: Runtime, bound: Binding, run_id: str, workflow_type: str) -> None:
        del runtime, bound
        hints.append((workflow_type, run_id))

    monkeypatch.setattr(Runtime, "workflow_closed", note_hint)
    client = await Client.connect(server)
    recorder, interceptor = Recorder(), AblyInterceptor(api_key=KEY, client_id=str(uuid.uuid4()))
    async with Worker(
        client,
        task_queue=QUEUE,
        workflows=WORKFLOWS,
        activities=ACTIVITIES,
        interceptors=[interceptor, recorder],
        **options,
    ):
        yield Stage(client, recorder, interceptor, hints)


@pytest.fixture
async def stage(server: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    async with staged(server, monkeypatch) as stage:
        yield stage


def own(stage: Stage, run_id: str) -> Binding:
    return Binding(f"ai:{stage.name}", run_id, stage.name, run_id)


# Identities.


async def test_starts_are_counted_in_the_workflow_and_below_it(stage: Stage) -> None:
    handle = await stage.run(Family.run, stage.name)
    assert stage.recorder.steps() == {
        "first": [":0:1"],
        "second": [":0:2"],
        "child's": ["/0.3:0:1", "/0.3/0.2:0:1", ":0:1"],
        "fifth": [":0:5"],
    }
    run_id = handle.first_execution_run_id or ""
    assert stage.recorder.bindings("first") == [own(stage, run_id)]
    child, grandchild, abandoned = stage.recorder.bindings("child's")
    assert {(bound.session, bound.run, bound.owner_id) for bound in (child, grandchild)} == {
        (f"ai:{stage.name}", run_id, stage.name)
    }
    assert abandoned.session == f"ai:{stage.name}"
    assert (abandoned.owner_id, abandoned.node) == (f"{stage.name}/abandoned", "")
    assert abandoned.run != run_id


async def test_replay_of_every_task_counts_alike(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(server, monkeypatch, max_cached_workflows=0) as stage:
        await stage.run(Family.run, stage.name)
        assert stage.recorder.steps()["fifth"] == [":0:5"]
        assert stage.recorder.steps()["child's"][:2] == ["/0.3:0:1", "/0.3/0.2:0:1"]


async def test_continue_as_new_goes_on_in_the_same_run_in_a_new_segment(stage: Stage) -> None:
    handle = await stage.run(Continues.run, 2)
    assert stage.recorder.steps() == {"2 left": [":0:1"], "1 left": [":1:1"], "0 left": [":2:1"]}
    [last] = stage.recorder.bindings("0 left")
    assert (last.run, last.owner_chain) == (handle.first_execution_run_id, handle.first_execution_run_id)


async def test_workflow_retry_repeats_the_names_and_sweeps_what_it_replaces(stage: Stage) -> None:
    policy = RetryPolicy(initial_interval=timedelta(milliseconds=1), maximum_attempts=2)
    await stage.run(FailsOnce.run, retry_policy=policy)
    assert stage.recorder.steps() == {"before": [":0:1", ":0:1"]}
    first, second = stage.recorder.bindings("before")
    assert (first.sweeps, second.run) == ((), first.run)
    [sweep] = second.sweeps
    assert (sweep.node, sweep.first) == ("", (0, 0))


async def test_reset_sweeps_from_the_first_start_that_is_not_replayed(stage: Stage) -> None:
    handle = await stage.run(Family.run, stage.name)
    completed = [
        event.event_id
        async for event in handle.fetch_history_events()
        if event.HasField("workflow_task_completed_event_attributes")
    ]
    reset = await stage.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace="default",
            workflow_execution=WorkflowExecution(workflow_id=stage.name, run_id=handle.first_execution_run_id or ""),
            reason="a test",
            workflow_task_finish_event_id=completed[-2],
            request_id=str(uuid.uuid4()),
        )
    )
    await stage.client.get_workflow_handle(stage.name, run_id=reset.run_id).result()
    before, after = stage.recorder.bindings("fifth")
    assert stage.recorder.steps()["first"] == [":0:1"]
    assert stage.recorder.steps()["fifth"] == [":0:5"] * 2
    assert before.reset is None
    assert after.reset == Reset(reset.run_id, stage.name, handle.first_execution_run_id or "")
    assert after.run == before.run
    assert [(sweep.node, sweep.first) for sweep in after.sweeps] == [("", (0, 5))]


async def test_two_interceptors_count_once(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with staged(server, monkeypatch) as stage:
        queue = str(uuid.uuid4())
        second = AblyInterceptor(api_key=KEY, session_template="other:{workflow_id}")
        client = await Client.connect(server, interceptors=[stage.interceptor])
        both = [second, stage.recorder]
        async with Worker(client, task_queue=queue, workflows=WORKFLOWS, activities=ACTIVITIES, interceptors=both):
            await client.execute_workflow(Family.run, stage.name, id=stage.name, task_queue=queue)
    [first] = stage.recorder.bindings("first")
    assert first.session == f"ai:{stage.name}"
    assert stage.recorder.steps()["fifth"] == [":0:5"]


# What runs in the sandbox.


async def test_one_file_quickstart_streams_from_a_sandboxed_workflows_activity(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ably = FakeAbly()

    def connect(credentials: Credentials, timeouts: Timeouts) -> FakeConnection:
        del credentials, timeouts
        return ably.connect()

    monkeypatch.setattr("temporal_ably._temporal.runtime.RealtimeConnection", connect)
    async with AblyInterceptor(api_key=KEY, client_id=str(uuid.uuid4())) as interceptor:
        client, name = await Client.connect(server), str(uuid.uuid4())
        async with Worker(
            client, task_queue=QUEUE, workflows=WORKFLOWS, activities=ACTIVITIES, interceptors=[interceptor]
        ):
            result = await client.execute_workflow(Answer.run, "to be or not", id=name, task_queue=QUEUE)
    assert result == "to be or not "
    channel = ably.channels[f"ai:{name}"]
    assert channel.texts() == [result]
    assert channel.names() == [
        *["ai-run-start", "ai-step-start", "ai-output", "ai-output", "ai-output"],
        *["ai-step-end", "ai-run-end"],
    ]


async def test_workflow_that_streams_itself_is_told_and_goes_on(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    handle = await stage.run(SpeaksItself.run)
    assert await handle.result() == "went on"
    assert "unable to stream from a workflow; only activities stream" in caplog.text


# Replay.


async def test_histories_with_and_without_the_interceptor_replay_each_other(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    histories: list[WorkflowHistory] = []
    async with staged(server, monkeypatch) as stage:
        histories.append(await (await stage.run(Family.run, stage.name)).fetch_history())
        hints = list(stage.hints)
        name = str(uuid.uuid4())
        plain: dict[str, Any] = {"workflows": WORKFLOWS, "activities": ACTIVITIES}
        queue = str(uuid.uuid4())
        async with Worker(stage.client, task_queue=queue, **plain):
            await stage.client.execute_workflow(Family.run, name, id=name, task_queue=queue)
        histories.append(await stage.client.get_workflow_handle(name).fetch_history())
        assert len(histories[0].events) == len(histories[1].events)
        for interceptors in ([], [stage.interceptor]):
            for history in histories:
                await Replayer(workflows=WORKFLOWS, interceptors=interceptors).replay_workflow(history)
        assert stage.hints == hints


# The hint that a workflow has closed.


async def hints_of(stage: Stage, handle: WorkflowHandle[Any, Any]) -> set[str]:
    """Wait for a bad end; tell who hinted. The server may refuse a last task, then the same hint comes again."""
    with pytest.raises(WorkflowFailureError):
        await asyncio.wait_for(handle.result(), WAIT_S)
    return {workflow_type for workflow_type, _ in stage.hints}


async def test_owner_of_a_run_hints_at_its_end_and_children_do_not(stage: Stage) -> None:
    handle = await stage.run(Family.run, stage.name)
    assert [workflow_type for workflow_type, _ in stage.hints] == ["Child", "Family"]
    assert stage.hints[-1] == ("Family", handle.first_execution_run_id)


async def test_continue_as_new_is_no_end(stage: Stage) -> None:
    await stage.run(Continues.run, 1)
    assert [workflow_type for workflow_type, _ in stage.hints] == ["Continues"]


async def test_failure_is_an_end(stage: Stage) -> None:
    assert await hints_of(stage, await stage.start(Fails.run)) == {"Fails"}


async def test_cancellation_is_an_end(stage: Stage) -> None:
    handle = await stage.start(Waits.run)
    await handle.cancel()
    assert await hints_of(stage, handle) == {"Waits"}


async def test_failed_task_and_eviction_are_no_end(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stumbled = asyncio.Event()
    original = side.WorkflowInbound.execute_workflow

    async def watched(inbound: side.WorkflowInbound, input: Any) -> Any:
        try:
            return await original(inbound, input)
        except RuntimeError:
            loop.call_soon_threadsafe(stumbled.set)
            raise

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(side.WorkflowInbound, "execute_workflow", watched)
    async with staged(server, monkeypatch) as stage:
        handle = await stage.start(Stumbles.run)
        await asyncio.wait_for(stumbled.wait(), WAIT_S)
        await handle.terminate()
        assert await hints_of(stage, handle) == set()


async def test_hint_comes_once_though_a_query_replays_the_closed_workflow(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with staged(server, monkeypatch, max_cached_workflows=0) as stage:
        handle = await stage.start(Waits.run)
        await handle.signal(Waits.tell)
        await asyncio.wait_for(handle.result(), WAIT_S)
        await handle.query("__stack_trace")
        assert [workflow_type for workflow_type, _ in stage.hints] == ["Waits"]


# Facts and drift.


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(1970, 1, 1, tzinfo=timezone.utc), 0),
        (datetime(2026, 8, 1, 12, 0, 0, 1, tzinfo=timezone.utc), 1785585600000001),
        (datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=timezone.utc), 253402300799999999),
    ],
)
def test_moment_is_given_in_microseconds_exactly(moment: datetime, expected: int) -> None:
    assert microseconds(moment) == expected


def test_every_hook_that_carries_headers_is_ours_or_deliberately_not() -> None:
    carrying: set[str] = set()
    for name, hook in vars(WorkflowOutboundInterceptor).items():
        hints = get_type_hints(hook) if callable(hook) and not name.startswith("_") else {}
        fields = getattr(getattr(hints.get("input"), "__origin__", hints.get("input")), "__dataclass_fields__", {})
        if "headers" in fields:
            carrying.add(name)
    ours = {name for name in vars(side._WorkflowOutbound) if not name.startswith("_")}
    assert carrying - ours == DELIBERATELY_NOT
    assert ours <= carrying
