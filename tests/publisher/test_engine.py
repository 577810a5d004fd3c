from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from temporal_ably._transport.secrets import ENGINE_THREAD
from tests.publisher.fake import WAIT_S

if TYPE_CHECKING:
    from temporal_ably._publisher.engine import Engine

DRAINS_AT_EXIT = """
import asyncio
from temporal_ably._publisher.engine import engine

async def drain(name):
    await asyncio.sleep(0)
    print(name)

engine().on_exit(lambda: drain("first"))
engine().on_exit(lambda: drain("second"))
print("main")
"""

FORKS = """
import os, sys
from temporal_ably._publisher.engine import engine

async def name():
    return "ran"

async def drain():
    print("drained", flush=True)

parent = engine()
parent.on_exit(drain)
assert engine() is parent
child = os.fork()
if child == 0:
    own = engine()
    print("child", own is not parent, own.submit(name()).result(10), flush=True)
    sys.exit(0)
_, status = os.waitpid(child, 0)
print("parent", os.waitstatus_to_exitcode(status), parent.submit(name()).result(10))
"""


def run(program: str) -> str:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout


async def _where() -> tuple[str, asyncio.AbstractEventLoop]:
    return threading.current_thread().name, asyncio.get_running_loop()


def test_work_runs_on_the_engines_own_thread_and_loop(engine: Engine) -> None:
    assert engine.submit(_where()).result(WAIT_S) == (ENGINE_THREAD, engine.loop)


def test_function_is_called_on_the_engines_thread(engine: Engine) -> None:
    called: Future[str] = Future()
    engine.call(lambda: called.set_result(threading.current_thread().name))
    assert called.result(WAIT_S) == ENGINE_THREAD


def test_engine_thread_does_not_keep_the_process_alive(engine: Engine) -> None:
    [thread] = [thread for thread in threading.enumerate() if thread is engine._thread]
    assert thread.daemon


def test_engine_drains_before_the_process_exits_last_added_first() -> None:
    assert run(DRAINS_AT_EXIT).split() == ["main", "second", "first"]


def test_forked_child_gets_an_engine_of_its_own_and_can_exit() -> None:
    assert run(FORKS).splitlines() == ["child True ran", "parent 0 ran", "drained"]


FAILS_AT_EXIT = """
from temporal_ably._publisher.engine import engine

async def drain():
    print("drained")

async def fail():
    raise RuntimeError("broken")

engine().on_exit(drain)
engine().on_exit(fail)
"""


def test_drain_that_fails_at_exit_keeps_no_other_from_its_turn() -> None:
    assert run(FAILS_AT_EXIT).split() == ["drained"]
