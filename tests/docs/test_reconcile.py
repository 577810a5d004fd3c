"""The snippets of docs/conversations.md about what nobody could end."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from temporalio.client import Client

from scripts.readme import README
from temporal_ably.cli import build_parser

if TYPE_CHECKING:
    from tests.end_to_end.stage import Stage

PAGE = (README.parent / "docs" / "conversations.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("\n## End what nobody could\n")[2].partition("\n## ")[0]


def snippets(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", SECTION, re.DOTALL)


def test_its_commands_are_taken() -> None:
    (commands,) = snippets("sh")
    for line in commands.splitlines():
        program, *words = shlex.split(line)
        assert program == "temporal-ably"
        assert build_parser().parse_args(words)
    (parser,) = [each for each in commands.splitlines() if "--query" in each]
    assert "--dry-run" in parser


def test_its_options_are_those_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["reconcile", "--help"])
    known = set(re.findall(r"--[a-z][a-z-]*", capsys.readouterr().out))
    named = set(re.findall(r"--[a-z][a-z-]*", SECTION))
    assert named == known - {"--help"}


async def test_its_function_looks_at_what_a_server_lists(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in stage.environment.items():
        monkeypatch.setenv(name, value)
    (source,) = snippets("python")
    module: dict[str, Any] = {}
    exec(source.replace("'ExecutionStatus", f'\'TaskQueue = "{stage.name}" AND ExecutionStatus'), module)  # noqa: S102
    await module["end_what_is_left"](Client(stage.client.service_client))
    assert capsys.readouterr().out == ""
