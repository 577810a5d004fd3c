"""Writes a picture of a demo: of each act the moment before it settled, and its verdict."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from temporal_ably.demo.picture import draw

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from temporal_ably.demo.frame import Frame, Verdict, View

_WIDTH = 80


class Recorder:
    """A view that passes everything on and keeps the moments worth a picture.

    Args:
        view: the view that is looked at meanwhile.
    """

    def __init__(self, view: View) -> None:
        """Begin without a moment."""
        self._view = view
        self._moments: list[tuple[Frame, Verdict]] = []
        self._last: Frame | None = None

    def say(self, text: str) -> None:
        """Pass on."""
        self._view.say(text)

    def announce(self, title: str, about: str) -> None:
        """Pass on."""
        self._view.announce(title, about)

    def ask(self, question: str) -> None:
        """Pass on."""
        self._view.ask(question)

    def working(self, text: str) -> AbstractContextManager[None]:
        """Pass on."""
        return self._view.working(text)

    def warn(self, text: str) -> None:
        """Pass on."""
        self._view.warn(text)

    def show(self, frame: Frame) -> None:
        """Keep the last frame of an act in which something was still being written."""
        steps = frame.run.steps if frame.run else ()
        if any(not step.canonical.ended for step in steps):
            self._last = frame
        self._view.show(frame)

    def judge(self, verdict: Verdict) -> None:
        """Keep the act."""
        if self._last is not None:
            self._moments.append((self._last, verdict))
            self._last = None
        self._view.judge(verdict)

    def close(self) -> None:
        """Pass on."""
        self._view.close()

    def save(self, path: Path) -> None:
        """Write an SVG file."""
        console = Console(width=_WIDTH, record=True, file=StringIO(), force_terminal=True, color_system="standard")
        for place, (frame, verdict) in enumerate(self._moments):
            if place:
                console.print()
            console.print(draw(frame, width=_WIDTH, height=None))
            console.print(
                Text.assemble(("✔ " if verdict.equal else "✘ ", "bold green"), (f"at its end: {verdict}", "bold"))
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        console.save_svg(str(path), title="temporal-ably demo")
