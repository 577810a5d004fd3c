"""The terminal: who may write to it, when it echoes what is typed, and how a line is read from it."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

try:
    import termios
except ImportError:  # Windows
    termios = None

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def claimed_stdout() -> Generator[TextIO]:
    """Keep standard output for the caller alone.

    Temporal's dev server greets on it, and a picture that is drawn in place does not bear that.
    """
    sys.stdout.flush()
    own, null = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
    try:
        with os.fdopen(own, "w", encoding=sys.stdout.encoding, errors="replace", closefd=False) as out:
            yield out
    finally:
        os.dup2(own, 1)
        os.close(own)


@contextmanager
def keys_ignored() -> Generator[None]:
    """Neither show nor keep what is typed: it would tear the picture, and answer the next question."""
    if termios is None or not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    silent = [*before]
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, silent)
    try:
        yield
    finally:
        # Throws away what was typed, too.
        termios.tcsetattr(sys.stdin, termios.TCSAFLUSH, before)


async def read_line() -> str:
    """Read a line from standard input, without the white space around it; empty at its end.

    A daemon thread waits for it, so that an interrupted demo need not wait for the Enter key.
    """
    loop = asyncio.get_running_loop()
    line: asyncio.Future[str] = loop.create_future()

    def settle(text: str) -> None:
        if not line.done():
            line.set_result(text)

    def read() -> None:
        text = sys.stdin.readline()
        loop.call_soon_threadsafe(settle, text)

    threading.Thread(target=read, name="keyboard", daemon=True).start()
    return (await line).strip()
