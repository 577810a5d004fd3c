from __future__ import annotations

import asyncio
import logging
import os
import signal
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from temporal_ably.demo import acts, app
from temporal_ably.demo.frame import Verdict
from temporal_ably.demo.services import Tempo

if TYPE_CHECKING:
    from pathlib import Path

    from temporal_ably.demo.acts import Act, Stage

_TEMPO = Tempo(max_tokens=12, pace=timedelta(0))


def test_one_act_as_plain_lines(capfd: pytest.CaptureFixture[str], tmp_path: Path):
    picture = tmp_path / "demo.svg"
    code = app.run(app.Options(acts=(1,), prompt="Say hello.", plain=True, record=picture, tempo=_TEMPO))
    out, err = capfd.readouterr()
    assert code == 0
    assert err == ""
    assert out.startswith("temporal-ably demo")
    assert "answer: attempt 1 complete\nrun: complete\nok: view equal" in out
    assert "Temporal Server:" not in out
    assert picture.read_text(encoding="utf-8").startswith("<svg")


def test_a_view_that_differs_is_exit_code_1(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    def differ(*_: object) -> Verdict:
        return Verdict(5, 1, 0)

    monkeypatch.setattr(acts, "compare", differ)
    assert app.run(app.Options(acts=(1,), plain=True, tempo=_TEMPO)) == 1
    assert "FAILED: view NOT equal" in capfd.readouterr().out


def test_a_wrong_setting_is_one_line_and_exit_code_1(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ABLY_API_KEY", "nonsense")
    assert app.run(app.Options(plain=True)) == 1
    out, err = capfd.readouterr()
    assert "\nwarning: unable to use ABLY_API_KEY; " in out
    assert err == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda each: each.name)
def test_a_signal_stops_everything(
    number: signal.Signals, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    async def play(act: Act, stage: Stage, *, title: str, prompt: str) -> Verdict:
        os.kill(os.getpid(), number)
        await asyncio.Event().wait()
        raise AssertionError(act, stage, title, prompt)

    before = signal.getsignal(number)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    monkeypatch.setattr(app, "play", play)
    assert app.run(app.Options(acts=(1,), plain=True)) == 130
    assert signal.getsignal(number) is before
    assert "stopping ..." in capfd.readouterr().out


def test_own_warnings_are_shown_and_those_of_others_are_not(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    async def warn(*_: object, **__: object) -> int:
        logging.getLogger("temporal_ably").warning("%s is wrong", "something")
        logging.getLogger("temporalio").warning("noise")
        return 0

    monkeypatch.setattr(app, "_run", warn)
    assert app.run(app.Options(plain=True)) == 0
    out, err = capfd.readouterr()
    assert out == "warning: something is wrong\n"
    assert err == ""
