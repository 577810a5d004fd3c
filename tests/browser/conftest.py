"""The whole chat, its page included, in headless Chromium; the model's words are known."""

from __future__ import annotations

import os
import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from examples.chat.backstage.services import PAGE, Options, running
from examples.chat.backstage.temporal import DevServer
from tests.browser.pages import SCRIPT, Browser
from tests.end_to_end.node_process import NodeProcess
from tests.end_to_end.stage import new_name
from tests.examples.chat.stand_in import StandIn
from tests.real_parts import SCRIPTS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from examples.chat.backstage.services import Chat
    from tests.browser.pages import Page
    from tests.real_parts import Temporal


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium")
    if found is None and not os.environ.get("CI"):
        pytest.skip("there is no Chromium on this machine; install Debian's package `chromium`")
    assert found, "Chromium must be there in CI; .ci/run installs it"
    assert (PAGE / "index.html").is_file(), "the chat's page is not built; run `make setup`"
    return found


@pytest.fixture(scope="session")
def browser_node(chromium: str) -> Generator[NodeProcess]:
    assert chromium
    node = NodeProcess(shutil.which("node", path=SCRIPTS) or "node", SCRIPT)
    yield node
    node.stop()


@pytest.fixture
async def model(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[StandIn]:
    async with StandIn() as model:
        for name, value in model.environment.items():
            monkeypatch.setenv(name, value)
        yield model


@pytest.fixture
def connection_state() -> timedelta:
    """How long the local Ably keeps what a client that is away has missed; tests set it by parametrization."""
    return timedelta(minutes=2)


@pytest.fixture
async def chat(temporal: Temporal, model: StandIn, connection_state: timedelta) -> AsyncGenerator[Chat]:
    assert model
    options = Options(
        port=0, temporal=DevServer(temporal.address), pace=timedelta(0), connection_state=connection_state
    )
    async with running(options, print) as chat:
        await chat.switches.worker.wait_running()
        yield chat


@pytest.fixture
async def browser(browser_node: NodeProcess, chromium: str, chat: Chat) -> AsyncGenerator[Browser]:
    browser = Browser(browser_node, chromium, chat.address, new_name())
    yield browser
    await browser.close()


@pytest.fixture
async def alice(browser: Browser) -> Page:
    return await browser.open("alice")


@pytest.fixture
async def bob(browser: Browser) -> Page:
    return await browser.open("bob")
