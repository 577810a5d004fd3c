"""What the README says is true: its settings table, its snippets, its commands."""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import shutil
import sys
import sysconfig
import textwrap
import time
from typing import TYPE_CHECKING, Any

import pytest

from scripts.readme import README, with_table
from temporal_ably import AblyInterceptor
from temporal_ably._wire.jwt import sign_jwt

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.stage import Stage
    from tests.real_parts import Temporal

TEXT = README.read_text(encoding="utf-8")
ROOT = README.parent
SCRIPTS = sysconfig.get_path("scripts")
TIME_SKIPPING_SERVER = shutil.which("temporal-test-server", path=SCRIPTS)
JAVASCRIPT = ROOT / "tests" / "end_to_end" / "js"


def snippets(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


async def run(*command: str, **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, **environment}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


def test_the_settings_table_is_that_of_the_code() -> None:
    assert with_table(TEXT) == TEXT, "run `python scripts/readme.py`"


def test_every_make_command_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"make ([a-z-]+)", "\n".join(snippets("sh")))) | set(re.findall(r"`make ([a-z-]+)`", TEXT))
    assert named
    assert named <= targets


def test_every_file_and_picture_of_the_readme_exists() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT):
        assert (ROOT / target).is_file(), target


def test_every_guarantee_names_tests_that_exist() -> None:
    table = TEXT.partition("<!-- guarantees -->")[2].partition("<!-- /guarantees -->")[0]
    rows = [row for row in table.splitlines() if row.startswith("| ")][1:]
    assert rows
    for row in rows:
        named = re.findall(r"\[(test_\w+)\]\((tests/\S+\.py)\)", row)
        assert named, f"no test in {row}"
        for name, path in named:
            test = ROOT / path
            assert test.stem == name
            assert re.search(r"^ *(async )?def test_", test.read_text(encoding="utf-8"), re.MULTILINE), path


async def say_hello(temporal: Temporal, stage: Stage, folder: Path) -> str:
    hello = folder / "hello.py"
    hello.write_text(snippets("python")[1], encoding="utf-8")
    printed = await run(sys.executable, str(hello), TEMPORAL_ADDRESS=temporal.address, **stage.environment)
    return printed.splitlines()[-1]


async def test_what_the_hello_worker_published_is_inspected_as_shown(
    temporal: Temporal, stage: Stage, tmp_path: Path
) -> None:
    await say_hello(temporal, stage, tmp_path)
    (command,) = [line for line in "\n".join(snippets("sh")).splitlines() if " show " in line]
    program, *words = command.split()
    shown = await run(f"{SCRIPTS}/{program}", *words, **stage.environment)
    assert shown == snippets("text")[0]

    host, _, port = stage.server.endpoint.rpartition(":")
    token = sign_jwt(stage.server.key, now_s=int(time.time()), ttl_s=60)
    local = f"token='{token}', endpoint='{host}', port={port}, tls=False"
    script = tmp_path / "inspect_it.py"
    script.write_text(snippets("python")[2].replace('key=os.environ["ABLY_API_KEY"]', local), encoding="utf-8")
    printed = await run(sys.executable, str(script))
    assert printed.splitlines()[0].split() == ["run-start", "None"]
    assert printed.splitlines()[-1].split() == ["run-end", "None"]
    assert "part 1 1 Hello, Ada!" in printed.splitlines()


async def test_the_test_of_the_readme_passes_and_fails_with_a_picture(tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text(snippets("python")[1], encoding="utf-8")
    # The only thing that a reader's machine has to download.
    conftest = f"""
        from functools import partial
        from temporalio.testing import WorkflowEnvironment
        WorkflowEnvironment.start_time_skipping = partial(
            WorkflowEnvironment.start_time_skipping, test_server_existing_path={TIME_SKIPPING_SERVER!r}
        )
    """
    (tmp_path / "conftest.py").write_text(textwrap.dedent(conftest), encoding="utf-8")
    test = tmp_path / "test_hello.py"
    test.write_text(snippets("python")[3], encoding="utf-8")
    command = (sys.executable, "-m", "pytest", "-o", "asyncio_mode=auto", "--rootdir", str(tmp_path), str(test))
    assert "1 passed" in await run(*command)

    test.write_text(snippets("python")[3].replace('.text == "Hello, Ada!"', '.text == "Bye"'), encoding="utf-8")
    with pytest.raises(AssertionError) as failed:
        await run(*command)
    assert "run 1 complete" in str(failed.value)


def test_the_arguments_of_the_readme_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABLY_API_KEY", "app.key:secret")
    names: dict[str, Any] = {"AblyInterceptor": AblyInterceptor}
    exec(snippets("python")[4], names)  # noqa: S102 - the README's
    card = {"type": "data-order", "data": {"card": "4111", "items": 2}}
    assert names["without_card_numbers"](card) == {"type": "data-order", "data": {"card": "hidden", "items": 2}}
    arguments = set(re.findall(r"^\| `(\w+)=` \|", TEXT, re.MULTILINE))
    parameters = inspect.signature(AblyInterceptor).parameters
    assert arguments == parameters.keys() - {"settings", "overrides"}


async def test_the_hello_worker_runs_and_the_javascript_snippet_shows_it(
    temporal: Temporal, stage: Stage, tmp_path: Path
) -> None:
    assert await say_hello(temporal, stage, tmp_path) == "Hello, Ada!"

    host, _, port = stage.server.endpoint.rpartition(":")
    local = f"endpoint: '{host}', port: {port}, tls: false, clientId: 'alice'"
    script = snippets("js")[0].replace("clientId: 'alice'", local) + "client.close();\n"
    watch = JAVASCRIPT / f"readme-{os.getpid()}.mjs"
    watch.write_text(script, encoding="utf-8")
    try:
        shown = await run("node", str(watch), ABLY_API_KEY=stage.server.key)
    finally:
        watch.unlink()
    assert shown.splitlines()[-1] == "assistant Hello, Ada!"
