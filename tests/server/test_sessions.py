from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from temporal_ably.server.auth import Identity
from temporal_ably.server.sessions import Session, Sessions
from temporal_ably.server.wire import AblyError
from tests.server.bench import KEY

if TYPE_CHECKING:
    from temporal_ably.server.wire import Wire

NOW = 1_700_000_000_000
ALICE = Identity("alice")


def make(life: str = "life") -> Sessions:
    ids = (f"{life}{n}" for n in itertools.count())
    return Sessions(KEY, life, lambda: next(ids), ttl_ms=60_000, grace_ms=15_000)


def opened(sessions: Sessions) -> tuple[Session, str]:
    session, error = sessions.open(None, ALICE, NOW)
    assert error is None
    return session, sessions.connection_key(session, ALICE)


def leaving(sessions: Sessions, now: int) -> list[str]:
    return [session.connection_id for session in sessions.leaving(now)]


def test_a_session_is_resumed_while_it_is_kept() -> None:
    sessions = make()
    session, key = opened(sessions)
    sessions.away(session, {}, NOW)
    assert sessions.open(key, ALICE, NOW) == (session, None)
    assert (session.expires, session.leaves) == (None, None)


def test_a_lost_session_is_not_resumed() -> None:
    sessions = make()
    session, key = opened(sessions)
    sessions.away(session, {}, NOW)
    assert leaving(sessions, NOW + 60_000) == [session.connection_id]
    other, error = sessions.open(key, ALICE, NOW + 60_000)
    assert other is not session
    assert error is not None
    assert error.code == 80018


def test_a_session_of_the_servers_life_before_is_resumed() -> None:
    session, key = opened(make("before"))
    resumed, error = make("now").open(key, ALICE, NOW)
    assert (resumed.connection_id, error) == (session.connection_id, None)


def test_a_session_is_its_clients_own() -> None:
    sessions = make()
    _, key = opened(sessions)
    with pytest.raises(AblyError) as caught:
        sessions.open(key, Identity("bob"), NOW)
    assert caught.value.code == 40102


@pytest.mark.parametrize(
    ("params", "grace_ms"),
    [
        ({}, 15_000),
        ({"remainPresentFor": "5000"}, 5_000),
        ({"remainPresentFor": "0"}, 1_000),
        ({"remainPresentFor": "soon"}, 15_000),
    ],
    ids=str,
)
def test_members_leave_some_time_after_the_connection_was_lost(params: Wire, grace_ms: int) -> None:
    sessions = make()
    session, _ = opened(sessions)
    sessions.away(session, params, NOW)
    assert sessions.next_due() == NOW + grace_ms
    assert sessions.absent == [session]
    assert leaving(sessions, NOW + grace_ms - 1) == []
    assert leaving(sessions, NOW + grace_ms) == [session.connection_id]
    assert leaving(sessions, NOW + grace_ms) == []
    assert (sessions.next_due(), sessions.absent) == (None, [])


def test_who_is_back_does_not_leave() -> None:
    sessions = make()
    session, key = opened(sessions)
    sessions.away(session, {}, NOW)
    sessions.open(key, ALICE, NOW + 14_999)
    assert leaving(sessions, NOW + 100_000) == []


def test_members_leave_with_their_session_even_if_they_were_to_remain_longer() -> None:
    sessions = make()
    session, _ = opened(sessions)
    sessions.away(session, {"remainPresentFor": "3600000"}, NOW)
    assert leaving(sessions, NOW + 60_000) == [session.connection_id]


def test_a_session_ends_with_goodbye() -> None:
    sessions = make()
    session, key = opened(sessions)
    sessions.end(session)
    assert sessions.open(key, ALICE, NOW)[0] is not session
