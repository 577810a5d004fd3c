"""ably-js in Node, for the tests of the server."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.real_parts import SCRIPTS
from tests.server.node import JsClients

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator


@pytest.fixture(scope="session")
def js_node() -> Generator[JsClients]:
    clients = JsClients(shutil.which("node", path=SCRIPTS) or "node")
    yield clients
    clients.node.stop()


@pytest.fixture
async def js(js_node: JsClients) -> AsyncGenerator[JsClients]:
    yield js_node
    await js_node.close_all()
