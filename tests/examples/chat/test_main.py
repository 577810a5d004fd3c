"""The whole chat as `make demo` runs it: one program, which takes all that it started with it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiohttp import ClientConnectionError, ClientSession

from examples.chat import __main__ as program

if TYPE_CHECKING:
    from tests.examples.chat.stand_in import StandIn

ROOT = Path(__file__).resolve().parents[3]


async def test_it_prints_its_address_and_ctrl_c_ends_all_that_it_started(model: StandIn) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.chat", "--port", "0", "--no-browser"),
        cwd=ROOT,
        env=os.environ | model.environment,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    printed = ""
    while "Ctrl-C" not in printed:
        line = await process.stdout.readline()
        assert line, printed
        printed += line.decode()
    address = re.findall(r"(http://127.0.0.1:\d+/)\?chat=demo&user=(\w+)", printed)
    assert [user for _, user in address] == ["alice", "bob"]
    async with ClientSession(address[0][0]) as http:
        async with http.get("/", params={"chat": "demo", "user": "alice"}) as response:
            assert "<script" in await response.text()
        async with http.get("/api/config", params={"user": "alice"}) as response:
            temporal_ui = (await response.json())["temporalUi"]
        async with http.get(temporal_ui) as response:
            assert response.status == 200
        process.send_signal(signal.SIGINT)
        # Its children hold its standard output, too: it ends when the last of them has.
        rest = (await process.stdout.read()).decode()
        assert rest.endswith("stopped\n")
        assert await process.wait() == 0
        with pytest.raises(ClientConnectionError):
            await http.get(temporal_ui)


def test_a_wrong_setting_is_one_line_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ABLY_API_KEY", "nonsense")
    assert program.main(["--port", "0", "--no-browser"]) == 1
    assert capsys.readouterr().err.startswith("unable to use ABLY_API_KEY; ")


@pytest.mark.parametrize(
    ("platform", "variable", "there"),
    [
        ("linux", "NOTHING", False),
        ("linux", "DISPLAY", True),
        ("linux", "WAYLAND_DISPLAY", True),
        ("darwin", "NOTHING", True),
        ("win32", "NOTHING", True),
    ],
)
def test_a_window_is_opened_only_where_there_can_be_one(
    monkeypatch: pytest.MonkeyPatch, platform: str, variable: str, *, there: bool
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, ":0")
    assert program.has_browser() is there
