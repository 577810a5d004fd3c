"""Draws a frame with rich, for a width and a height. Pure: a frame in, something to print out.

Colours are the terminal's own sixteen, which suit light and dark themes alike; the text itself is
in the default colour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import ROUNDED
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from temporal_ably._session.model import Attempt, Step
    from temporal_ably.demo.frame import Frame

_RUNS = {
    "waiting": ("○ waiting", "yellow"),
    "running": ("● running", "cyan"),
    "complete": ("✔ complete", "green"),
    "cancelled": ("■ cancelled", "yellow"),
    "error": ("✘ failed", "red"),
}
_ATTEMPTS = {
    "": ("writing", "cyan"),
    "complete": ("done", "green"),
    "failed": ("failed", "red"),
    "cancelled": ("cancelled", "yellow"),
}
_CURSOR = "▌"
_SIDES = 4  # of a pane: a border and a space on either side
_BORDERS = 2
_LEAST_LINES = 3
_OTHER_LINES = 4 + _BORDERS + 2  # header, a pane's borders, the note and the cursor's line


def draw(frame: Frame, *, width: int, height: int | None) -> RenderableType:
    """Draw a frame.

    Args:
        frame: what to draw.
        width: columns to fill.
        height: lines to stay within, by showing the end of long texts only; ``None`` for all text.
    """
    lines = None if height is None else max(_LEAST_LINES, height - _OTHER_LINES)
    return Group(_header(frame, width), _panes(frame, width, lines), _note(frame))


def _header(frame: Frame, width: int) -> RenderableType:
    status = Text("● connected", "green") if frame.online else Text("✘ offline", "bold red")
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(style="bold")
    grid.add_column(ratio=1, overflow="ellipsis", no_wrap=True)
    grid.add_column(style="bold")
    grid.add_column()
    grid.add_row("session", frame.channel, "viewer", status)
    grid.add_row("run", Text(*_RUNS[frame.status]), "", "")
    border = "cyan" if frame.online else "red"
    return Panel(
        grid, title=Text(frame.title, "bold"), title_align="left", box=ROUNDED, width=width, border_style=border
    )


def _note(frame: Frame) -> Text:
    return Text(f" {frame.note}", "italic", no_wrap=True, overflow="ellipsis")


def _panes(frame: Frame, width: int, lines: int | None) -> RenderableType:
    steps = frame.run.steps if frame.run else ()
    if not steps:
        return Panel("", title="nothing yet", title_align="left", box=ROUNDED, width=width)
    pane, rest = divmod(width, len(steps))
    widths = [pane + (place < rest) for place in range(len(steps))]
    bodies = [_wrap(_body(step, frame), width - _SIDES) for step, width in zip(steps, widths, strict=True)]
    tallest = max(map(len, bodies))
    shown = tallest if lines is None else min(lines, tallest)
    grid = Table.grid()
    grid.add_row(
        *(_pane(step, body[-shown:], width, shown) for step, body, width in zip(steps, bodies, widths, strict=True))
    )
    return grid


def _pane(step: Step, body: list[Text], width: int, lines: int) -> Panel:
    attempt = step.canonical
    word, colour = _ATTEMPTS[attempt.ended]
    return Panel(
        Text("\n").join(body),
        title=Text(attempt.agent or step.id, "bold"),
        title_align="left",
        subtitle=Text(f"attempt {attempt.number} · {word}", colour),
        subtitle_align="right",
        box=ROUNDED,
        width=width,
        height=lines + _BORDERS,
        border_style=colour,
    )


def _body(step: Step, frame: Frame) -> Text:
    body = Text()
    for attempt in [step.canonical] if frame.settled else step.attempts:
        dead = attempt is not step.canonical or attempt.ended == "failed"
        body.append_text(_dead(attempt) if dead else Text(attempt.text.strip("\n")))
        if dead and attempt is not step.canonical:
            body.append("\n")
    if frame.online and not frame.settled and not step.canonical.ended:
        body.append(_CURSOR, "cyan")
    return body


def _dead(attempt: Attempt) -> Text:
    end = f"  ✘ attempt {attempt.number} {attempt.ended or 'replaced'}"
    return Text.assemble((attempt.text.strip("\n"), "strike red"), (end, "bold red"))


def _wrap(text: Text, width: int) -> list[Text]:
    return list(text.wrap(Console(width=width), width))
