from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from temporal_ably._session.model import Session
from temporal_ably.demo.picture import draw
from tests.demo.sessions import attempt, frame, session

if TYPE_CHECKING:
    from temporal_ably.demo.frame import Frame

_LONG = " ".join(f"word{count}" for count in range(900))


def _print(shown: Frame, *, width: int = 80, height: int | None = 24, styles: bool = False) -> str:
    console = Console(width=width, record=True, file=StringIO(), force_terminal=True, color_system="standard")
    console.print(draw(shown, width=width, height=height))
    return console.export_text(styles=styles)


def test_a_frame_names_session_run_and_connection():
    lines = _print(frame(session(attempt("Hello")), note="a note")).splitlines()
    assert "1 of 4 · An act" in lines[0]
    assert "ai:demo-1" in lines[1]
    assert "● connected" in lines[1]
    assert "● running" in lines[2]
    assert "answer" in lines[4]
    assert "Hello▌" in lines[5]
    assert "attempt 1 · writing" in lines[6]
    assert "a note" in lines[7]


def test_an_offline_viewer_is_shown_as_such_and_without_a_cursor():
    text = _print(frame(session(attempt("Hello")), online=False))
    assert "✘ offline" in text
    assert "▌" not in text


def test_before_anything_came_there_is_an_empty_pane():
    assert "nothing yet" in _print(frame(Session()))


def test_dead_text_is_struck_out_and_goes_when_the_act_settles():
    shown = session(attempt("wrong", ended="failed", dead_by=2), attempt("right", number=2))
    live = _print(frame(shown), styles=True)
    assert "\x1b[9;31mwrong\x1b[0m" in live
    assert "✘ attempt 1 failed" in live
    settled = _print(frame(shown, settled=True))
    assert "wrong" not in settled
    assert "right" in settled


def test_text_of_a_failed_attempt_is_struck_out_before_it_is_replaced():
    assert "\x1b[9;31mwrong\x1b[0m" in _print(frame(session(attempt("wrong", ended="failed"))), styles=True)


def test_agents_stand_side_by_side():
    shown = session(*(attempt(name.lower(), agent=name) for name in ("Historian", "Scientist", "Poet")))
    lines = _print(frame(shown)).splitlines()
    assert all(name in lines[4] for name in ("Historian", "Scientist", "Poet"))
    assert all(text in lines[5] for text in ("historian", "scientist", "poet"))


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (40, 12)])
@pytest.mark.parametrize("agents", [1, 3])
def test_a_live_frame_stays_within_the_terminal_and_shows_the_end_of_the_text(width: int, height: int, agents: int):
    shown = session(*(attempt(_LONG, agent=f"agent{count}") for count in range(agents)))
    lines = _print(frame(shown), width=width, height=height).splitlines()
    assert len(lines) < height
    assert max(map(len, lines)) <= width
    assert any("word899" in line for line in lines)
    assert not any("word0 " in line for line in lines)


def test_a_settled_frame_shows_the_whole_text():
    text = _print(frame(session(attempt(_LONG, ended="complete"), ended="complete"), settled=True), height=None)
    assert "word0 " in text
    assert "word899" in text
