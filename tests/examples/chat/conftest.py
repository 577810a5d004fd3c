"""The chat, whole: its web server and its worker, on the tests' Temporal server and a model that they control."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from aiohttp import ClientSession

from examples.chat.backstage.services import Options, running
from examples.chat.backstage.temporal import DevServer
from tests.examples.chat.stand_in import StandIn

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from examples.chat.backstage.services import Chat
    from tests.real_parts import Temporal


@pytest.fixture
async def model() -> AsyncGenerator[StandIn]:
    async with StandIn() as model:
        yield model


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A page that is built at once."""
    (tmp_path / "index.html").write_text("<h1>The chat</h1>", encoding="utf-8")
    return tmp_path


@pytest.fixture
async def chat(temporal: Temporal, model: StandIn, page: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Chat]:
    for name, value in model.environment.items():
        monkeypatch.setenv(name, value)
    options = Options(port=0, page=page, temporal=DevServer(temporal.address), pace=timedelta(0))
    async with running(options, print) as chat:
        yield chat


@pytest.fixture
async def http(chat: Chat) -> AsyncGenerator[ClientSession]:
    """A client of the chat's API."""
    async with ClientSession(chat.address) as session:
        yield session
