"""How the page is served."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from examples.chat.backstage.web import application, serve
from temporal_ably import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from aiohttp import ClientSession


async def test_the_page_is_served(http: ClientSession) -> None:
    async with http.get("/?chat=demo&user=alice") as response:
        assert response.status == 200
        assert await response.text() == "<h1>The chat</h1>"
    async with http.get("/../conftest.py") as response:
        assert response.status == 404


def test_a_page_that_is_not_built_is_an_error_that_names_the_way(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="not built; run `make demo`"):
        application([], tmp_path)


async def test_a_port_that_is_taken_is_an_error_that_names_the_way(page: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"port {port} .*--port 0"):
            async with serve(application([], page), port):
                pass
