"""WIRE 5.7: runs of a stock agent at the edges of history. Ably's own reader loses them there, this fold does not."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from temporal_ably._session.fold import Fold
from temporal_ably._session.parts import DataPart
from temporal_ably._transport.base import Credentials
from temporal_ably._transport.realtime import RealtimeConnection
from temporal_ably._wire.operations import Message, Publish
from temporal_ably.envelope import Envelope

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from temporal_ably._session.model import Session
    from temporal_ably._wire.parts import Json
    from temporal_ably.server import LocalServer
    from tests.end_to_end.viewer import Viewer, Viewers

CHANNEL = "ai:edges"
# More than one page of the stock reader's history.
MANY = 250


@dataclass
class Agent:
    """Writes the messages of a run as the stock agent does, and no tags. ``prompt`` names the message it answers."""

    prompt: str

    @property
    def run(self) -> dict[str, str]:
        return {"run-id": "R", "invocation-id": "R", "run-client-id": "u", "input-codec-message-id": self.prompt}

    def told(self, name: str, **transport: str) -> Message:
        return Message(name, None, {"ai": {"transport": self.run | transport}})

    def asked(self) -> Message:
        transport = {"role": "user", "codec-message-id": self.prompt, "event-id": self.prompt, "stream": "false"}
        codec = {"kind": "user-message", "messageId": self.prompt, "partType": "text"}
        return Message("ai-input", "Do it.", {"ai": {"transport": {**transport, "discrete": "true"}, "codec": codec}})

    def start(self) -> Message:
        return self.told("ai-run-start", parent=self.prompt)

    def output(self, message: str, data: str, parent: str | None = None) -> Message:
        own = {"role": "assistant", "codec-message-id": message, "parent": parent or self.prompt, "stream": "false"}
        codec = {"kind": "data-said"}
        return Message("ai-output", {"said": data}, {"ai": {"transport": self.run | own, "codec": codec}})

    def end(self) -> Message:
        return self.told("ai-run-end", **{"run-reason": "complete"})


def resumed(parts: int, parent: str = "m1") -> list[Message]:
    """A run that waited for an approval and went on. ``parent``: what its later output names, in JS its own message."""
    before, after = Agent("in-1"), Agent("in-2")
    return [
        before.asked(),
        before.start(),
        before.output("m1", "may I?"),
        before.told("ai-run-suspend"),
        after.told("ai-run-resume"),
        *(after.output("m2", f"{number}", parent) for number in range(parts)),
        after.end(),
    ]


def deliveries(messages: Iterable[Message]) -> list[Envelope]:
    serials = (f"{number:08d}" for number in itertools.count(1))
    raw = ({**vars(message), "serial": serial} for message, serial in zip(messages, serials, strict=False))
    return [Envelope.of(each, channel=CHANNEL) for each in raw]


def fold(envelopes: Iterable[Envelope]) -> Session:
    folding = Fold()
    for envelope in envelopes:
        folding.apply(envelope)
        _ = folding.session  # a user interface shows it after each
    return folding.session


def said(session: Session) -> list[Json]:
    parts = [part for message in session.messages for part in message.parts]
    return [part.data["said"] for part in parts if isinstance(part, DataPart) and isinstance(part.data, dict)]


async def play(server: LocalServer, messages: Sequence[Message]) -> None:
    connection = RealtimeConnection(Credentials(server.key, server.endpoint, tls=False, client_id="agent"))
    try:
        await connection.open()
        for message in messages:
            await connection.send(CHANNEL, Publish((message,)))
    finally:
        await connection.close()


def ours(server: LocalServer) -> Session:
    return fold(Envelope.of(each, channel=CHANNEL) for each in server.messages(CHANNEL))


async def stock(server: LocalServer, viewers: Viewers) -> Viewer:
    return await viewers.open(server.endpoint, CHANNEL, key=server.key)


def expired(left: str) -> list[Message]:
    agent = Agent("in-1")
    return {
        "run-start": [agent.start()],
        "outputs": [agent.output("m1", "a"), agent.output("m1", "b")],
        "all but the prompt": [agent.start(), agent.output("m1", "a"), agent.end()],
    }[left]


@pytest.mark.parametrize(
    ("left", "ended", "texts"),
    [("run-start", "", []), ("outputs", "", ["a", "b"]), ("all but the prompt", "complete", ["a"])],
)
async def test_row_1_a_run_whose_prompt_has_expired_is_there(
    local_server: LocalServer, viewers: Viewers, left: str, ended: str, texts: list[str]
) -> None:
    await play(local_server, expired(left))
    session = ours(local_server)
    assert [(run.id, run.ended) for run in session.runs] == [("R", ended)]
    assert said(session) == texts
    assert (await stock(local_server, viewers)).view.runs == ()


def test_row_2_a_resumed_run_is_there_wherever_a_page_of_history_ends() -> None:
    every = deliveries(resumed(3))
    for boundary in range(1, len(every)):
        newest = fold(every[boundary:])
        assert [run.id for run in newest.runs] == ["R"]
        assert fold([*every[boundary:], *every[:boundary]]) == fold(every)
    assert said(fold(every)) == ["may I?", "0", "1", "2"]


def test_row_3_a_finished_run_that_was_suspended_stays_finished_when_older_pages_come() -> None:
    folding = Fold()
    for envelope in reversed(deliveries(resumed(3))):
        folding.apply(envelope)
        assert [run.ended for run in folding.session.runs] == ["complete"]


@pytest.mark.parametrize(
    ("parts", "parent", "stock_shows"),
    [
        (3, "m1", {"R": "complete"}),
        pytest.param(MANY, "m1", {}, id="row 2"),
        pytest.param(MANY, "in-1", {"R": "active"}, id="row 3"),
    ],
)
async def test_the_run_is_there_and_finished_where_the_stock_reader_pages(
    local_server: LocalServer, viewers: Viewers, parts: int, parent: str, stock_shows: dict[str, str]
) -> None:
    await play(local_server, resumed(parts, parent))
    session = ours(local_server)
    assert [(run.id, run.ended) for run in session.runs] == [("R", "complete")]
    assert len(said(session)) == parts + 1
    assert (await stock(local_server, viewers)).run_statuses == stock_shows
