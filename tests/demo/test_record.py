from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING
from unittest.mock import Mock

from temporal_ably.demo.frame import Verdict, View
from temporal_ably.demo.record import Recorder
from tests.demo.sessions import attempt, frame, session

if TYPE_CHECKING:
    from pathlib import Path


def test_the_picture_shows_each_act_while_something_was_being_written(tmp_path: Path):
    recorder = Recorder(Mock(spec=View))
    for text in ("First", "Second"):
        recorder.show(frame(session(attempt(f"{text}-half"))))
        recorder.show(frame(session(attempt(f"{text}-whole", ended="complete"))))
        recorder.show(frame(session(attempt(f"{text}-whole", ended="complete"), ended="complete"), settled=True))
        recorder.judge(Verdict(5, 0, 0))
    file = tmp_path / "docs" / "demo.svg"
    recorder.save(file)
    svg = file.read_text(encoding="utf-8")
    assert svg.startswith("<svg")
    assert "First-half" in svg
    assert "Second-half" in svg
    assert "whole" not in svg
    assert svg.count("5&#160;characters") == 2


def test_everything_is_passed_on():
    view = Mock(spec=View)
    view.working.return_value = nullcontext()
    recorder = Recorder(view)
    shown, verdict = frame(session(attempt("x"))), Verdict(1, 0, 0)
    recorder.say("a")
    recorder.announce("b", "c")
    recorder.ask("d")
    recorder.warn("e")
    recorder.show(shown)
    recorder.judge(verdict)
    recorder.close()
    with recorder.working("f"):
        view.working.assert_called_once_with("f")
    view.say.assert_called_once_with("a")
    view.announce.assert_called_once_with("b", "c")
    view.ask.assert_called_once_with("d")
    view.warn.assert_called_once_with("e")
    view.show.assert_called_once_with(shown)
    view.judge.assert_called_once_with(verdict)
    view.close.assert_called_once_with()
