"""Runs the chat on this machine, with all that it needs: ``python -m examples.chat``, or ``make demo``."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import webbrowser
from contextlib import suppress

from examples.chat.backstage.services import PORT, Options, running
from temporal_ably import TemporalAblyError

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


def main(argv: list[str] | None = None) -> int:
    """Run the chat until Ctrl-C.

    Returns:
        The exit code: 0 after Ctrl-C, 1 if something is missing.
    """
    parser = argparse.ArgumentParser(prog="python -m examples.chat", description="A chat on Temporal and Ably.")
    parser.add_argument("--port", type=int, default=PORT, help="where to serve the page; 0: any (default: %(default)s)")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    arguments = parser.parse_args(argv)
    try:
        asyncio.run(_run(Options(port=arguments.port), open_page=not arguments.no_browser))
    except asyncio.CancelledError:
        print("\nstopped")
    except TemporalAblyError as err:
        print(err, file=sys.stderr)
        return 1
    return 0


async def _run(options: Options, *, open_page: bool) -> None:
    show = asyncio.create_task(_show(options, open_page=open_page))
    for name in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(getattr(signal, name), show.cancel)
    await show


async def _show(options: Options, *, open_page: bool) -> None:
    async with running(options, say) as chat:
        await chat.switches.worker.wait_running()
        page = f"{chat.address}?chat=demo&user=alice"
        say(f"\nThe chat:          {page}")
        say(f"for somebody else: {page.replace('alice', 'bob')}")
        say("Ctrl-C stops it.\n")
        if open_page and has_browser():
            # A page that does not open is no failure: its address is there.
            with suppress(webbrowser.Error):
                await asyncio.to_thread(webbrowser.open, page)
        await asyncio.Event().wait()


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def has_browser() -> bool:
    """Tell whether this machine can open a window. On Linux `webbrowser` would open a text browser in the terminal."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


if __name__ == "__main__":
    sys.exit(main())
