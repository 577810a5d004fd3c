from __future__ import annotations

import re
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import Mock

import httpx
import pytest

from temporal_ably import ReconciledRun, Reconciliation, cli
from temporal_ably.cli import main
from temporal_ably.demo import app

if TYPE_CHECKING:
    import argparse
    from collections.abc import Generator


def _python(script: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own script


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> Mock:
    run = Mock(return_value=3)
    monkeypatch.setattr(app, "run", run)
    return run


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ([], app.Options()),
        (["--act", "all"], app.Options()),
        (["--act", "2"], app.Options(acts=(2,))),
        (["--act", "3,4", "--plain", "--no-pause"], app.Options(acts=(3, 4), plain=True, pause=False)),
        (["--prompt", "Hi?", "--record", "a.svg"], app.Options(prompt="Hi?", record=Path("a.svg"))),
    ],
)
def test_demo_hands_its_options_on_and_gives_its_exit_code(words: list[str], options: app.Options, demo: Mock):
    assert main(["demo", *words]) == 3
    demo.assert_called_once_with(options)


@pytest.mark.parametrize("acts", ["5", "0", "", "1;2", "one"])
def test_an_act_that_there_is_not_is_refused(acts: str, demo: Mock, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["demo", "--act", acts])
    assert "--act" in capsys.readouterr().err
    demo.assert_not_called()


@pytest.mark.parametrize(
    ("command", "package"), [("demo", "rich"), ("demo", "openai"), ("demo", "xllamacpp"), ("dev", "aiohttp")]
)
def test_a_missing_extra_is_one_error_that_names_it(command: str, package: str):
    done = _python(
        f"import sys; sys.modules[{package!r}] = None\n"
        f"from temporal_ably.cli import main; sys.exit(main([{command!r}]))"
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"unable to run this command; the package {package} is not installed; run `pip install 'temporal-ably[local]'`"
    ]


def test_a_broken_import_of_our_own_is_not_taken_for_a_missing_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "temporal_ably.demo.app", None)
    monkeypatch.delattr("temporal_ably.demo.app")
    with pytest.raises(ModuleNotFoundError, match="app"):
        main(["demo"])


def test_reconcile_hands_its_options_on_and_gives_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    given: list[tuple[object, ...]] = []

    async def reconciled(arguments: argparse.Namespace) -> Reconciliation:
        found = (arguments.sessions, arguments.query, arguments.dry_run, arguments.missing_after, arguments.grace)
        given.append(found)
        ended = ReconciledRun("ai:x", "run", "wf", "wf-run", "ended", "error")
        return Reconciliation((ended,), channels=1, dry_run=arguments.dry_run)

    monkeypatch.setattr(cli, "_reconciled", reconciled)
    assert main(["reconcile", "ai:x", "ai:y"]) == 0
    assert main(["reconcile", "--query", "Q", "--dry-run", "--missing-after", "1.5d", "--grace", "0s"]) == 3
    assert given == [
        (["ai:x", "ai:y"], None, False, None, timedelta(minutes=1)),
        ([], "Q", True, timedelta(hours=36), timedelta(0)),
    ]
    assert capsys.readouterr().out.count("1 session, 1 open run") == 2


@pytest.mark.parametrize(
    ("words", "complaint"),
    [([], "name a SESSION, or give a --query"), (["ai:x", "--grace", "soon"], "'soon' is no time; give a number and")],
)
def test_reconcile_without_anything_to_look_at_or_with_a_wrong_time_is_refused(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit):
        main(["reconcile", *words])
    assert complaint in capsys.readouterr().err


@pytest.fixture
def dev(request: pytest.FixtureRequest) -> Generator[tuple[subprocess.Popen[str], str]]:
    """A local server in a process of its own, and what it printed."""
    words: list[str] = getattr(request, "param", [])
    command = [sys.executable, "-m", "temporal_ably", "dev", "--port", "0", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        assert process.stdout is not None
        printed = ""
        while "Ctrl-C" not in printed:
            line = process.stdout.readline()
            assert line, printed
            printed += line
        yield process, printed
        process.kill()


def _variables(printed: str) -> dict[str, str]:
    return dict(re.findall(r"(ABLY_\w+)=(\S+)", printed))


def test_dev_prints_the_lines_to_export_and_stops_at_ctrl_c(dev: tuple[subprocess.Popen[str], str]):
    process, printed = dev
    variables = _variables(printed)
    user, _, secret = variables["ABLY_API_KEY"].partition(":")
    response = httpx.get(f"http://{variables['ABLY_ENDPOINT']}/channels/ai:x/messages", auth=(user, secret))
    assert response.json() == []
    assert variables["ABLY_TLS"] == "0"
    assert "not for production" in printed
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130


@pytest.mark.parametrize("dev", [["--key", "my.key:word", "--no-mutable-messages"]], indirect=True)
def test_dev_takes_a_key_and_refuses_what_it_is_told_to(dev: tuple[subprocess.Popen[str], str]):
    variables = _variables(dev[1])
    assert variables["ABLY_API_KEY"] == "my.key:word"
    url = f"http://{variables['ABLY_ENDPOINT']}/channels/ai:x/messages"
    created = httpx.post(url, auth=("my.key", "word"), json={"name": "a", "data": "b"})
    serial = created.json()["serials"][0]
    appended = httpx.patch(f"{url}/{serial}", auth=("my.key", "word"), json={"action": 5, "data": "c"})
    assert appended.json()["error"]["code"] == 93002


def test_dev_on_a_port_in_use_is_one_error(dev: tuple[subprocess.Popen[str], str], capsys: pytest.CaptureFixture[str]):
    port = _variables(dev[1])["ABLY_ENDPOINT"].rpartition(":")[2]
    assert main(["dev", "--port", port]) == 1
    error = capsys.readouterr().err
    assert error.startswith("unable to run the local server; ")
    assert error.endswith("choose another --port or --key\n")


def test_help_needs_nothing_heavy():
    done = _python(
        "import sys; from temporal_ably import cli; cli.build_parser().format_help()\n"
        "print(sorted({'rich', 'openai', 'ably', 'aiohttp'} & set(sys.modules)))"
    )
    assert done.stdout == "[]\n"
