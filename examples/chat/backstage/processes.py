"""Other programs: what they print, and how they are ended."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

_STOP_TIMEOUT_S = 10.0
# Linux ends a program that has asked for it when its parent dies, even of SIGKILL; the order outlives `exec`.
_BOUND = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
os.execvp(sys.argv[1], sys.argv[1:])
"""


async def start(*command: str, environment: Mapping[str, str] | None = None) -> asyncio.subprocess.Process:
    """Start a program whose output we read.

    It is in a session of its own, so that a Ctrl-C reaches it through us, once; and it does not outlive us.
    """
    bound = (sys.executable, "-c", _BOUND, *command) if sys.platform == "linux" else command
    return await asyncio.create_subprocess_exec(
        *bound, env=environment, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )


async def lines(process: asyncio.subprocess.Process) -> AsyncGenerator[str]:
    """Give what a program prints, a line at a time, until it ends."""
    if process.stdout is not None:
        async for line in process.stdout:
            yield line.decode(errors="replace")


async def stop(process: asyncio.subprocess.Process) -> None:
    """Ask a program to end, and see that it does."""
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_TIMEOUT_S)
    except asyncio.TimeoutError:
        process.kill()
        await process.wait()
