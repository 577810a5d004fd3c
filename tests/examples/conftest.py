"""The plain client in Node, and what it runs against."""

from __future__ import annotations

import os
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.examples.plain_client import PlainClient
from tests.real_parts import SCRIPTS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "plain-client"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        del format, args


@pytest.fixture(scope="session")
def plain_node() -> Generator[PlainClient]:
    client = PlainClient(shutil.which("node", path=SCRIPTS) or "node")
    yield client
    client.node.stop()


@pytest.fixture
async def plain(plain_node: PlainClient) -> AsyncGenerator[PlainClient]:
    yield plain_node
    await plain_node.close_all()


@pytest.fixture
def chromium() -> str:
    found = shutil.which("chromium")
    if found is None and not os.environ.get("CI"):
        pytest.skip("there is no Chromium on this machine; install Debian's package `chromium`")
    assert found, "Chromium must be there in CI; .ci/run installs it"
    return found


@pytest.fixture
def page_address() -> Generator[str]:
    handler = partial(_Quiet, directory=str(FOLDER))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()
