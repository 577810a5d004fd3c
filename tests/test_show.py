"""`temporal-ably show`, against the local server by the real SDK."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from temporal_ably import AblyInterceptor
from temporal_ably._transport.realtime import RealtimeConnection
from temporal_ably._wire.operations import Message, Publish
from temporal_ably.cli import main
from temporal_ably.settings import credentials, load
from tests.testing.greeting import greeting

if TYPE_CHECKING:
    from temporal_ably.testing import ServerThread
    from tests.real_parts import Temporal

TRANSCRIPT = """\
run 1 complete
  step :0:1 greet (agent greet)
    attempt 1 failed, superseded by attempt 2
      text "Bye, "
    attempt 2 complete
      text "Hello, Ada!"
"""


@pytest.fixture
def environment(ably_server: ServerThread, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ably_server.environ.items():
        monkeypatch.setenv(name, value)


async def _greet(temporal: Temporal) -> None:
    async with AblyInterceptor() as ably:
        await greeting(await temporal.connect(), ably, "show-1")


async def _publish_something_else(channel: str) -> None:
    connection = RealtimeConnection(credentials(load(None, {})))
    await connection.open()
    await connection.send(channel, Publish((Message("news", "nothing of a session", {}),)))
    await connection.close()


@pytest.mark.usefixtures("environment")
def test_a_channel_is_shown_as_a_transcript(temporal: Temporal, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(_publish_something_else("ai:show-1"))
    asyncio.run(_greet(temporal))
    assert main(["show", "ai:show-1"]) == 0
    assert capsys.readouterr().out == TRANSCRIPT


@pytest.mark.usefixtures("environment")
def test_envelopes_are_json_lines_with_all_tags(temporal: Temporal, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(_greet(temporal))
    assert main(["show", "ai:show-1", "--envelopes"]) == 0
    envelopes = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    texts = [each for each in envelopes if each.get("part", {}).get("kind") == "text"]
    assert [(each["attempt"], each["part"]["text"]) for each in texts] == [(1, "Bye, "), (2, "Hello, Ada!")]
    assert {each["workflow_id"] for each in envelopes} == {"show-1"}
    assert {each["client_id"] for each in envelopes} == {"temporal-ably"}


@pytest.mark.usefixtures("environment")
def test_a_channel_without_a_session_is_one_clear_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "ai:nobody"]) == 1
    assert capsys.readouterr().err.startswith("unable to show ai:nobody; no session is there; ")


def test_without_a_key_the_error_names_the_variable(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "ai:wf-1"]) == 1
    assert "ABLY_API_KEY is not set" in capsys.readouterr().err
