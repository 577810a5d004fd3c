from __future__ import annotations

from io import StringIO

from rich.console import Console

from temporal_ably.demo.frame import Verdict
from temporal_ably.demo.screen import Screen
from tests.demo.sessions import attempt, frame, session

_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


def _screen() -> tuple[Screen, StringIO]:
    out = StringIO()
    return Screen(Console(file=out, force_terminal=True, width=80, height=24, color_system=None)), out


def test_frames_are_drawn_in_place_and_the_settled_one_is_left_standing():
    screen, out = _screen()
    screen.show(frame(session(attempt("Hel"))))
    screen.show(frame(session(attempt("Hello"))))
    assert "Hel▌" in out.getvalue()
    assert "Hello▌" in out.getvalue()
    assert _SHOW_CURSOR not in out.getvalue()
    screen.show(frame(session(attempt("Hello world", ended="complete"), ended="complete"), settled=True))
    _, _, after = out.getvalue().partition(_SHOW_CURSOR)
    assert "Hello world" in after
    assert "✔ complete" in after


def test_an_interrupted_act_leaves_the_cursor_visible():
    screen, out = _screen()
    screen.show(frame(session(attempt("Hel"))))
    assert _HIDE_CURSOR in out.getvalue()
    screen.close()
    screen.close()
    assert out.getvalue().count(_SHOW_CURSOR) == 1


def test_lines_between_the_acts():
    screen, out = _screen()
    with screen.working("starting"):
        screen.warn("careful")
    screen.say("hello [bold]not markup[/]")
    screen.announce("A title", "What it is about")
    screen.ask("what? ")
    screen.judge(Verdict(3, 0, 0))
    screen.judge(Verdict(3, 1, 0))
    text = out.getvalue()
    for line in (
        "✔ starting",
        "! careful",
        "hello [bold]not markup[/]",
        "What it is about",
        "what? ",
        "✔ view equal",
        "✘ view NOT",
    ):
        assert line in text
