"""What docs/security.md says of tokens and keys."""

from __future__ import annotations

import base64
import json
import re
from textwrap import dedent
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from scripts.readme import README
from temporal_ably import client_token
from temporal_ably._transport.base import Credentials
from temporal_ably._transport.realtime import RealtimeConnection
from temporal_ably._wire.operations import Append, Message, Publish
from temporal_ably.server import LocalServer
from temporal_ably.server.auth import Key, identify

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PAGE = (README.parent / "docs" / "security.md").read_text(encoding="utf-8")
WORKER_KEY = ["publish", "subscribe", "history", "message-update-own"]


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LocalServer]:
    async with LocalServer(capability={"ai:*": [*WORKER_KEY, "presence"]}) as running:
        monkeypatch.setenv("ABLY_API_KEY", running.key)
        yield running


def capability_of(token: str) -> dict[str, list[str]]:
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return json.loads(claims["x-ably-capability"])


def test_the_snippet_mints_a_token_for_one_user_and_one_session(server: LocalServer) -> None:
    (found,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    snippet, module = dedent(str(found)), ModuleType("security_snippet")
    exec(snippet, vars(module))  # noqa: S102 - the page's
    identity = identify(
        Key.parse(server.key), given_key=None, token=module.token_for("alice", "ai:chat-42"), now=server.now()
    )
    assert identity.client_id == "alice"
    assert identity.allows("ai:chat-42", "publish")
    assert not identity.allows("ai:chat-43", "publish", "subscribe", "history")


@pytest.mark.usefixtures("server")
def test_the_table_lists_what_a_token_allows() -> None:
    rows = re.findall(r"^\| (`[^|]*) \|", PAGE, re.MULTILINE)
    listed = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert {"ai:x": sorted(listed)} == {
        name: sorted(operations) for name, operations in capability_of(client_token("ai:x", client_id="alice")).items()
    }


async def test_a_worker_needs_no_more_of_its_key_than_is_said(server: LocalServer) -> None:
    assert all(f"`{operation}`" in PAGE for operation in WORKER_KEY)
    async with LocalServer(capability={"ai:*": WORKER_KEY}) as narrow:
        connection = RealtimeConnection(Credentials(narrow.key, narrow.endpoint, tls=False, client_id="agent"))
        await connection.open()
        text = Message("ai-output", "Hel", {"headers": {"tag": "1"}})
        (serial,) = await connection.send("ai:chat", Publish((text,)))
        await connection.send("ai:chat", Append(serial, Message("ai-output", "lo", {"headers": {"tag": "1"}})))
        assert [stored.data async for stored in connection.history("ai:chat")] == ["Hello"]
        await connection.close()
