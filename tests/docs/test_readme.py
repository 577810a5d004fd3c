"""What the README says is true: its settings table, its snippets, its commands."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from typing import TYPE_CHECKING

from scripts.readme import README, with_table

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.conftest import Temporal
    from tests.end_to_end.stage import Stage

TEXT = README.read_text(encoding="utf-8")
ROOT = README.parent
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


async def test_the_hello_worker_runs_and_the_javascript_snippet_shows_it(
    temporal: Temporal, stage: Stage, tmp_path: Path
) -> None:
    hello = tmp_path / "hello.py"
    hello.write_text(snippets("python")[1], encoding="utf-8")
    printed = await run(sys.executable, str(hello), TEMPORAL_ADDRESS=temporal.address, **stage.environment)
    assert printed.splitlines()[-1] == "Hello, Ada!"

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
