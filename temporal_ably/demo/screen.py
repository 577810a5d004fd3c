"""The demo on a terminal: frames drawn in place, the last one of each act left standing."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.live import Live
from rich.text import Text

from temporal_ably.demo.picture import draw

if TYPE_CHECKING:
    from collections.abc import Generator

    from rich.console import Console

    from temporal_ably.demo.frame import Frame, Verdict

_WIDEST = 120


class Screen:
    """Draws frames on a terminal.

    Args:
        console: the terminal.
    """

    def __init__(self, console: Console) -> None:
        """Begin with nothing shown."""
        self._console = console
        self._live: Live | None = None

    def say(self, text: str) -> None:
        """Print a line of the demo's own."""
        self._console.print(Text(text))

    def announce(self, title: str, about: str) -> None:
        """Print what an act is about; its title stands on the frames."""
        del title
        self._console.print()
        self._console.print(Text(about, "italic"))

    def ask(self, question: str) -> None:
        """Print what the user is asked, and leave the cursor behind it."""
        self._console.print(Text(question), end="")

    @contextmanager
    def working(self, text: str) -> Generator[None]:
        """Turn a spinner while something is being done, and tick it off."""
        with self._console.status(Text(text)):
            yield
        self._console.print(Text.assemble(("✔ ", "green"), text))

    def warn(self, text: str) -> None:
        """Print a warning, above a frame that is being drawn."""
        self._console.print(Text(f"! {text}", "yellow"))

    def judge(self, verdict: Verdict) -> None:
        """Print how an act ended."""
        mark = ("✔ ", "bold green") if verdict.equal else ("✘ ", "bold red")
        self._console.print(Text.assemble(mark, (str(verdict), "bold")))

    def show(self, frame: Frame) -> None:
        """Draw a frame in place of the last one."""
        size = self._console.size
        width = min(size.width, _WIDEST)
        if frame.settled:
            self.close()
            self._console.print(draw(frame, width=width, height=None))
            return
        picture = draw(frame, width=width, height=size.height)
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True, vertical_overflow="crop")
            self._live.start()
        self._live.update(picture, refresh=True)

    def close(self) -> None:
        """Take the frame that is being drawn off the terminal."""
        if self._live is not None:
            self._live.stop()
            self._live = None
