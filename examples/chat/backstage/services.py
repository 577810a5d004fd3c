"""Everything that the chat runs on, started in order and stopped in the reverse one."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr
from temporalio.client import Client

from examples.chat.api import Api
from examples.chat.backstage.model import ModelDoor
from examples.chat.backstage.network import Network
from examples.chat.backstage.switches import Switches
from examples.chat.backstage.temporal import DevServer, dev_server
from examples.chat.backstage.web import application, serve
from examples.chat.backstage.worker_process import WorkerProcess
from temporal_ably import AblySettings
from temporal_ably.demo.model import LOCAL_NAME, hosted_model, local_model
from temporal_ably.server import LocalServer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from temporal_ably.demo.model import Model

PAGE = Path(__file__).resolve().parents[1] / "web" / "dist"
PORT = 5180


@dataclass(frozen=True)
class Options:
    """What can be chosen.

    ``port`` 0 picks a free one; ``temporal`` is a server to use in place of one of our own; ``pace`` is the least time
    between two chunks of the model; ``connection_state`` is how long the local Ably keeps what a client that is away
    has missed.
    """

    port: int = PORT
    page: Path = PAGE
    temporal: DevServer | None = None
    pace: timedelta = timedelta(milliseconds=30)
    connection_state: timedelta = timedelta(minutes=2)


@dataclass(frozen=True)
class Chat:
    """The running chat. ``ably`` is None where Ably is the real one."""

    address: str
    temporal: Client
    switches: Switches
    ably: LocalServer | None


@asynccontextmanager
async def running(options: Options, say: Callable[[str], None]) -> AsyncGenerator[Chat]:
    """Run the chat until the context is left.

    Args:
        options: what was chosen.
        say: is told what is being started, a line each.

    Raises:
        SettingsError: if something is not installed, a setting is wrong, or a port is taken.
    """
    async with AsyncExitStack() as stack:
        ably = await _ably(stack, options, say)
        model = await _model(stack, say)
        door = await stack.enter_async_context(ModelDoor(model, pace=options.pace))
        server = options.temporal
        if server is None:
            say("Temporal  its dev server, on this machine")
            server = await stack.enter_async_context(dev_server())
        client = await Client.connect(server.address)
        say("Worker    in a process of its own")
        environment = {"TEMPORAL_ADDRESS": server.address, **ably.environment, **door.environment}
        worker = await stack.enter_async_context(WorkerProcess(environment))
        network = None
        if ably.server is not None:
            network = await stack.enter_async_context(Network(ably.server.endpoint))
        about = {"temporalUi": server.ui, "namespace": client.namespace, "agentClientId": ably.settings.client_id}
        switches = Switches(about, door, worker, network)
        app = application([*Api(client, ably.settings).routes, *switches.routes], options.page)
        address = await stack.enter_async_context(serve(app, options.port))
        yield Chat(address, client, switches, ably.server)


@dataclass(frozen=True)
class _Ably:
    """Where Ably is. ``server`` is the local one, if it is that."""

    settings: AblySettings
    server: LocalServer | None
    environment: Mapping[str, str]
    """What the worker must be told: nothing, where it finds the same variables as we did."""


async def _ably(stack: AsyncExitStack, options: Options, say: Callable[[str], None]) -> _Ably:
    if os.environ.get("ABLY_API_KEY"):
        settings = AblySettings()
        say(f"Ably      {settings.endpoint or 'your account'}, as ABLY_API_KEY is set")
        return _Ably(settings, None, {})
    say("Ably      a stand-in, on this machine (or set ABLY_API_KEY)")
    server = await stack.enter_async_context(LocalServer(connection_state_ttl=options.connection_state))
    environment = {"ABLY_API_KEY": server.key, "ABLY_ENDPOINT": server.endpoint, "ABLY_TLS": "0"}
    settings = AblySettings(api_key=SecretStr(server.key), endpoint=server.endpoint, tls=False)
    return _Ably(settings, server, environment)


async def _model(stack: AsyncExitStack, say: Callable[[str], None]) -> Model:
    hosted = hosted_model()
    if hosted is not None:
        say(f"Model     {hosted.name}, as OPENAI_API_KEY is set")
        return hosted
    say(f"Model     {LOCAL_NAME}, on this machine (or set OPENAI_API_KEY)")
    return await stack.enter_async_context(local_model())
