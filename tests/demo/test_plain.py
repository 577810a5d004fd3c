from __future__ import annotations

from io import StringIO

from temporal_ably._session.model import Session
from temporal_ably.demo.frame import Verdict
from temporal_ably.demo.plain import PlainView
from tests.demo.sessions import attempt, frame, session


def _view() -> tuple[PlainView, StringIO]:
    out = StringIO()
    return PlainView(out), out


def test_an_act_as_lines():
    view, out = _view()
    view.announce("1 of 4 · An act", "What it is about.")
    view.show(frame(Session()))
    view.show(frame(session(attempt("Hel"))))
    view.show(frame(session(attempt("Hello\nworld"))))
    view.show(frame(session(attempt("Hello\nworld", ended="complete"), ended="complete"), settled=True))
    view.judge(Verdict(11, 0, 0))
    assert out.getvalue().splitlines() == [
        "",
        "== 1 of 4 · An act",
        "What it is about.",
        "session: ai:demo-1",
        "viewer: connected",
        "run: waiting",
        "run: running",
        "answer: attempt 1 writing",
        "answer| Hello",
        "answer| world",
        "answer: attempt 1 complete",
        "run: complete",
        "ok: view equal to the workflow's result: 11 characters, lost 0, doubled 0",
    ]


def test_a_failed_attempt_and_its_retry_as_lines():
    view, out = _view()
    view.show(frame(session(attempt("wrong", ended="failed"))))
    dead = attempt("wrong", ended="failed", dead_by=2)
    view.show(frame(session(dead, attempt("right", number=2)), note="a note"))
    view.show(frame(session(dead, attempt("right", number=2, ended="complete"), ended="complete")))
    lines = out.getvalue().splitlines()
    assert lines[lines.index("answer| wrong") :] == [
        "answer| wrong",
        "answer: attempt 1 failed, 5 characters struck out",
        "answer: attempt 2 writing",
        "note: a note",
        "answer| right",
        "answer: attempt 2 complete",
        "run: complete",
    ]


def test_growing_text_is_written_in_whole_lines_and_each_word_once():
    view, out = _view()
    words = [f"word{count}" for count in range(60)]
    for count in range(len(words) + 1):
        view.show(frame(session(attempt(" ".join(words[:count])))))
    view.show(frame(session(attempt(" ".join(words), ended="complete"))))
    lines = [line.removeprefix("answer| ") for line in out.getvalue().splitlines() if line.startswith("answer| ")]
    assert " ".join(lines).split() == words
    assert len(lines) < 8
    assert max(map(len, lines)) <= 78


def test_text_that_was_replaced_is_written_anew():
    view, out = _view()
    view.show(frame(session(attempt("one\n"))))
    view.show(frame(session(attempt("two\n"))))
    assert [line for line in out.getvalue().splitlines() if "|" in line] == ["answer| one", "answer| two"]


def test_a_lost_connection_is_a_line():
    view, out = _view()
    view.show(frame(session(attempt("x"))))
    view.show(frame(session(attempt("x")), online=False))
    view.show(frame(session(attempt("x"))))
    assert [line for line in out.getvalue().splitlines() if line.startswith("viewer")] == [
        "viewer: connected",
        "viewer: offline",
        "viewer: connected",
    ]


def test_what_is_not_an_act_is_a_line_of_its_own():
    view, out = _view()
    with view.working("starting"):
        view.warn("careful")
    view.ask("what?")
    view.judge(Verdict(3, 1, 0))
    view.close()
    assert out.getvalue().splitlines() == [
        "starting ...",
        "warning: careful",
        "what?",
        "FAILED: view NOT equal to the workflow's result: 3 characters, lost 1, doubled 0",
    ]
