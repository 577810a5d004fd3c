"""The real things that tests run against: Temporal's dev server, the local Ably server, Ably's own client.

The dev server and the Node process are started once and serve every test; what a test opens is closed after it.
``conftest.py`` makes the fixtures known everywhere.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sysconfig
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from temporalio.client import Client

from temporal_ably.server import LocalServer
from tests.end_to_end.chat import Chats
from tests.end_to_end.checkpoints import ADDRESS, Checkpoints
from tests.end_to_end.processes import Workers
from tests.end_to_end.stage import Stage, new_name
from tests.end_to_end.viewer import Viewers

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Sequence

    from temporalio.client import Interceptor

SCRIPTS = sysconfig.get_path("scripts")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass(frozen=True)
class Temporal:
    """A running dev server; `address` is for workers in other processes."""

    address: str

    async def connect(self, interceptors: Sequence[Interceptor] = ()) -> Client:
        """Return a new client of the current event loop."""
        return await Client.connect(self.address, interceptors=interceptors)


@pytest.fixture(scope="session")
def temporal() -> Generator[Temporal]:
    # Not `WorkflowEnvironment.start_local`: to stop that server is the last call into the Temporal SDK, and an
    # interpreter that ends right after such a call may abort (PyGILState_Release, seen with temporalio 1.35 and 3.11).
    address = f"127.0.0.1:{free_port()}"
    binary = shutil.which("temporal", path=SCRIPTS) or "temporal"
    arguments = ["server", "start-dev", "--headless", "--port", address.rpartition(":")[2], "--log-level", "error"]
    with subprocess.Popen([binary, *arguments], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        assert any(line.startswith("Temporal Server:") for line in process.stdout), "the dev server did not start"
        yield Temporal(address)
        process.terminate()


@pytest.fixture
async def local_server() -> AsyncGenerator[LocalServer]:
    async with LocalServer() as server:
        yield server


@pytest.fixture(scope="session")
def node_viewers() -> Generator[Viewers]:
    node = shutil.which("node", path=SCRIPTS) or "node"
    with Viewers(node) as viewers:
        yield viewers


@pytest.fixture
async def viewers(node_viewers: Viewers) -> AsyncGenerator[Viewers]:
    yield node_viewers
    await node_viewers.close_all()


@pytest.fixture(scope="session")
def node_chats() -> Generator[Chats]:
    node = shutil.which("node", path=SCRIPTS) or "node"
    with Chats(node) as chats:
        yield chats


@pytest.fixture
async def chats(node_chats: Chats) -> AsyncGenerator[Chats]:
    yield node_chats
    await node_chats.close_all()


@pytest.fixture
async def stage(temporal: Temporal, local_server: LocalServer, viewers: Viewers) -> Stage:
    return Stage(await temporal.connect(), local_server, viewers, new_name())


@pytest.fixture
async def checkpoints(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Checkpoints]:
    async with Checkpoints() as opened:
        monkeypatch.setenv(ADDRESS, opened.address)
        yield opened


@pytest.fixture
async def workers(stage: Stage, checkpoints: Checkpoints) -> AsyncGenerator[Workers]:
    started = Workers(stage, {ADDRESS: checkpoints.address})
    yield started
    await started.kill_all()
