"""What the publisher may rely on, of every connection: one that records, and the real SDK on the local server."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import pytest

from temporal_ably._transport.base import Credentials, Timeouts
from temporal_ably._transport.realtime import RealtimeConnection
from temporal_ably._wire.operations import Append, Message, Publish, Update
from temporal_ably.errors import (
    ChannelRuleError,
    ConnectionLostError,
    HistoryError,
    MessageTooLargeError,
    PublishError,
)
from temporal_ably.server import LocalServer
from temporal_ably.testing.connection import RecordingConnection
from temporal_ably.testing.faults import Fate, Fault
from temporal_ably.testing.memory import Memory

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from temporal_ably._transport.base import Connection, Stored
    from temporal_ably._wire.parts import Json

CHANNEL = "ai:wf"
WAIT_S = 20


def message(data: Json = "", *, name: str = "plain", tag: str = "1", id: str | None = None) -> Message:
    return Message(name, data, {"headers": {"tag": tag}}, id)


class Ably(Protocol):
    """The far side of a connection."""

    def connect(self) -> Connection: ...

    def refuse(self, code: int) -> None: ...

    def lose(self, *, applied: bool) -> None: ...

    async def leave(self) -> None: ...


class Inbox:
    """What a connection delivered."""

    def __init__(self) -> None:
        self.messages: list[Stored] = []
        self.gaps = 0
        self._changed = asyncio.Event()

    def take(self, message: Stored) -> None:
        self.messages.append(message)
        self._changed.set()

    def note_gap(self) -> None:
        self.gaps += 1
        self._changed.set()

    async def wait(self, count: int) -> list[Stored]:
        while len(self.messages) < count:
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), WAIT_S)
        found, self.messages = self.messages, []
        return found


@dataclass
class Recording:
    memory: Memory

    def connect(self) -> Connection:
        return RecordingConnection(self.memory)

    def refuse(self, code: int) -> None:
        self.memory.order(Fault(Fate.REFUSED, 1, code))

    def lose(self, *, applied: bool) -> None:
        self.memory.order(Fault(Fate.APPLIED if applied else Fate.LOST, 1))

    async def leave(self) -> None:
        self.memory.leave()


@dataclass
class Real:
    server: LocalServer

    def connect(self) -> Connection:
        credentials = Credentials(self.server.key, self.server.endpoint, tls=False, client_id="me")
        return RealtimeConnection(credentials, Timeouts())

    def refuse(self, code: int) -> None:
        self.server.faults.refuse(code=code, status=400)

    def lose(self, *, applied: bool) -> None:
        self.server.faults.cut(apply=applied)

    async def leave(self) -> None:
        await self.server.stop_listening()


@pytest.fixture(params=["recording", "real SDK on the local server"])
async def ably(request: pytest.FixtureRequest) -> AsyncGenerator[Ably]:
    if request.param == "recording":
        yield Recording(Memory())
    else:
        async with LocalServer() as server:
            yield Real(server)


@pytest.fixture
async def connection(ably: Ably) -> AsyncGenerator[Connection]:
    made = ably.connect()
    await made.open()
    yield made
    await made.close()


async def history(ably: Ably, channel: str = CHANNEL) -> list[tuple[str, object, Mapping[str, object]]]:
    found = [stored async for stored in ably.connect().history(channel)]
    return [(stored.name, stored.data, stored.extras) for stored in found]


async def serials(ably: Ably) -> list[str]:
    return [stored.serial async for stored in ably.connect().history(CHANNEL)]


# Operations.


async def test_each_message_of_a_publish_gets_a_serial_and_these_only_grow(ably: Ably, connection: Connection) -> None:
    first = await connection.send(CHANNEL, Publish((message("a"), message("b"))))
    second = await connection.send(CHANNEL, Publish((message("c"),)))
    given = [*first, *second]
    assert len(given) == 3
    assert given == sorted(set(given))
    assert await serials(ably) == given[::-1]


async def test_create_with_a_known_id_changes_nothing_and_gives_the_first_serial(
    ably: Ably, connection: Connection
) -> None:
    first = await connection.send(CHANNEL, Publish((message("a", id="x:0"), message("b", id="x:1"))))
    again = await connection.send(CHANNEL, Publish((message("a", id="x:0"), message("b", id="x:1"))))
    assert again == first
    assert len(await history(ably)) == 2


async def test_id_is_known_on_its_own_channel_only(ably: Ably, connection: Connection) -> None:
    await connection.send(CHANNEL, Publish((message("a", id="x"),)))
    await connection.send("ai:other", Publish((message("a", id="x"),)))
    assert len(await history(ably, "ai:other")) == 1


async def test_append_extends_the_text_and_replaces_name_and_extras(ably: Ably, connection: Connection) -> None:
    (serial,) = await connection.send(CHANNEL, Publish((message(""),)))
    await connection.send(CHANNEL, Append(serial, message("Hel")))
    (version,) = await connection.send(CHANNEL, Append(serial, message("lo", tag="2", name="plainer")))
    assert version > serial
    assert await history(ably) == [("plainer", "Hello", {"headers": {"tag": "2"}})]


async def test_update_replaces_the_text_and_later_appends_extend_it(ably: Ably, connection: Connection) -> None:
    (serial,) = await connection.send(CHANNEL, Publish((message("Hel"),)))
    await connection.send(CHANNEL, Update(serial, message("Hello", tag="2")))
    await connection.send(CHANNEL, Append(serial, message("!", tag="3")))
    assert await history(ably) == [("plain", "Hello!", {"headers": {"tag": "3"}})]


async def test_update_without_data_keeps_the_data(ably: Ably, connection: Connection) -> None:
    given = await connection.send(CHANNEL, Publish((message("text"), message({"a": 1}))))
    for serial in given:
        await connection.send(CHANNEL, Update(serial, message(None, tag="2")))
    assert [(data, extras) for _, data, extras in await history(ably)] == [
        ({"a": 1}, {"headers": {"tag": "2"}}),
        ("text", {"headers": {"tag": "2"}}),
    ]


async def test_changed_message_keeps_its_place_and_serial(ably: Ably, connection: Connection) -> None:
    given = await connection.send(CHANNEL, Publish((message("a"), message("b"))))
    await connection.send(CHANNEL, Append(given[0], message("!")))
    assert await serials(ably) == list(given)[::-1]
    assert [data for _, data, _ in await history(ably)] == ["b", "a!"]


@pytest.mark.parametrize("data", ["", "text", {"output": [1, None, "é"]}, [], None])
async def test_history_gives_data_as_it_was_published(ably: Ably, connection: Connection, data: Json) -> None:
    await connection.send(CHANNEL, Publish((message(data),)))
    assert await history(ably) == [("plain", data, {"headers": {"tag": "1"}})]


async def test_history_gives_the_id_the_times_and_the_versions(ably: Ably, connection: Connection) -> None:
    before_ms = time.time_ns() // 1_000_000
    (serial, _) = await connection.send(CHANNEL, Publish((message("a", id="x:0"), message("b", id="x:1"))))
    (version,) = await connection.send(CHANNEL, Append(serial, message("!")))
    later, first = [stored async for stored in ably.connect().history(CHANNEL)]
    assert [(each.id, each.version, each.action) for each in (first, later)] == [
        ("x:0", version, "update"),
        ("x:1", later.serial, "create"),
    ]
    for stored in (first, later):
        assert stored.timestamp is not None
        assert before_ms <= stored.timestamp <= time.time_ns() // 1_000_000


async def test_history_since_a_time_has_what_was_created_from_then_on(ably: Ably, connection: Connection) -> None:
    (serial,) = await connection.send(CHANNEL, Publish((message("a"),)))
    (first,) = [stored async for stored in ably.connect().history(CHANNEL)]
    assert first.timestamp is not None
    while time.time_ns() // 1_000_000 <= first.timestamp:
        pass
    await connection.send(CHANNEL, Publish((message("b"),)))
    await connection.send(CHANNEL, Append(serial, message("c")))
    for since_ms, texts in ((first.timestamp, ["b", "ac"]), (first.timestamp + 1, ["b"]), (first.timestamp * 2, [])):
        assert [stored.data async for stored in ably.connect().history(CHANNEL, since_ms)] == texts


async def test_channel_without_messages_has_an_empty_history(ably: Ably) -> None:
    assert await history(ably) == []


async def test_change_of_an_unknown_message_is_refused(ably: Ably, connection: Connection) -> None:
    with pytest.raises(PublishError) as caught:
        await connection.send(CHANNEL, Append("0000", message("!")))
    assert (caught.value.code, caught.value.retryable) == (40400, True)
    assert not connection.lost.done()
    assert await history(ably) == []


async def test_released_channel_can_be_used_again(ably: Ably, connection: Connection) -> None:
    (serial,) = await connection.send(CHANNEL, Publish((message("a"),)))
    connection.release(CHANNEL)
    connection.release("ai:never-used")
    await connection.send(CHANNEL, Append(serial, message("b")))
    assert [data for _, data, _ in await history(ably)] == ["ab"]


# Listening.


@pytest.fixture
async def inbox(ably: Ably) -> AsyncGenerator[Inbox]:
    """What a second connection delivers of the channel."""
    found, listener = Inbox(), ably.connect()
    await listener.open()
    await listener.subscribe(CHANNEL, found.take, found.note_gap)
    yield found
    assert found.gaps == 0
    await listener.close()


async def test_subscriber_gets_each_operation_in_order_with_all_that_history_has(
    ably: Ably, connection: Connection, inbox: Inbox
) -> None:
    serials = await connection.send(CHANNEL, Publish((message("a", id="x:0"), message({"b": [1]}, id="x:1"))))
    created = await inbox.wait(2)
    assert created == [stored async for stored in ably.connect().history(CHANNEL)][::-1]
    assert [each.action for each in created] == ["create", "create"]

    versions = [
        *await connection.send(CHANNEL, Append(serials[0], message("!", tag="2"))),
        *await connection.send(CHANNEL, Update(serials[1], message(None, tag="3"))),
        *await connection.send(CHANNEL, Append(serials[0], message("?", tag="4"))),
    ]
    extras = [{"headers": {"tag": tag}} for tag in "234"]
    changed = [replace(each, version_client_id=each.client_id) for each in created]
    assert await inbox.wait(3) == [
        replace(changed[0], action="append", data="!", version=versions[0], extras=extras[0]),
        replace(changed[1], action="update", version=versions[1], extras=extras[1]),
        replace(changed[0], action="append", data="?", version=versions[2], extras=extras[2]),
    ]


async def test_subscriber_that_has_not_seen_a_message_gets_its_first_append_as_an_update(
    ably: Ably, connection: Connection
) -> None:
    (serial,) = await connection.send(CHANNEL, Publish((message("a"),)))
    inbox, listener = Inbox(), ably.connect()
    await listener.open()
    await listener.subscribe(CHANNEL, inbox.take, inbox.note_gap)
    for text in "bc":
        await connection.send(CHANNEL, Append(serial, message(text)))
    assert [(each.action, each.data) for each in await inbox.wait(2)] == [("update", "ab"), ("append", "c")]
    await listener.close()


async def test_subscriber_gets_messages_of_its_channel_and_of_others_only(ably: Ably, connection: Connection) -> None:
    inbox, other = Inbox(), ably.connect()
    await other.open()
    await connection.subscribe(CHANNEL, inbox.take, inbox.note_gap)
    await connection.send(CHANNEL, Publish((message("own"),)))
    await other.send("ai:other", Publish((message("elsewhere"),)))
    await other.send(CHANNEL, Publish((message("theirs"),)))
    assert [each.data for each in await inbox.wait(1)] == ["theirs"]
    await other.close()


@pytest.mark.parametrize("name", ["", "error", "all"])
async def test_no_name_keeps_a_message_or_what_comes_with_it_from_a_subscriber(
    connection: Connection, inbox: Inbox, name: str
) -> None:
    await connection.send(CHANNEL, Publish((message("a", name=name), message("b"))))
    assert [(each.name, each.data) for each in await inbox.wait(2)] == [(name, "a"), ("plain", "b")]


async def test_create_that_is_known_already_is_not_delivered_again(connection: Connection, inbox: Inbox) -> None:
    for data in "aab":
        await connection.send(CHANNEL, Publish((message(data, id=f"of {data}"),)))
    assert [each.data for each in await inbox.wait(2)] == ["a", "b"]


async def test_what_was_lost_but_applied_is_delivered(ably: Ably, connection: Connection, inbox: Inbox) -> None:
    ably.lose(applied=True)
    with pytest.raises(ConnectionLostError):
        await connection.send(CHANNEL, Publish((message("a"),)))
    assert [each.data for each in await inbox.wait(1)] == ["a"]


@pytest.mark.parametrize("how", ["unsubscribe", "release"])
async def test_channel_can_be_listened_to_again_and_published_to_at_any_time(
    ably: Ably, connection: Connection, how: str
) -> None:
    listener = ably.connect()
    await listener.open()
    for _ in range(3):
        inbox = Inbox()
        await listener.subscribe(CHANNEL, inbox.take, inbox.note_gap)
        await connection.send(CHANNEL, Publish((message("heard"),)))
        assert [each.data for each in await inbox.wait(1)] == ["heard"]
        getattr(listener, how)(CHANNEL)
        await connection.send(CHANNEL, Publish((message("not heard"),)))
        await listener.send(CHANNEL, Publish((message("sent"),)))
        assert inbox.messages == []
    assert not listener.lost.done()
    listener.unsubscribe(CHANNEL)
    listener.unsubscribe("ai:never-used")
    await listener.close()


async def test_lost_connection_delivers_nothing_and_takes_no_subscription(ably: Ably, connection: Connection) -> None:
    inbox, sender = Inbox(), ably.connect()
    await sender.open()
    await connection.subscribe("ai:other", inbox.take, inbox.note_gap)
    ably.lose(applied=False)
    with pytest.raises(ConnectionLostError):
        await connection.send(CHANNEL, Publish((message("a"),)))
    with pytest.raises(ConnectionLostError):
        await connection.subscribe(CHANNEL, inbox.take, inbox.note_gap)
    for channel in (CHANNEL, "ai:other"):
        await sender.send(channel, Publish((message("b"),)))
    assert inbox.messages == []
    await sender.close()


# Faults.


@pytest.mark.parametrize(
    ("code", "kind", "retryable"),
    [
        (40000, PublishError, True),
        (40009, MessageTooLargeError, False),
        (40112, PublishError, False),
        (40160, PublishError, False),
        (40300, PublishError, False),
        (40400, PublishError, True),
        (42911, PublishError, True),
        (93002, ChannelRuleError, False),
    ],
)
async def test_refused_operation_is_not_applied_and_the_connection_goes_on(
    ably: Ably, connection: Connection, code: int, kind: type[PublishError], *, retryable: bool
) -> None:
    ably.refuse(code)
    with pytest.raises(PublishError, match=r"unable to (publish|stream)") as caught:
        await connection.send(CHANNEL, Publish((message("a"),)))
    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.retryable, caught.value.channel) == (code, retryable, CHANNEL)
    assert not connection.lost.done()
    await connection.send(CHANNEL, Publish((message("b"),)))
    assert [data for _, data, _ in await history(ably)] == ["b"]


@pytest.mark.parametrize("applied", [True, False])
async def test_lost_outcome_loses_the_connection_and_a_resend_under_the_id_is_safe(
    ably: Ably, connection: Connection, *, applied: bool
) -> None:
    once = Publish((message("a", id="x"),))
    ably.lose(applied=applied)
    with pytest.raises(ConnectionLostError):
        await connection.send(CHANNEL, once)
    assert connection.lost.done()
    assert len(await history(ably)) == int(applied)

    with pytest.raises(ConnectionLostError):
        await connection.send(CHANNEL, once)
    fresh = ably.connect()
    await fresh.open()
    await fresh.send(CHANNEL, once)
    await fresh.close()
    assert len(await history(ably)) == 1


async def test_out_of_reach_no_connection_opens_or_stays_and_history_cannot_be_read(
    ably: Ably, connection: Connection
) -> None:
    await ably.leave()
    assert isinstance(await connection.lost, ConnectionLostError)
    with pytest.raises(ConnectionLostError):
        await connection.send(CHANNEL, Publish((message("a"),)))
    with pytest.raises(ConnectionLostError):
        await ably.connect().open()
    with pytest.raises(HistoryError) as caught:
        await history(ably)
    assert caught.value.retryable


async def test_closing_twice_and_before_opening_is_harmless(ably: Ably) -> None:
    connection = ably.connect()
    await connection.close()
    await connection.close()
    with pytest.raises(ConnectionLostError):
        await connection.send(CHANNEL, Publish((message("a"),)))
