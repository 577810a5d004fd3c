from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from temporal_ably._dialect import ait08
from temporal_ably._transport.base import Credentials
from temporal_ably._wire.events import PartText, Run, Step, StepOpened
from temporal_ably._wire.parts import Streamed
from temporal_ably.demo import subscriber
from temporal_ably.demo.subscriber import Subscriber, subscribe
from temporal_ably.errors import ConnectionLostError
from temporal_ably.server import LocalServer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from temporal_ably._wire.events import Event

CHANNEL = "ai:demo"


class Publisher:
    """Writes one streamed text over HTTP."""

    def __init__(self, server: LocalServer, http: httpx.AsyncClient) -> None:
        self._http = http
        self._url = f"http://{server.endpoint}/channels/{CHANNEL}/messages"
        self._step = Step(Run("r", ""), ":0:1")
        self._serial = ""

    def _message(self, event: Event) -> dict[str, object]:
        message = ait08.encode(event)
        return {"name": message.name, "data": message.data, "extras": dict(message.extras)}

    def _text(self, text: str) -> dict[str, object]:
        return self._message(PartText(self._step, "m", Streamed("text", "t", {"id": "t"}), text, "streaming"))

    async def _create(self, message: dict[str, object]) -> str:
        response = await self._http.post(self._url, json=message)
        return response.raise_for_status().json()["serials"][0]

    async def begin(self) -> None:
        serial = await self._create(self._message(StepOpened(self._step)))
        self._step = Step(self._step.run, self._step.id, serial)
        self._serial = await self._create(self._text(""))

    async def write(self, text: str) -> None:
        response = await self._http.patch(f"{self._url}/{self._serial}", json={"action": 5, **self._text(text)})
        response.raise_for_status()


@asynccontextmanager
async def _stage() -> AsyncGenerator[tuple[LocalServer, Publisher, Credentials]]:
    async with LocalServer() as server:
        user, _, secret = server.key.partition(":")
        async with httpx.AsyncClient(auth=(user, secret)) as http:
            publisher = Publisher(server, http)
            await publisher.begin()
            yield server, publisher, Credentials(server.key, server.endpoint, tls=False, client_id="viewer")


def _text(viewer: Subscriber) -> str:
    runs = viewer.session.runs
    return runs[0].steps[0].canonical.text if runs else ""


async def _sees(viewer: Subscriber, text: str) -> None:
    await asyncio.wait_for(viewer.until(lambda: len(_text(viewer)) >= len(text)), 20)
    assert _text(viewer) == text


async def test_a_viewer_sees_what_is_written_and_what_was_written_before_it_came():
    async with _stage() as (_, publisher, credentials):
        await publisher.write("before ")
        async with subscribe(CHANNEL, credentials) as viewer:
            await _sees(viewer, "before ")
            await publisher.write("after")
            await _sees(viewer, "before after")


@pytest.mark.parametrize("refused", [0, 1], ids=["resumed", "resume refused"])
async def test_a_viewer_whose_cable_was_pulled_misses_nothing_once_it_is_back(refused: int):
    async with _stage() as (server, publisher, credentials), subscribe(CHANNEL, credentials) as viewer:
        await publisher.write("one ")
        await _sees(viewer, "one ")
        viewer.pull_cable()
        await viewer.until(lambda: not viewer.online)
        assert server.connection_count == 0
        await publisher.write("two ")
        if refused:
            server.faults.refuse_resume(refused)
        await asyncio.wait_for(viewer.plug_in(), 20)
        await publisher.write("three")
        await _sees(viewer, "one two three")


async def test_without_a_network_a_viewer_stays_offline():
    async with _stage() as (server, _, credentials), subscribe(CHANNEL, credentials) as viewer:
        total = server.connections_total
        viewer.pull_cable()
        states: list[bool] = []
        for _ in range(4):  # disconnected, connecting, disconnected, connecting
            await asyncio.wait_for(viewer.changed(), 20)
            states.append(viewer.online)
        assert states == [False] * 4
        assert server.connections_total == total


async def test_a_channel_that_cannot_be_attached_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(subscriber, "_ATTACH_TIMEOUT", timedelta(milliseconds=100))
    async with LocalServer() as server, server.faults.silent():
        with pytest.raises(ConnectionLostError, match=r"unable to watch the channel ai:demo; .*; check ABLY_ENDPOINT"):
            async with subscribe(CHANNEL, Credentials(server.key, server.endpoint, tls=False, client_id="viewer")):
                pass
