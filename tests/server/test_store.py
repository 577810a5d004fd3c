from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_ably.server.store import IDEMPOTENT_FOR_MS, Author, Channel, HistoryQuery, Operation
from temporal_ably.server.wire import AblyError, MessageAction, Wire

NOW = 1_700_000_000_000
ALICE = Author("conn", "alice")


def make() -> Channel:
    return Channel("ai:wf", "locx", NOW)


def create(channel: Channel, *messages: Wire, now: int = NOW) -> list[Operation]:
    results = channel.create(messages, ALICE, now, "batch")
    return [result for result in results if isinstance(result, Operation)]


def change(channel: Channel, action: MessageAction, serial: str, now: int = NOW, **fields: object) -> Operation:
    return channel.change({"action": int(action), "serial": serial, **fields}, ALICE, now)


def append(channel: Channel, serial: str, data: str | bytes, now: int = NOW, **fields: object) -> Operation:
    return change(channel, MessageAction.APPEND, serial, now, data=data, **fields)


def code_of(caught: pytest.ExceptionInfo[AblyError]) -> int:
    return caught.value.code


def test_serials_have_the_form_that_clients_compare() -> None:
    (first,) = create(make(), {"data": "x"})
    assert first.serial == "01700000000000-001@locx:000"
    assert first.position == "01700000000000-001@locx"
    assert first.created_at == first.position


@given(st.lists(st.integers(min_value=-5, max_value=5), max_size=30))
def test_positions_rise_whatever_the_clock_does(steps: list[int]) -> None:
    channel, now, positions = make(), NOW, [""]
    for step in steps:
        now += step
        positions.append(create(channel, {"data": "x"}, now=now)[0].position)
    assert positions == sorted(set(positions))


def test_positions_rise_past_a_thousand_in_one_millisecond() -> None:
    channel = make()
    positions = [create(channel, {"data": "x"})[0].position for _ in range(1100)]
    assert positions == sorted(set(positions))


def test_messages_of_one_publish_share_their_position() -> None:
    first, second = create(make(), {"data": "a"}, {"data": "b"})
    assert first.position == second.position
    assert (first.serial[-4:], second.serial[-4:]) == (":000", ":001")
    assert (first.fields["id"], second.fields["id"]) == ("batch:0", "batch:1")


def test_a_created_message_is_stamped() -> None:
    (made,) = create(make(), {"data": "x", "name": "n", "timestamp": 1, "serial": "mine", "version": {}})
    assert made.full() == {
        "action": 0,
        "clientId": "alice",
        "connectionId": "conn",
        "data": "x",
        "id": "batch:0",
        "name": "n",
        "serial": made.serial,
        "timestamp": NOW,
        "version": {"serial": made.serial, "timestamp": NOW},
    }


def test_an_id_is_idempotent_for_two_minutes() -> None:
    channel = make()
    (made,) = create(channel, {"id": "one", "data": "x"})
    assert channel.create([{"id": "one", "data": "x"}], ALICE, NOW + IDEMPOTENT_FOR_MS - 1, "b") == [made.serial]
    assert create(channel, {"id": "one", "data": "x"}, now=NOW + IDEMPOTENT_FOR_MS)
    assert len(channel.messages) == 2


@pytest.mark.parametrize("ids", [("a:0", "b:1"), ("a:1", "a:2"), ("a", "b"), ("a:0", None)])
def test_ids_of_one_publish_share_their_base(ids: tuple[str | None, ...]) -> None:
    messages: list[Wire] = [{"id": name} if name else {} for name in ids]
    with pytest.raises(AblyError) as caught:
        make().create(messages, ALICE, NOW, "b")
    assert code_of(caught) == 40031


def test_an_append_adds_data_and_shows_as_an_update_in_full() -> None:
    channel = make()
    (made,) = create(channel, {"data": "Hel", "name": "n", "extras": {"a": "1"}})
    append(channel, made.serial, "l")
    last = append(channel, made.serial, "o")
    assert last.delta()["action"] == 5
    assert last.delta()["data"] == "o"
    assert last.full()["action"] == 1
    assert last.full()["data"] == "Hello"
    assert last.size == 5


def test_an_operation_keeps_the_text_as_it_was() -> None:
    channel = make()
    (made,) = create(channel, {"data": "a"})
    first = append(channel, made.serial, "b")
    append(channel, made.serial, "c")
    assert (made.data, first.data) == ("a", "ab")


def test_an_append_carries_name_and_extras_forward() -> None:
    channel = make()
    (made,) = create(channel, {"data": "", "name": "ai-output", "extras": {"a": "1"}})
    kept = append(channel, made.serial, "x").delta()
    assert (kept["name"], kept["extras"]) == ("ai-output", {"a": "1"})
    replaced = append(channel, made.serial, "x", extras={"b": "2"}).delta()
    assert (replaced["name"], replaced["extras"]) == ("ai-output", {"b": "2"})


def test_bytes_are_appended_to_bytes() -> None:
    channel = make()
    (made,) = create(channel, {"data": b"\0"})
    assert append(channel, made.serial, b"\x01").data == b"\0\x01"


def test_a_message_without_data_can_be_appended_to() -> None:
    channel = make()
    (made,) = create(channel, {"name": "n"})
    assert change(channel, MessageAction.APPEND, made.serial).delta()["data"] == ""
    assert append(channel, made.serial, "x").data == "x"


@pytest.mark.parametrize("fields", [{"data": b"x"}, {"data": "x", "encoding": "json"}], ids=["bytes", "encoding"])
def test_an_append_of_another_kind_is_refused_and_changes_nothing(fields: Wire) -> None:
    channel = make()
    (made,) = create(channel, {"data": "text"})
    with pytest.raises(AblyError) as caught:
        channel.change({"action": 5, "serial": made.serial, **fields}, ALICE, NOW)
    assert code_of(caught) == 40013
    assert channel.find(made.serial) is made
    assert made.data == "text"


def test_a_malformed_version_changes_nothing() -> None:
    channel = make()
    (made,) = create(channel, {"data": "text"})
    with pytest.raises(AblyError):
        append(channel, made.serial, "x", version="no object")
    assert append(channel, made.serial, "y").data == "texty"


def test_an_update_replaces_only_what_it_brings() -> None:
    channel = make()
    (made,) = create(channel, {"data": '{"a":1}', "encoding": "json", "name": "n", "extras": {"a": "1"}})
    kept = change(channel, MessageAction.UPDATE, made.serial, extras={"b": "2"}).full()
    assert (kept["data"], kept["encoding"], kept["name"], kept["extras"]) == ('{"a":1}', "json", "n", {"b": "2"})
    replaced = change(channel, MessageAction.UPDATE, made.serial, data="text").full()
    assert (replaced["action"], replaced["data"], "encoding" in replaced) == (1, "text", False)


def test_a_change_keeps_the_creator_and_names_the_changer_in_its_version() -> None:
    channel = make()
    (made,) = create(channel, {"data": "x"})
    bob = Author("other", "bob")
    version = {"description": "why", "metadata": {"k": "v"}, "serial": "forged"}
    sent: Wire = {"action": 1, "serial": made.serial, "data": "y", "version": version}
    changed = channel.change(sent, bob, NOW + 5).full()
    assert (changed["clientId"], changed["timestamp"], changed["serial"]) == ("alice", NOW, made.serial)
    assert changed["version"] == {
        "serial": "01700000000005-000@locx:000",
        "timestamp": NOW + 5,
        "clientId": "bob",
        "description": "why",
        "metadata": {"k": "v"},
    }


def test_a_deleted_message_keeps_its_data_and_takes_no_appends() -> None:
    channel = make()
    (made,) = create(channel, {"data": "x"})
    assert change(channel, MessageAction.DELETE, made.serial).full()["data"] == "x"
    assert channel.find(made.serial).full()["action"] == 2
    with pytest.raises(AblyError) as caught:
        append(channel, made.serial, "y")
    assert code_of(caught) == 40000


@pytest.mark.parametrize(("serial", "code"), [(None, 40003), ("", 40003), ("unknown", 40400)])
def test_a_change_needs_a_known_serial(serial: str | None, code: int) -> None:
    with pytest.raises(AblyError) as caught:
        make().change({"action": 1, "serial": serial}, ALICE, NOW)
    assert code_of(caught) == code


def test_versions_show_a_run_of_appends_only_as_the_last_state() -> None:
    channel = make()
    (made,) = create(channel, {"data": "a"})
    append(channel, made.serial, "b")
    change(channel, MessageAction.UPDATE, made.serial, data="X")
    append(channel, made.serial, "y")
    append(channel, made.serial, "z")
    assert [version.full()["data"] for version in channel.versions(made.serial)] == ["a", "X", "Xyz"]


def test_since_gives_what_came_after_a_position() -> None:
    channel = make()
    first, _ = create(channel, {"data": "a"})[0], create(channel, {"data": "b"})
    append(channel, first.serial, "c")
    replay = channel.since(first.position, horizon=0)
    assert replay.resumed
    assert replay.start == first.position
    assert [operation.sent["data"] for operation in replay.operations] == ["b", "c"]


def test_since_the_newest_position_gives_nothing_and_resumes() -> None:
    channel = make()
    create(channel, {"data": "a"})
    replay = channel.since(channel.position, horizon=NOW + 10**9)
    assert (replay.resumed, list(replay.operations)) == (True, [])


def test_since_a_position_of_another_life_is_lost() -> None:
    channel = make()
    create(channel, {"data": "a"})
    replay = channel.since("01700000000000-000@other", horizon=0)
    assert not replay.resumed
    assert replay.start == channel.earliest
    assert len(replay.operations) == 1


def test_since_is_lost_once_a_missed_operation_is_too_old() -> None:
    channel = make()
    start = channel.position
    create(channel, {"data": "old"})
    (newer,) = create(channel, {"data": "new"}, now=NOW + 200)
    replay = channel.since(start, horizon=NOW + 100)
    assert not replay.resumed
    assert list(replay.operations) == [newer]
    assert start < replay.start < newer.position


def test_forget_loses_every_earlier_position() -> None:
    channel = make()
    (made,) = create(channel, {"data": "a"})
    channel.forget(NOW + 1)
    assert not channel.since(made.position, horizon=0).resumed
    assert channel.since(channel.position, horizon=0).resumed


def test_rewind_gives_the_newest_messages_as_they_are_now() -> None:
    channel = make()
    made = [create(channel, {"data": str(n)}, now=NOW + n)[0] for n in range(4)]
    append(channel, made[2].serial, "!", now=NOW + 9)
    replay = channel.rewind(count=2, since=None)
    assert [operation.data for operation in replay.operations] == ["2!", "3"]
    assert replay.start == made[1].position
    assert [operation.data for operation in channel.rewind(count=100, since=NOW + 1).operations] == ["1", "2!", "3"]


def test_rewind_of_everything_starts_before_everything() -> None:
    channel = make()
    create(channel, {"data": "a"})
    assert channel.rewind(count=10, since=None).start == channel.earliest
    assert make().rewind(count=10, since=None).operations == []


def test_history_is_newest_first_by_original_serial_with_the_latest_version() -> None:
    channel = make()
    first, _, _ = (create(channel, {"data": data})[0] for data in "abc")
    append(channel, first.serial, "+")
    page, more = channel.history(HistoryQuery())
    assert ([operation.data for operation in page], more) == (["c", "b", "a+"], False)


def test_history_pages_do_not_move_when_messages_arrive() -> None:
    channel = make()
    for data in "abcde":
        create(channel, {"data": data})
    page, more = channel.history(HistoryQuery(limit=2))
    create(channel, {"data": "new"})
    following, rest = channel.history(HistoryQuery(limit=2, after=page[-1].serial))
    assert ([op.data for op in page], more) == (["e", "d"], True)
    assert ([op.data for op in following], rest) == (["c", "b"], True)
    assert [op.data for op in channel.history(HistoryQuery(forwards=True, limit=3))[0]] == ["a", "b", "c"]
    after = channel.history(HistoryQuery(forwards=True, after=following[0].serial))[0]
    assert [op.data for op in after] == ["d", "e", "new"]


def test_history_until_an_attach_point_includes_the_message_at_it() -> None:
    channel = make()
    create(channel, {"data": "a"})
    at = create(channel, {"data": "b"})[0].position
    create(channel, {"data": "c"})
    assert [op.data for op in channel.history(HistoryQuery(upto=at))[0]] == ["b", "a"]


def test_history_bounds_are_inclusive() -> None:
    channel = make()
    for n in range(4):
        create(channel, {"data": str(n)}, now=NOW + n)
    found = channel.history(HistoryQuery(start=NOW + 1, end=NOW + 2))[0]
    assert [op.data for op in found] == ["2", "1"]


def test_an_ephemeral_message_is_not_stored() -> None:
    channel = make()
    start = channel.position
    (made,) = create(channel, {"data": "x", "extras": {"ephemeral": True}})
    assert channel.log == [made]
    assert channel.history(HistoryQuery())[0] == []
    assert list(channel.since(start, horizon=0).operations) == []
