"""Puts the demo together: the view, what it runs on, and the acts."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console
from temporalio.client import WorkflowFailureError

from temporal_ably.demo.acts import ACTS, play
from temporal_ably.demo.plain import PlainView
from temporal_ably.demo.record import Recorder
from temporal_ably.demo.screen import Screen
from temporal_ably.demo.services import Tempo, services
from temporal_ably.demo.terminal import claimed_stdout, keys_ignored, read_line
from temporal_ably.errors import TemporalAblyError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from temporal_ably.demo.acts import Act, Stage
    from temporal_ably.demo.frame import View

_WELCOME = "temporal-ably demo: a real model, a real Temporal server, a viewer of its own\n"


@dataclass(frozen=True)
class Options:
    """What the command line says. ``acts`` are numbers from 1."""

    acts: tuple[int, ...] = (1, 2, 3, 4)
    prompt: str | None = None
    plain: bool = False
    pause: bool = True
    record: Path | None = None
    tempo: Tempo = field(default_factory=Tempo)


class _Warnings(logging.Handler):
    """Shows our own warnings in the view; everybody else's would tear the picture apart."""

    def __init__(self, view: View) -> None:
        super().__init__(logging.WARNING)
        self._view = view

    def emit(self, record: logging.LogRecord) -> None:
        self._view.warn(record.getMessage())


def run(options: Options) -> int:
    """Run the demo.

    Returns:
        The exit code: 0 if every viewer saw what its workflow returned, else 1; 130 after Ctrl-C.
    """
    terminal = sys.stdout.isatty() and not options.plain
    interactive = terminal and options.pause and sys.stdin.isatty()
    with claimed_stdout() as out:
        recorder = Recorder(Screen(Console(file=out)) if terminal else PlainView(out))
        with _quiet(recorder):
            try:
                code = asyncio.run(_run(options, recorder, interactive=interactive))
            except KeyboardInterrupt:
                return 130
            except (TemporalAblyError, WorkflowFailureError) as err:
                recorder.warn(str(err))
                return 1
            finally:
                recorder.close()
    if options.record is not None:
        recorder.save(options.record)
    return code


@contextmanager
def _quiet(view: View) -> Generator[None]:
    """Keep the logs of everybody off the terminal, but for our own warnings."""
    handlers = {"temporal_ably": _Warnings(view), "": logging.NullHandler()}
    for name, handler in handlers.items():
        logging.getLogger(name).addHandler(handler)
    try:
        yield
    finally:
        for name, handler in handlers.items():
            logging.getLogger(name).removeHandler(handler)


async def _run(options: Options, view: View, *, interactive: bool) -> int:
    view.say(_WELCOME)
    with _ends_like_ctrl_c():
        return await _play_all(options, view, interactive=interactive)


async def _play_all(options: Options, view: View, *, interactive: bool) -> int:
    async with services(view, options.tempo) as stage:
        equal = True
        for number in options.acts:
            act = ACTS[number - 1]
            title = f"{number} of {len(ACTS)} · {act.title}"
            view.announce(title, act.about)
            prompt = options.prompt or act.prompt
            if interactive:
                view.ask(f'Enter for "{prompt}", or your own: ')
                prompt = await read_line() or prompt
            equal &= await _play(act, stage, title, prompt)
        if interactive:
            equal &= await _converse(stage)
    return 0 if equal else 1


async def _converse(stage: Stage) -> bool:
    equal = True
    while True:
        stage.view.ask("\nAsk anything, or leave with Enter: ")
        prompt = await read_line()
        if not prompt:
            return equal
        equal &= await _play(ACTS[0], stage, "Your question", prompt)


async def _play(act: Act, stage: Stage, title: str, prompt: str) -> bool:
    try:
        with keys_ignored():
            return (await play(act, stage, title=title, prompt=prompt)).equal
    except (asyncio.CancelledError, KeyboardInterrupt):  # Python 3.10 may raise the latter right here
        stage.view.close()
        stage.view.say("stopping ...")
        raise


@contextmanager
def _ends_like_ctrl_c() -> Generator[None]:
    """Stop as cleanly when the process is told to end, or its terminal goes: nothing may be left running."""
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, signal.getsignal(signal.SIGINT)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
