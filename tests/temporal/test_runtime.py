"""What interceptors share: one publisher a route, made at first need, one set a process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from temporal_ably._temporal.runtime import Runtime, open_run
from temporal_ably._transport.base import Timeouts
from temporal_ably._wire.identity import Binding
from temporal_ably.settings import AblySettings, load

if TYPE_CHECKING:
    from temporal_ably._temporal.runtime import Shared

# Nothing listens there, and nothing is ever sent.
NOWHERE = {"api_key": "app.id:secret", "endpoint": "127.0.0.1:1", "tls": False}


def runtime(**settings: object) -> Runtime:
    return Runtime(load(None, NOWHERE | settings))


def test_settings_become_options() -> None:
    options = runtime(session_template="x:{workflow_id}", on_failure="fail", flush_timeout=3, tags="full").options
    assert options.template == "x:{workflow_id}"
    assert (options.fail, options.full_tags) == (True, True)
    assert options.flush_timeout.total_seconds() == 3
    assert Runtime(AblySettings(enabled=False)).options.fail is False


def test_nothing_is_shared_before_something_streams() -> None:
    assert runtime(client_id="unused").active is None


def test_equal_routes_share_a_publisher_whatever_their_other_settings() -> None:
    first = runtime(client_id="shared").shared()
    assert runtime(client_id="shared", on_failure="fail", session_template="x:{workflow_id}").shared() is first
    assert runtime(client_id="shared").active is first


@pytest.mark.parametrize(
    "other",
    [
        {"api_key": "app.id:other"},
        {"endpoint": "127.0.0.1:2"},
        {"tls": True},
        {"client_id": "other"},
        {"buffer_bytes": 2048},
        {"messages_per_second_channel": 1},
        {"messages_per_second_connection": 1},
        {"max_connections": 1},
    ],
    ids=lambda other: next(iter(other)),
)
def test_other_routes_have_their_own_publisher(other: dict[str, object]) -> None:
    assert runtime(**other).shared() is not runtime().shared()


def test_other_timeouts_have_their_own_publisher() -> None:
    settings = load(None, dict(NOWHERE))
    assert Runtime(settings, timeouts=Timeouts(idle_s=1.0)).shared() is not Runtime(settings).shared()


def test_forked_child_shares_nothing_with_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    parent = runtime(client_id="forked")
    shared: Shared = parent.shared()
    child = os.getpid() + 1
    monkeypatch.setattr(os, "getpid", lambda: child)
    assert parent.active is None
    assert parent.shared() is not shared
    assert parent.shared().publisher.engine is not shared.publisher.engine


async def test_drain_and_hint_without_anything_streamed_do_nothing() -> None:
    unused = runtime(client_id="unused")
    unused.workflow_closed(Binding("ai:wf", "run", "wf", "run"), "run", "Chat")
    await unused.drain()
    assert unused.active is None


async def test_drain_lets_go_of_a_publisher_that_has_nothing_to_do() -> None:
    used = runtime(client_id="used")
    shared = used.shared()
    await used.drain()
    assert shared.publisher._lanes.idle


def test_run_is_the_root_of_a_group_of_its_own() -> None:
    run = open_run(Binding("ai:wf", "run", "wf", "run"))
    assert (run.id, run.parent) == ("run", "run/in")
