from __future__ import annotations

import itertools
from typing import cast

import pytest

from temporal_ably._transport.base import Stored
from temporal_ably._wire.operations import Append, Message, Publish, Update
from temporal_ably.errors import PublishError
from temporal_ably.testing.channel import Channel, Wire


@pytest.fixture
def channel() -> Channel:
    count = itertools.count(1)
    return Channel("ai:wf", lambda: str(next(count)))


def text(data: str, id: str | None = None) -> Message:
    return Message("ai-output", data, {"headers": {"said": data}}, id)


def shown(message: Wire) -> tuple[object, ...]:
    version = cast("dict[str, object]", message["version"])
    return message["action"], message["serial"], version["serial"], message.get("data")


def test_log_has_what_each_operation_brought_and_messages_what_came_of_it(channel: Channel) -> None:
    channel.apply(Publish((text(""), text("b"))), 7)
    channel.apply(Append("1", text("Hel")), 8)
    channel.apply(Append("1", text("lo")), 9)
    channel.apply(Update("2", text("c")), 10)
    assert [shown(each) for each in channel.log] == [
        (0, "1", "1", ""),
        (0, "2", "2", "b"),
        (5, "1", "3", "Hel"),
        (5, "1", "4", "lo"),
        (1, "2", "5", "c"),
    ]
    assert [shown(each) for each in channel.messages] == [(1, "1", "4", "Hello"), (1, "2", "5", "c")]


def test_message_keeps_the_time_of_its_creation_and_its_version_has_that_of_the_change(channel: Channel) -> None:
    channel.apply(Publish((text("a"),)), 7)
    channel.apply(Append("1", text("b")), 8)
    (message,) = channel.messages
    assert (message["timestamp"], message["version"]) == (7, {"serial": "2", "timestamp": 8})


def test_history_is_newest_first_with_all_that_a_message_has(channel: Channel) -> None:
    channel.apply(Publish((text("a", id="x"), text("b", id="y"))), 7)
    channel.apply(Append("1", text("c")), 8)
    assert channel.history() == [
        Stored("2", "ai-output", "b", {"headers": {"said": "b"}}, version="2", id="y", timestamp=7),
        Stored("1", "ai-output", "ac", {"headers": {"said": "c"}}, version="3", id="x", timestamp=7, action="update"),
    ]


def test_create_without_an_id_gets_one(channel: Channel) -> None:
    channel.apply(Publish((text("a"), text("b", id="given"))), 7)
    assert [each["id"] for each in channel.messages] == ["1:0", "given"]


def test_ephemeral_message_is_seen_once_and_is_not_in_history(channel: Channel) -> None:
    fleeting = Message("ai-output", {"percent": 3}, {"headers": {}, "ephemeral": True}, "x")  # pyright: ignore[reportArgumentType] - as it goes out
    assert channel.apply(Publish((fleeting,)), 7) == ("1",)
    assert [each["data"] for each in channel.log] == [{"percent": 3}]
    assert channel.messages == channel.history() == []


def test_later_change_of_what_was_published_does_not_reach_the_channel(channel: Channel) -> None:
    headers = {"said": "a"}
    channel.apply(Publish((Message("ai-output", "a", {"headers": headers}),)), 7)
    headers["said"] = "b"
    assert channel.messages[0]["extras"] == {"headers": {"said": "a"}}


def test_append_to_what_is_no_text_is_refused_and_changes_nothing(channel: Channel) -> None:
    channel.apply(Publish((Message("ai-output", {"a": 1}, {}),)), 7)
    with pytest.raises(PublishError, match="is no text") as caught:
        channel.apply(Append("1", text("b")), 8)
    assert caught.value.code == 40013
    assert len(channel.log) == 1
    assert channel.messages[0]["data"] == {"a": 1}


def test_append_without_data_adds_nothing(channel: Channel) -> None:
    channel.apply(Publish((text("a"),)), 7)
    channel.apply(Append("1", Message("ai-output", None, {"headers": {"said": "end"}})), 8)
    assert [shown(each) for each in channel.log][1:] == [(5, "1", "2", "")]
    assert (channel.messages[0]["data"], channel.messages[0]["extras"]) == ("a", {"headers": {"said": "end"}})


def test_subscriber_gets_appends_to_what_it_has_seen_and_the_whole_text_of_what_it_has_not(channel: Channel) -> None:
    channel.apply(Publish((text("a"),)), 7)
    seen: set[str] = set()
    channel.apply(Append("1", text("b")), 8)
    assert [(each.action, each.data) for each in channel.delivered(1, seen)] == [("update", "ab")]
    channel.apply(Append("1", text("c")), 9)
    assert [(each.action, each.data) for each in channel.delivered(2, seen)] == [("append", "c")]


def test_ephemeral_message_is_delivered_once(channel: Channel) -> None:
    channel.apply(Publish((Message("n", "a", {"ephemeral": True}),)), 7)
    assert [each.data for each in channel.delivered(0, set())] == ["a"]
    assert channel.delivered(1, set()) == []
