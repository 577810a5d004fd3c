from __future__ import annotations

import base64
import json

import pytest

from temporal_ably._wire.jwt import sign_jwt
from temporal_ably.server.auth import Key, create_jwt, identify

KEY = "app.key:secret"
NOW_S = 1_700_000_000


def test_it_is_the_token_that_another_implementation_makes() -> None:
    # The local server's own code, which shares nothing with ours but the documents of Ably.
    capability = {"ai:chat": ["publish", "subscribe"]}
    made = sign_jwt(KEY, now_s=NOW_S, ttl_s=60, client_id="alice", capability=capability)
    theirs = create_jwt(Key.parse(KEY), NOW_S * 1000, 60_000, "alice", capability)
    assert [len(part) > 0 for part in made.split(".")] == [True] * 3
    assert _read(made) == _read(theirs)


def test_its_signature_is_the_keys() -> None:
    token = sign_jwt(KEY, now_s=NOW_S, ttl_s=60)
    identity = identify(Key.parse(KEY), given_key=None, token=token, now=NOW_S * 1000)
    assert (identity.client_id, identity.expires) == (None, (NOW_S + 60) * 1000)
    with pytest.raises(Exception, match="signature"):
        identify(Key.parse("app.key:other"), given_key=None, token=token, now=NOW_S * 1000)


def test_it_holds_no_secret() -> None:
    assert "secret" not in json.dumps(_read(sign_jwt(KEY, now_s=NOW_S, ttl_s=60)))


def _read(token: str) -> list[object]:
    return [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]
