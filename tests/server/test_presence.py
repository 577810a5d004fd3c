from __future__ import annotations

import itertools

import pytest

from temporal_ably.server.presence import Actor, Presence, PresenceQuery
from temporal_ably.server.wire import AblyError, PresenceAction, Wire, size_of

ENTER, LEAVE, UPDATE, PRESENT = (
    PresenceAction.ENTER,
    PresenceAction.LEAVE,
    PresenceAction.UPDATE,
    PresenceAction.PRESENT,
)
NOW = 1_700_000_000_000


class Room:
    """One channel, with a frame number that goes up by itself."""

    def __init__(self, limit: int | None = None) -> None:
        self.presence = Presence(limit)
        self._serials = itertools.count()

    def act(self, action: PresenceAction, client: str, connection: str = "c", *, at: int = NOW, **item: object) -> Wire:
        """Give the one event."""
        (event,) = self.try_to(action, client, connection, at=at, **item)
        return event

    def try_to(
        self, action: PresenceAction, client: str, connection: str = "c", *, at: int = NOW, **item: object
    ) -> list[Wire]:
        """Give the event, or none."""
        actor = Actor(connection, next(self._serials))
        return self.presence.apply([{"action": int(action), **item}], [client], actor, at)

    def clients(self) -> list[object]:
        """Who is there."""
        return [member["clientId"] for member in self.presence.members()]


def test_a_member_enters_updates_and_leaves() -> None:
    room = Room()
    entered = room.act(ENTER, "alice", data="a")
    assert entered == {
        "id": "c:0:0",
        "action": ENTER,
        "clientId": "alice",
        "connectionId": "c",
        "timestamp": NOW,
        "data": "a",
    }
    updated = room.act(UPDATE, "alice", data="b")
    assert room.presence.members() == [{**updated, "action": PRESENT}]
    assert room.act(LEAVE, "alice")["action"] == LEAVE
    assert room.presence.members() == []


@pytest.mark.parametrize("action", [ENTER, UPDATE, PRESENT])
def test_an_update_of_who_is_not_there_enters_and_the_other_way_round(action: PresenceAction) -> None:
    room = Room()
    assert room.act(action, "alice")["action"] == ENTER
    assert room.act(action, "alice")["action"] == UPDATE


def test_a_leave_has_its_own_data_or_the_last() -> None:
    room = Room()
    room.act(ENTER, "alice", data="[1]", encoding="json")
    left = room.act(LEAVE, "alice")
    assert (left["data"], left["encoding"]) == ("[1]", "json")
    room.act(ENTER, "alice", data="[1]", encoding="json")
    left = room.act(LEAVE, "alice", data="bye")
    assert (left["data"], "encoding" in left) == ("bye", False)


def test_extras_are_an_events_own() -> None:
    room = Room()
    room.act(ENTER, "alice", extras={"headers": {"a": "1"}})
    assert "extras" not in room.act(LEAVE, "alice")


def test_one_client_on_two_connections_is_two_members() -> None:
    room = Room()
    room.act(ENTER, "alice", "c")
    room.act(ENTER, "alice", "d")
    room.act(LEAVE, "alice", "c")
    assert [member["connectionId"] for member in room.presence.members()] == ["d"]


@pytest.mark.parametrize(
    ("client_id", "connection_id", "found"),
    [
        (None, None, ["alice", "bob", "alice"]),
        ("alice", None, ["alice", "alice"]),
        (None, "c", ["alice", "bob"]),
        ("alice", "d", ["alice"]),
        ("bob", "d", []),
    ],
)
def test_members_can_be_chosen(client_id: str | None, connection_id: str | None, found: list[str]) -> None:
    room = Room()
    for client, connection in (("alice", "c"), ("bob", "c"), ("alice", "d")):
        room.act(ENTER, client, connection)
    assert [member["clientId"] for member in room.presence.members(client_id, connection_id)] == found


def test_what_is_not_newer_changes_nothing() -> None:
    room = Room()
    first = room.act(ENTER, "alice", data="a")
    room.act(UPDATE, "alice", data="b")
    assert room.try_to(ENTER, "alice", id=first["id"], data="a") == []
    assert room.try_to(LEAVE, "alice", id=first["id"]) == []
    assert [member["data"] for member in room.presence.members()] == ["b"]


def test_ids_are_ordered_as_numbers() -> None:
    room = Room()
    room.act(ENTER, "alice", id="c:9:0")
    assert room.act(UPDATE, "alice", id="c:10:0")["id"] == "c:10:0"
    assert room.act(UPDATE, "alice", id="c:10:2")["id"] == "c:10:2"
    assert room.try_to(UPDATE, "alice", id="c:10:1") == []


@pytest.mark.parametrize("given", ["d:5:0", "c:x:0", "c:5", "5:0", ""])
def test_an_id_that_is_not_the_connections_own_is_replaced(given: str) -> None:
    assert Room().act(ENTER, "alice", id=given)["id"] == "c:0:0"


def test_who_left_without_a_word_may_enter_again_with_the_id_of_before() -> None:
    room = Room()
    entered = room.act(ENTER, "alice")
    room.presence.remove(room.presence.members(), lambda: "x", NOW)
    assert room.act(ENTER, "alice", id=entered["id"])["action"] == ENTER


def test_what_the_server_says_is_compared_by_time_and_so_has_no_id_of_the_connection() -> None:
    room = Room()
    room.act(ENTER, "alice", data="a")
    (left,) = room.presence.remove(room.presence.members(), lambda: "x", NOW + 5)
    assert left == {
        "id": "x:0:0",
        "action": LEAVE,
        "clientId": "alice",
        "connectionId": "c",
        "timestamp": NOW + 5,
        "data": "a",
    }


def test_items_of_one_frame_happen_all_or_not_at_all() -> None:
    room = Room(limit=2)
    items: list[Wire] = [{"action": int(ENTER)}] * 3
    with pytest.raises(AblyError) as caught:
        room.presence.apply(items, ["a", "b", "c"], Actor("c", 0), NOW)
    assert (caught.value.code, room.clients()) == (91003, [])
    events = room.presence.apply(items, ["a", "b", "a"], Actor("c", 1), NOW)
    assert [(event["id"], event["action"]) for event in events] == [
        ("c:1:0", ENTER),
        ("c:1:1", ENTER),
        ("c:1:2", UPDATE),
    ]


def test_one_frame_may_make_room_for_another_member() -> None:
    room = Room(limit=1)
    room.act(ENTER, "a")
    items: list[Wire] = [{"action": int(LEAVE)}, {"action": int(ENTER)}]
    room.presence.apply(items, ["a", "b"], Actor("c", 9), NOW)
    assert room.clients() == ["b"]


@pytest.mark.parametrize(("action", "code"), [(LEAVE, 91002), (PresenceAction.ABSENT, 40003)])
def test_refusals(action: PresenceAction, code: int) -> None:
    with pytest.raises(AblyError) as caught:
        Room().act(action, "alice")
    assert caught.value.code == code


def test_members_come_in_pages_that_fit_into_a_frame() -> None:
    room = Room()
    assert room.presence.pages() == []
    for number in range(10):
        room.act(ENTER, f"client-{number}", data="x" * 60_000)
    pages = room.presence.pages()
    assert [member for page in pages for member in page] == room.presence.members()
    assert len(pages) == 3
    assert all(0 < size_of(page) <= 262_144 for page in pages)


class TestHistory:
    def filled(self) -> Presence:
        room = Room()
        for number, client in enumerate("abc"):
            room.act(ENTER, client, at=NOW + number)
        room.act(LEAVE, "a", at=NOW + 3)
        return room.presence

    def told(self, **query: int | bool) -> list[tuple[object, object]]:
        page, _ = self.filled().history(PresenceQuery(**query))  # pyright: ignore[reportArgumentType] - given by name
        return [(event["action"], event["clientId"]) for _, event in page]

    def test_newest_first_or_oldest_first(self) -> None:
        assert self.told() == [(LEAVE, "a"), (ENTER, "c"), (ENTER, "b"), (ENTER, "a")]
        assert self.told(forwards=True) == [(ENTER, "a"), (ENTER, "b"), (ENTER, "c"), (LEAVE, "a")]

    def test_bounds(self) -> None:
        assert self.told(start=NOW + 1, end=NOW + 2) == [(ENTER, "c"), (ENTER, "b")]

    @pytest.mark.parametrize("forwards", [True, False])
    def test_pages(self, *, forwards: bool) -> None:
        presence = self.filled()
        whole, _ = presence.history(PresenceQuery(forwards=forwards))
        first, more = presence.history(PresenceQuery(forwards=forwards, limit=3))
        rest, end = presence.history(PresenceQuery(forwards=forwards, limit=3, after=first[-1][0]))
        assert (first + rest, more, end) == (whole, True, False)
