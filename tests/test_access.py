"""What a minted token says; what its holder may do is shown by the SDKs in tests/server."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from temporal_ably import AblySettings, SettingsError, client_token
from temporal_ably.server.auth import Key, identify

KEY = "app.key:for-tests-only"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABLY_API_KEY", KEY)


def claims(token: str) -> dict[str, Any]:
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


def test_it_is_for_one_session_one_client_and_an_hour() -> None:
    said = claims(client_token("ai:chat-42", client_id="alice"))
    assert said["x-ably-clientId"] == "alice"
    assert said["exp"] - said["iat"] == 3600
    capability = json.loads(said["x-ably-capability"])
    assert capability == {"ai:chat-42": ["subscribe", "history", "publish", "presence"]}


def test_presence_can_be_left_out() -> None:
    capability = json.loads(claims(client_token("ai:x", client_id="alice", presence=False))["x-ably-capability"])
    assert capability == {"ai:x": ["subscribe", "history", "publish"]}


def test_it_opens_no_channel_but_its_own() -> None:
    token = client_token("ai:chat", client_id="alice")
    now = claims(token)["iat"] * 1000
    identity = identify(Key.parse(KEY), given_key=None, token=token, now=now)
    assert identity.allows("ai:chat", "publish")
    for operation in ("message-update-own", "message-update-any", "message-delete-own", "message-delete-any"):
        assert not identity.allows("ai:chat", operation)
    assert not identity.allows("ai:chat:sub", "subscribe", "publish", "history")
    assert not identity.allows("ai:other", "subscribe", "publish", "history")


def test_settings_go_before_the_environment() -> None:
    settings = AblySettings(api_key="other.key:secret", client_id="agent")  # pyright: ignore[reportArgumentType]
    header = json.loads(
        base64.urlsafe_b64decode(client_token("ai:x", client_id="a", settings=settings).split(".")[0] + "==")
    )
    assert header == {"typ": "JWT", "alg": "HS256", "kid": "other.key"}


@pytest.mark.parametrize("ttl", [timedelta(seconds=1), timedelta(days=1), timedelta(seconds=1.9)])
def test_how_long_it_lives(ttl: timedelta) -> None:
    said = claims(client_token("ai:x", client_id="alice", ttl=ttl))
    assert said["exp"] - said["iat"] == int(ttl.total_seconds())


GOOD: dict[str, Any] = {"session": "ai:x", "client_id": "alice"}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"session": ""}, "argument session"),
        ({"session": ":x"}, "argument session"),
        ({"session": "[?rewind=1]x"}, "argument session"),
        ({"session": "a,b"}, "argument session"),
        ({"session": "a b"}, "argument session"),
        ({"session": 1}, "argument session"),
        ({"session": "*"}, "more than one session"),
        ({"session": "ai:*"}, "more than one session"),
        ({"client_id": ""}, "argument client_id"),
        ({"client_id": " "}, "argument client_id"),
        ({"client_id": "*"}, "argument client_id"),
        ({"client_id": None}, "argument client_id"),
        ({"client_id": "temporal-ably"}, "ABLY_CLIENT_ID"),
        ({"ttl": timedelta(0)}, "argument ttl"),
        ({"ttl": timedelta(days=1, seconds=1)}, "argument ttl"),
        ({"ttl": -timedelta(hours=1)}, "argument ttl"),
        ({"ttl": 3600}, "argument ttl"),
    ],
    ids=str,
)
def test_a_wrong_argument_is_one_clear_error(wrong: dict[str, Any], told: str) -> None:
    given = {**GOOD, **wrong}
    with pytest.raises(SettingsError, match=told) as caught:
        client_token(given.pop("session"), **given)
    assert str(caught.value).startswith("unable to use the argument")
    assert "for-tests-only" not in str(caught.value)


def test_the_agents_own_client_id_is_refused_whatever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABLY_CLIENT_ID", "my-agent")
    assert client_token("ai:x", client_id="temporal-ably")
    with pytest.raises(SettingsError, match="agent's"):
        client_token("ai:x", client_id="my-agent")


@pytest.mark.parametrize("enabled", ["0", "1"])
def test_without_a_key_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch, enabled: str) -> None:
    monkeypatch.delenv("ABLY_API_KEY")
    monkeypatch.setenv("ABLY_ENABLED", enabled)
    with pytest.raises(SettingsError, match="ABLY_API_KEY is not set"):
        client_token(**GOOD)


def test_a_malformed_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABLY_API_KEY", "for-tests-only")
    with pytest.raises(SettingsError, match="ABLY_API_KEY") as caught:
        client_token(**GOOD)
    assert "for-tests-only" not in str(caught.value)
