"""The fixtures in test suites of their own, as pytest finds them in an environment that has the package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.real_parts import Temporal

pytest_plugins = ["pytester"]

GREETING = Path(__file__).with_name("greeting.py").read_text()
IMPORTS = """
import asyncio
import os
import pytest
from temporalio.client import Client
from temporal_ably import AblyInterceptor
from temporal_ably.testing import AblyRecorder, ServerThread
from greeting import greeting

async def client() -> Client:
    return await Client.connect(os.environ["TEMPORAL_TEST_ADDRESS"])
"""
CHECK = """
    assert (await ably_recorder.wait_ended("ai:ID")).text == "Hello, Ada!"
    assert [each.attempt for each in ably_recorder.superseded] == [1]
"""
RECORDED = (
    """
async def test_NAME(ably_recorder: AblyRecorder) -> None:
    await greeting(await client(), AblyInterceptor(recorder=ably_recorder), "ID")
"""
    + CHECK
)
SYNC = """
def test_NAME(ably_recorder: AblyRecorder) -> None:
    async def act() -> None:
        await greeting(await client(), AblyInterceptor(recorder=ably_recorder), "ID")
    asyncio.run(act())
    assert ably_recorder.session("ai:ID").text == "Hello, Ada!"
"""
SERVED = """
async def test_NAME(ably_server: ServerThread) -> None:
    async with AblyInterceptor() as ably:
        await greeting(await client(), ably, "ID")
    texts = [each.part.text for each in ably_server.envelopes("ai:ID") if each.part and each.part.kind == "text"]
    assert texts == ["Bye, ", "Hello, Ada!"]
"""
BARE = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-W", "error")
NO_ASYNCIO = (*BARE, "-p", "no:asyncio")
ASYNCIO = (*BARE, "-o", "asyncio_default_fixture_loop_scope=function")


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, temporal: Temporal) -> pytest.Pytester:
    """A folder for a test suite whose workflows run on the dev server."""
    monkeypatch.setenv("TEMPORAL_TEST_ADDRESS", temporal.address)
    pytester.makepyfile(greeting=GREETING)
    return pytester


def written(suite: pytest.Pytester, *tests: str, mark: str = "") -> None:
    """Write tests into the suite, async ones marked; ids are unique, since all run on one Temporal server."""
    made: list[str] = []
    for number, test in enumerate(tests):
        text = test.strip().replace("NAME", str(number)).replace("ID", f"{suite.path.name}-{number}")
        made.append(mark + text if text.startswith("async") else text)
    suite.makepyfile(test_it="\n\n".join([IMPORTS, *made]))


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_fixtures_serve_pytest_asyncio_in_both_modes(suite: pytest.Pytester, mode: str) -> None:
    written(suite, RECORDED, SERVED, SYNC, mark="@pytest.mark.asyncio\n" if mode == "strict" else "")
    suite.runpytest_subprocess(*ASYNCIO, "-o", f"asyncio_mode={mode}").assert_outcomes(passed=3)


def test_fixtures_serve_anyio(suite: pytest.Pytester) -> None:
    written(
        suite, RECORDED, SERVED, mark="@pytest.mark.anyio\n@pytest.mark.parametrize('anyio_backend', ['asyncio'])\n"
    )
    suite.runpytest_subprocess(*NO_ASYNCIO).assert_outcomes(passed=2)


def test_fixtures_serve_a_test_that_starts_its_own_loop_without_any_plugin(suite: pytest.Pytester) -> None:
    written(suite, SYNC)
    suite.runpytest_subprocess(*NO_ASYNCIO, "-p", "no:anyio").assert_outcomes(passed=1)


def test_fixtures_serve_xdist(suite: pytest.Pytester) -> None:
    written(suite, RECORDED, SERVED, RECORDED)
    suite.runpytest_subprocess(*ASYNCIO, "-o", "asyncio_mode=auto", "-n", "2").assert_outcomes(passed=3)


FAILS = """
import asyncio
from temporal_ably._wire.operations import Message, Publish

TAGS = {"temporal-v": "1", "temporal-event": "run-start", "temporal-session-run": "told"}

def test_fails(ably_recorder) -> None:
    async def act() -> None:
        connection = ably_recorder.connect()
        await connection.open()
        await connection.send("ai:failing", Publish((Message("started", None, {"headers": TAGS}),)))
    asyncio.run(act())
    raise AssertionError("not what was expected")
"""
SILENT = """
def test_silent(ably_recorder) -> None:
    raise AssertionError
"""
WITHOUT = """
def test_without() -> None:
    raise AssertionError
"""


@pytest.mark.parametrize("workers", ["0", "1"])
def test_failed_test_shows_what_was_recorded_and_others_show_nothing(pytester: pytest.Pytester, workers: str) -> None:
    pytester.makepyfile("\n\n".join([FAILS, SILENT, WITHOUT]))
    result = pytester.runpytest_subprocess(*ASYNCIO, "-n", workers)
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            "*- Ably sessions -*",
            "ai:failing",
            "  run told open",
            "*test_silent*",
            "*- Ably sessions -*",
            "nothing was published",
        ]
    )
    assert str(result.stdout).count("Ably sessions") == 2


def test_passed_test_shows_nothing(suite: pytest.Pytester) -> None:
    written(suite, SYNC)
    result = suite.runpytest_subprocess(*ASYNCIO, "-rA")
    result.assert_outcomes(passed=1)
    assert "Ably sessions" not in str(result.stdout)


def test_missing_extra_is_named(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import sys\nsys.modules['aiohttp'] = None\ndef test_it(ably_server) -> None: ...")
    result = pytester.runpytest_subprocess(*ASYNCIO)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*aiohttp is not installed*pip install 'temporal-ably?local?'*"])


def test_environment_points_at_the_server_during_the_test_only(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import os
        def test_with(ably_server) -> None:
            assert {name: os.environ[name] for name in ably_server.environ} == ably_server.environ
        def test_after() -> None:
            assert "ABLY_ENDPOINT" not in os.environ
        """
    )
    pytester.runpytest_subprocess(*ASYNCIO).assert_outcomes(passed=2)


LIST_LOADED = """
import sys
import pytest
before = set(sys.modules)
import temporal_ably.testing.plugin
print("\\n".join(sorted(set(sys.modules) - before)))
"""


def test_every_pytest_run_loads_the_plugin_so_it_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", LIST_LOADED], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.split() == [
        "temporal_ably",
        "temporal_ably.errors",
        "temporal_ably.testing",
        "temporal_ably.testing.plugin",
    ]
