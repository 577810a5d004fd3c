from __future__ import annotations

import asyncio
import inspect
import logging
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, cast

import pytest
from temporalio.client import Client
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from temporal_ably import AblyInterceptor, AblyPlugin, SettingsError
from tests.temporal.stories import ACTIVITIES, WORKFLOWS, Answer

if TYPE_CHECKING:
    from temporalio.worker import WorkflowRunner

    from temporal_ably.testing import AblyRecorder
    from tests.real_parts import Temporal

KEY = "app.name:top-secret"


class Drains:
    """What a plugin does of its own at the end of workers, counted."""

    def __init__(self, plugin: AblyPlugin, error: Exception | None = None) -> None:
        self.count = 0
        self._error = error
        plugin._ably.drain = self._drain

    async def _drain(self) -> None:
        self.count += 1
        if self._error is not None:
            raise self._error


def running(plugin: AblyPlugin) -> Any:
    """The context in which a plugin's worker runs."""
    assert plugin.run_context is not None
    return plugin.run_context()


def test_takes_what_the_interceptor_takes() -> None:
    parameters = [inspect.signature(each).parameters for each in (AblyPlugin, AblyInterceptor)]
    assert parameters[0] == parameters[1]


def test_missing_key_and_wrong_arguments_are_told_by_the_constructor() -> None:
    with pytest.raises(SettingsError, match="ABLY_API_KEY is not set"):
        AblyPlugin()
    with pytest.raises(SettingsError, match="unable to use the argument on_part; it is str"):
        AblyPlugin(api_key=KEY, on_part=cast("Any", "no function"))


def test_arguments_reach_the_interceptor() -> None:
    runtime = AblyPlugin(api_key=KEY, agent_name="Ada", session_template="x:{workflow_id}")._ably._runtime
    assert runtime is not None
    assert (runtime.options.agent_name, runtime.options.template) == ("Ada", "x:{workflow_id}")


def test_name_says_whose_it_is() -> None:
    assert AblyPlugin(api_key=KEY).name() == "temporal_ably.AblyPlugin"


async def client_with(temporal: Temporal, *plugins: AblyPlugin) -> Client:
    return await Client.connect(temporal.address, plugins=plugins)


def configured(made: Worker | Replayer, part: str) -> Any:
    """What plugins made of a part of a worker's configuration."""
    return cast("dict[str, object]", made.config(active_config=True))[part]


def worker_of(client: Client, runner: WorkflowRunner | None = None, **options: Any) -> Worker:
    if runner is not None:
        options["workflow_runner"] = runner
    return Worker(client, task_queue="plugin", workflows=WORKFLOWS, activities=ACTIVITIES, **options)


async def test_interceptor_is_added_once_wherever_the_plugin_stands(temporal: Temporal) -> None:
    plugin = AblyPlugin(api_key=KEY)
    client = await client_with(temporal, plugin)
    assert client.config(active_config=True)["interceptors"] == [plugin._ably]
    assert configured(worker_of(client), "interceptors") == []
    alone = worker_of(await client_with(temporal), plugins=[plugin])
    assert configured(alone, "interceptors") == [plugin._ably]


async def test_worker_for_workflows_only_stays_one(temporal: Temporal) -> None:
    client = await client_with(temporal, AblyPlugin(api_key=KEY))
    worker = Worker(client, task_queue="plugin", workflows=[Answer])
    assert configured(worker, "activities") == []
    assert worker._activity_worker is None


def passed_through(runner: WorkflowRunner | None) -> set[str]:
    assert isinstance(runner, SandboxedWorkflowRunner)
    return set(runner.restrictions.passthrough_modules)


async def test_sandbox_does_not_load_us_anew(temporal: Temporal) -> None:
    plugin = AblyPlugin(api_key=KEY)
    own = SandboxedWorkflowRunner()
    own = SandboxedWorkflowRunner(own.restrictions.with_passthrough_modules("the_user_s_own"))
    worker = worker_of(await client_with(temporal), own, plugins=[plugin])
    assert passed_through(configured(worker, "workflow_runner")) == passed_through(own) | {"temporal_ably"}
    replayer = Replayer(workflows=WORKFLOWS, plugins=[plugin])
    assert "temporal_ably" in passed_through(configured(replayer, "workflow_runner"))


async def test_no_sandbox_stays_none(temporal: Temporal) -> None:
    runner = UnsandboxedWorkflowRunner()
    worker = worker_of(await client_with(temporal), runner, plugins=[AblyPlugin(api_key=KEY)])
    assert configured(worker, "workflow_runner") is runner


async def test_client_of_the_worker_is_known_for_ends_that_this_process_did_not_begin(temporal: Temporal) -> None:
    plugin = AblyPlugin(api_key=KEY)
    client = await client_with(temporal)
    worker_of(client, plugins=[plugin])
    runtime = plugin._ably._runtime
    assert runtime is not None
    assert runtime._client is client


async def test_turned_off_it_is_no_more_than_there(temporal: Temporal) -> None:
    plugin = AblyPlugin(enabled=False)
    worker_of(await client_with(temporal, plugin))
    async with running(plugin):
        pass


async def test_what_is_held_is_published_when_the_last_worker_stops() -> None:
    plugin = AblyPlugin(api_key=KEY)
    drains = Drains(plugin)
    async with AsyncExitStack() as workers:
        await workers.enter_async_context(running(plugin))
        async with running(plugin):
            pass
        assert drains.count == 0
    assert drains.count == 1
    async with running(plugin):
        pass
    assert drains.count == 2


@pytest.mark.parametrize("error", [RuntimeError("the worker's own"), asyncio.CancelledError()])
async def test_what_ends_the_worker_stays_what_it_is(error: BaseException) -> None:
    plugin = AblyPlugin(api_key=KEY)
    drains = Drains(plugin)
    with pytest.raises(type(error)) as raised:
        async with running(plugin):
            raise error
    assert raised.value is error
    assert drains.count == 1


async def test_nothing_of_ours_becomes_an_error_of_the_worker(caplog: pytest.LogCaptureFixture) -> None:
    plugin = AblyPlugin(api_key=KEY)
    Drains(plugin, KeyError("a bug"))
    async with running(plugin):
        pass
    (record,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert "a bug" in record.getMessage()


async def test_run_has_ended_when_the_worker_has_stopped(temporal: Temporal, ably_recorder: AblyRecorder) -> None:
    client = await client_with(temporal, AblyPlugin(recorder=ably_recorder))
    async with worker_of(client):
        said = await client.execute_workflow(Answer.run, "a b", id="plugin-drain", task_queue="plugin")
    session = ably_recorder.session("ai:plugin-drain")
    assert (session.text, session.runs[0].ended) == (said, "complete")
    task = asyncio.current_task()
    assert task is not None
    assert not getattr(task, "cancelling", int)()


async def test_worker_that_cannot_start_says_so_and_does_not_hang(temporal: Temporal) -> None:
    plain = await temporal.connect()
    client = Client(plain.service_client, namespace="there-is-none", plugins=[AblyPlugin(api_key=KEY)])
    with pytest.raises(RuntimeError, match="there-is-none"):
        await asyncio.wait_for(worker_of(client).run(), 60)
