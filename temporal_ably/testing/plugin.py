"""pytest fixtures: ``ably_recorder`` and ``ably_server``. pytest finds this file by our entry point.

The rule of the file: every pytest run of the environment loads it, so the fixtures import what they need, and nothing
heavy stands on top. The fixtures are plain functions, so that they serve any kind of test: of pytest-asyncio, of anyio,
or one that starts an event loop by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from temporal_ably.testing.recorder import AblyRecorder
    from temporal_ably.testing.server import ServerThread

_RECORDER = pytest.StashKey["AblyRecorder"]()
_SECTION = "Ably sessions"


@pytest.fixture
def ably_recorder(request: pytest.FixtureRequest) -> Generator[AblyRecorder]:
    """Give a recorder for ``AblyInterceptor(recorder=...)``; if the test fails, the report shows what it has."""
    from temporal_ably.testing.recorder import AblyRecorder

    with AblyRecorder() as recorder:
        request.node.stash[_RECORDER] = recorder  # pyright: ignore[reportUnknownMemberType] - pytest leaves it open
        yield recorder


@pytest.fixture
def ably_server(monkeypatch: pytest.MonkeyPatch) -> Generator[ServerThread]:
    """Give a local Ably server that ``AblyInterceptor()`` finds: the environment points at it during the test."""
    try:
        from temporal_ably.testing.server import ServerThread
    except ModuleNotFoundError as err:
        pytest.fail(
            f"unable to start the local Ably server; {err.name} is not installed; "
            "run `pip install 'temporal-ably[local]'`",
            pytrace=False,
        )
    with ServerThread() as server:
        for name, value in server.environ.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what was recorded to the report of a failed test."""
    report = yield
    recorder = item.stash.get(_RECORDER, None)
    if report.failed and recorder is not None:
        report.sections.append((_SECTION, str(recorder)))
    return report
