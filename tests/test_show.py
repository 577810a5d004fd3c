"""`temporal-ably show`, against the local server by the real SDK."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from temporal_ably import AblyInterceptor, Envelope
from temporal_ably._transport.base import Stored
from temporal_ably._transport.realtime import RealtimeConnection
from temporal_ably._wire.operations import Message, Publish
from temporal_ably.cli import main
from temporal_ably.settings import credentials, load
from temporal_ably.show import _envelopes
from tests.testing.greeting import greeting
from tests.testing.writing import Writer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from temporal_ably.envelope import Action
    from temporal_ably.testing import ServerThread
    from tests.real_parts import Temporal

NEWS = Message("news", "nothing of a session", {})
TRANSCRIPT = """\
run 1 complete
  step :0:1 greet (agent greet)
    attempt 1 failed, superseded by attempt 2
      text "Bye, " (cancelled)
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


async def _publish(channel: str, *messages: Message) -> None:
    async with _connected() as connection:
        await connection.send(channel, Publish(messages))


@asynccontextmanager
async def _connected() -> AsyncGenerator[RealtimeConnection]:
    connection = RealtimeConnection(credentials(load(None, {})))
    await connection.open()
    yield connection
    await connection.close()


async def _wake_a_zombie(channel: str) -> None:
    async with _connected() as connection:
        zombie, successor = Writer(connection, channel), Writer(connection, channel, 2)
        await successor.begin()
        await successor.say("Hello, Ada!")
        await zombie.begin()
        await zombie.say("dead")


@pytest.mark.usefixtures("environment")
def test_a_channel_is_shown_as_a_transcript(temporal: Temporal, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(_publish("ai:show-1", NEWS))
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
def test_envelopes_are_judged_by_the_canonical_rule_though_nobody_has_marked_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asyncio.run(_wake_a_zombie("ai:zombie"))
    assert main(["show", "ai:zombie", "--envelopes"]) == 0
    envelopes = [Envelope.model_validate_json(line) for line in capsys.readouterr().out.splitlines()]
    assert [(each.superseded, each.text) for each in envelopes if each.text] == [(False, "Hello, Ada!"), (True, "dead")]


@pytest.mark.usefixtures("environment")
def test_envelopes_are_those_that_the_server_has(ably_server: ServerThread, capsys: pytest.CaptureFixture[str]) -> None:
    tagged = {"headers": {"temporal-v": "1", "temporal-event": "run-start"}}
    asyncio.run(_publish("ai:wf", Message("ai-run-start", None, tagged, id="R/start")))
    asyncio.run(_wake_a_zombie("ai:wf"))
    assert main(["show", "ai:wf", "--envelopes"]) == 0
    envelopes = [Envelope.model_validate_json(line) for line in capsys.readouterr().out.splitlines()]
    assert envelopes == ably_server.envelopes("ai:wf")
    assert envelopes[0].id == "R/start"
    assert None not in {each.timestamp for each in envelopes}


def test_a_message_is_shown_as_created_changed_or_deleted() -> None:
    created = Stored("1", "n", "text", {"headers": {"temporal-v": "1"}}, version="1")
    actions: list[Action] = ["create", "update", "delete"]
    shown = _envelopes("ai:wf", [replace(created, action=action) for action in actions])
    assert [each.action for each in shown] == actions


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("published", [(), (NEWS,)])
def test_a_channel_without_a_session_is_one_clear_error(
    capsys: pytest.CaptureFixture[str], published: tuple[Message, ...]
) -> None:
    if published:
        asyncio.run(_publish("ai:nobody", *published))
    for options in ([], ["--envelopes"]):
        assert main(["show", "ai:nobody", *options]) == 1
        assert capsys.readouterr().err.startswith("unable to show ai:nobody; no session is there; ")


@pytest.mark.parametrize("enabled", ["0", "1"])
def test_without_a_key_the_error_tells_how_to_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, enabled: str
) -> None:
    monkeypatch.setenv("ABLY_ENABLED", enabled)
    assert main(["show", "ai:wf-1"]) == 1
    assert capsys.readouterr().err == (
        "unable to read from Ably; ABLY_API_KEY is not set; set it to a key of your Ably app with the history "
        "capability, or, for a local server, to what `temporal-ably dev` prints\n"
    )


@pytest.mark.usefixtures("environment")
def test_publishing_that_is_turned_off_does_not_hinder_reading(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(_wake_a_zombie("ai:wf"))
    monkeypatch.setenv("ABLY_ENABLED", "0")
    assert main(["show", "ai:wf"]) == 0
    assert "Hello, Ada!" in capsys.readouterr().out
