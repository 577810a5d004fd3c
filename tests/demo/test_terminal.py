from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios

import pytest

from temporal_ably.demo import terminal
from temporal_ably.demo.terminal import claimed_stdout, keys_ignored, read_line


def test_what_others_print_does_not_reach_the_claimed_output(capfd: pytest.CaptureFixture[str]):
    with claimed_stdout() as out:
        subprocess.run([sys.executable, "-c", "print('a greeting')"], check=True)
        out.write("a picture\n")
    subprocess.run([sys.executable, "-c", "print('free again')"], check=True)
    assert capfd.readouterr().out == "a picture\nfree again\n"


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch):
    """A terminal whose other end types."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "r") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield ours
    os.close(ours)


async def test_a_line_is_read_without_its_white_space(keyboard: int):
    os.write(keyboard, b"  a question \n")
    assert await read_line() == "a question"


async def test_the_end_of_input_is_an_empty_line(keyboard: int):
    os.write(keyboard, b"\x04")
    assert await read_line() == ""


def test_keys_are_not_shown_meanwhile_and_shown_again_afterwards(keyboard: int):
    def echoes() -> bool:
        return bool(termios.tcgetattr(keyboard)[3] & termios.ECHO)

    def interrupted() -> None:
        with keys_ignored():
            assert not echoes()
            raise KeyboardInterrupt

    assert echoes()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert echoes()


async def test_what_was_typed_meanwhile_does_not_answer_the_next_question(keyboard: int):
    with keys_ignored():
        os.write(keyboard, b"impatient\n")
        # The terminal hands over what is typed a moment later.
        assert select.select([sys.stdin], [], [], 30)[0]
    os.write(keyboard, b"an answer\n")
    assert await read_line() == "an answer"


def test_where_there_is_no_terminal_keys_are_left_alone(monkeypatch: pytest.MonkeyPatch):
    with open(os.devnull) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        with keys_ignored():
            pass
    monkeypatch.setattr(terminal, "termios", None)
    with keys_ignored():
        pass
