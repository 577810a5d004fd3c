from __future__ import annotations

import pytest

from temporal_ably.server.auth import Identity
from temporal_ably.server.channels import (
    Attachment,
    attached_frame,
    granted_modes,
    known_params,
    parse_name,
    wanted_modes,
)
from temporal_ably.server.store import Author, Channel, Operation, Replay
from temporal_ably.server.wire import AblyError, Flag, MessageAction, Wire

NOW = 1_700_000_000_000


def make_channel(*data: str) -> Channel:
    channel = Channel("x", "locx", NOW)
    for index, text in enumerate(data):
        channel.create([{"data": text}], Author(), NOW + 1000 * index, "b")
    return channel


def attached(**params: object) -> Attachment[None]:
    return Attachment(None, "x", "x", Flag.SUBSCRIBE, Flag.SUBSCRIBE, dict(params))


@pytest.mark.parametrize(
    ("name", "bare", "params"),
    [
        ("ai:wf", "ai:wf", {}),
        ("a b/c+d", "a b/c+d", {}),
        ("[?rewind=1]ai:wf", "ai:wf", {"rewind": "1"}),
        ("[?rewind=2m&modes=subscribe]x", "x", {"rewind": "2m", "modes": "subscribe"}),
    ],
)
def test_names(name: str, bare: str, params: Wire) -> None:
    assert parse_name(name) == (bare, params)


@pytest.mark.parametrize("name", ["", ":a", "a,b", "a\nb", "[meta]x", "[filter=a]x", "[", "[]", "[?rewind=1]"])
def test_names_that_no_channel_can_have(name: str) -> None:
    with pytest.raises(AblyError) as caught:
        parse_name(name)
    assert caught.value.code == 40010


def test_only_known_parameters_are_given_back() -> None:
    assert known_params({"rewind": "1", "agent": "ai-transport-js/0.8.0", "delta": "vcdiff"}) == {"rewind": "1"}


@pytest.mark.parametrize(
    ("operations", "params", "flags", "granted"),
    [
        (["subscribe"], {}, Flag.NONE, Flag.SUBSCRIBE | Flag.PRESENCE_SUBSCRIBE),
        (["publish"], {}, Flag.NONE, Flag.PUBLISH),
        (["*"], {}, Flag.PUBLISH, Flag.PUBLISH),
        (["*"], {"modes": "publish,subscribe"}, Flag.PRESENCE, Flag.PUBLISH | Flag.SUBSCRIBE),
        (["publish"], {}, Flag.PUBLISH | Flag.SUBSCRIBE, Flag.PUBLISH),
    ],
)
def test_granted_modes_are_those_asked_for_and_allowed(
    operations: list[str], params: Wire, flags: Flag, granted: Flag
) -> None:
    assert granted_modes(Identity("a", ({"*": operations},)), "x", wanted_modes(params, flags)) == granted


def test_by_default_all_common_modes_are_granted() -> None:
    modes = granted_modes(Identity("*"), "x", wanted_modes({}, Flag.ATTACH_RESUME))
    assert Flag.PUBLISH | Flag.SUBSCRIBE | Flag.PRESENCE in modes
    assert Flag.ANNOTATION_SUBSCRIBE not in modes


def test_no_mode_at_all_is_an_error() -> None:
    with pytest.raises(AblyError) as caught:
        granted_modes(Identity("a", ({"y": ["*"]},)), "x", wanted_modes({}, Flag.NONE))
    assert caught.value.code == 40160


@pytest.mark.parametrize(
    ("resumed", "present", "flags"),
    [(False, False, Flag.NONE), (True, False, Flag.RESUMED), (False, True, Flag.HAS_PRESENCE)],
)
def test_attached_tells_what_follows(resumed: bool, present: bool, flags: Flag) -> None:  # noqa: FBT001
    replay = Replay("position", resumed=resumed, operations=())
    frame = attached_frame(attached(), replay, lost=False, present=present)
    assert frame == {"action": 11, "channel": "x", "channelSerial": "position", "flags": int(Flag.SUBSCRIBE | flags)}


def append_to(channel: Channel, data: str) -> Operation:
    serial = next(iter(channel.messages))
    return channel.change({"action": int(MessageAction.APPEND), "serial": serial, "data": data}, Author(), NOW)


def test_the_first_append_after_attach_arrives_in_full_and_the_next_as_a_delta() -> None:
    channel, attachment = make_channel("Hel"), attached()
    first, second = (attachment.render(append_to(channel, data)) for data in ("lo", "!"))
    assert (first["action"], first["data"]) == (1, "Hello")
    assert (second["action"], second["data"]) == (5, "!")


def test_append_mode_full_gives_every_append_in_full() -> None:
    channel, attachment = make_channel("a"), attached(appendMode="full")
    shown = [attachment.render(append_to(channel, data))["data"] for data in "bc"]
    assert shown == ["ab", "abc"]


@pytest.mark.parametrize(
    ("rewind", "found"),
    [(2, ["b", "c"]), ("2", ["b", "c"]), ("1s", ["b", "c"]), ("1m", ["a", "b", "c"]), ("0s", ["c"])],
)
def test_rewind_takes_a_count_or_a_duration(rewind: object, found: list[str]) -> None:
    replay = attached(rewind=rewind).rewind(make_channel("a", "b", "c"), NOW + 2000)
    assert [operation.data for operation in replay.operations] == found


def test_rewind_is_bounded() -> None:
    replay = attached(rewind="500").rewind(make_channel(*(str(n) for n in range(120))), NOW)
    assert len(replay.operations) == 100


@pytest.mark.parametrize("rewind", ["soon", "-1", "1h", "", "1s2m"])
def test_an_unreadable_rewind_is_refused(rewind: str) -> None:
    with pytest.raises(AblyError) as caught:
        attached(rewind=rewind).rewind(make_channel(), NOW)
    assert caught.value.code == 40003
