from __future__ import annotations

import json

import pytest

from temporal_ably.server.auth import EVERYTHING, Capability, Identity, Key, identify
from temporal_ably.server.tokens import TokenIssuer, sign
from temporal_ably.server.wire import AblyError, Wire

KEY = Key.parse("app.key:secret")
NOW = 1_700_000_000_000
HOUR = 3_600_000


def request(**fields: object) -> Wire:
    """A signed token request."""
    body: Wire = {"keyName": KEY.name, "timestamp": NOW, "nonce": "0123456789abcdef", **fields}
    return {**body, "mac": sign(KEY, body)}


def issue(body: Wire, *, trusted: bool = False, key: Key = KEY) -> Wire:
    return TokenIssuer(key).issue(KEY.name, body, NOW, trusted=trusted)


def proven(details: Wire, now: int = NOW, key: Key = KEY) -> Identity:
    return identify(key, given_key=None, token=str(details["token"]), now=now)


def refused(body: Wire) -> int:
    with pytest.raises(AblyError) as caught:
        issue(body)
    return caught.value.code


def test_the_mac_is_the_one_of_ablys_own_clients() -> None:
    # ably-js 2.28, `auth.createTokenRequest({ttl: 60000, clientId: "alice", capability: {a: ["*"]}, ...})`.
    body: Wire = {"keyName": "app.key", "ttl": 60_000, "capability": '{"a":["*"]}', "clientId": "alice"}
    body |= {"timestamp": 1_700_000_000_000, "nonce": "0123456789abcdef"}
    assert sign(KEY, body) == "r2n+rNBwH2MpKxet+/m6yV4J86R7/p39PfLq9uRYc9s="


def test_a_token_has_the_defaults_of_its_key() -> None:
    details = issue(request())
    assert details["expires"] == NOW + HOUR
    assert (details["issued"], details["keyName"], "clientId" in details) == (NOW, KEY.name, False)
    assert json.loads(str(details["capability"])) == EVERYTHING
    identity = proven(details)
    assert (identity.client_id, identity.expires) == (None, NOW + HOUR)
    assert identity.allows("any", "publish")


def test_a_token_has_what_was_asked_for() -> None:
    details = issue(request(ttl=60_000, clientId="alice", capability='{"b":["publish","history"],"a":["*"]}'))
    assert details["capability"] == '{"a":["*"],"b":["history","publish"]}'
    assert (details["expires"], details["clientId"]) == (NOW + 60_000, "alice")
    identity = proven(details)
    assert identity.client_id == "alice"
    assert identity.allows("b", "publish")
    assert not identity.allows("b", "subscribe")


@pytest.mark.parametrize("ttl", ["60000", 60_000, 60_000.0], ids=["text", "whole", "float"])
def test_numbers_come_in_several_forms(ttl: object) -> None:
    body = request(ttl=60_000)
    assert issue({**body, "ttl": ttl, "timestamp": float(NOW)})["expires"] == NOW + 60_000


def test_a_token_expires() -> None:
    details = issue(request(ttl=1000))
    with pytest.raises(AblyError) as caught:
        proven(details, NOW + 1000)
    assert caught.value.code == 40142


def test_a_token_outlives_the_server_but_not_its_key() -> None:
    details = issue(request())
    with pytest.raises(AblyError) as caught:
        proven(details, key=Key.parse("app.key:other"))
    assert caught.value.code == 40143


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"mac": "wrong"}, 40101),
        ({"mac": "\u20ac"}, 40101),
        ({"clientId": "mallory"}, 40101),
        ({"keyName": "app.other"}, 40003),
    ],
    ids=str,
)
def test_what_is_not_as_it_was_signed_is_refused(change: Wire, code: int) -> None:
    assert refused({**request(), **change}) == code


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"timestamp": NOW - 120_001}, 40104),
        ({"timestamp": NOW + 120_001}, 40104),
        ({"timestamp": "now"}, 40003),
        ({"nonce": "short"}, 40003),
        ({"ttl": 24 * HOUR + 1}, 40003),
        ({"ttl": 0}, 40003),
        ({"ttl": -1}, 40003),
        ({"ttl": "notanumber"}, 40003),
        ({"clientId": ""}, 40012),
        ({"capability": "{"}, 40003),
        ({"capability": "[]"}, 40003),
        ({"capability": '{"a":[]}'}, 40003),
        ({"capability": '{"a":["publish_"]}'}, 40003),
        ({"capability": '{"a":["*","publish"]}'}, 40003),
    ],
    ids=str,
)
def test_values_that_no_token_can_have(fields: Wire, code: int) -> None:
    assert refused(request(**fields)) == code


def test_without_a_signature_the_key_itself_must_have_been_shown() -> None:
    assert refused({}) == 40003
    assert refused({"keyName": KEY.name}) == 40101
    assert proven(issue({"clientId": "alice"}, trusted=True)).client_id == "alice"


def test_a_request_is_taken_once() -> None:
    issuer, body = TokenIssuer(KEY), request()
    issuer.issue(KEY.name, body, NOW, trusted=False)
    with pytest.raises(AblyError) as caught:
        issuer.issue(KEY.name, body, NOW + 1, trusted=False)
    assert caught.value.code == 40105
    assert issuer.issue(KEY.name, request(nonce="another nonce of 16"), NOW + 1, trusted=False)


@pytest.mark.parametrize(("name", "code"), [("app.other", 40130), ("other.key", 40400)])
def test_another_key_is_unknown(name: str, code: int) -> None:
    with pytest.raises(AblyError) as caught:
        TokenIssuer(KEY).issue(name, request(), NOW, trusted=False)
    assert caught.value.code == code


NARROW = {"ai:*": ["publish", "subscribe"], "all": ["*"]}


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ({"ai:x": ["*"]}, {"ai:x": ["publish", "subscribe"]}),
        ({"ai:x": ["publish", "history"]}, {"ai:x": ["publish"]}),
        ({"*": ["subscribe"]}, {"ai:*": ["subscribe"], "all": ["subscribe"]}),
        ({"all": ["history"], "ai:x": ["history"]}, {"all": ["history"]}),
        ({"[*]*": ["*"]}, {"ai:*": ["publish", "subscribe"], "all": ["*"]}),
    ],
    ids=str,
)
def test_no_token_may_more_than_its_key(wanted: Capability, given: Capability) -> None:
    key = Key.parse(str(KEY), NARROW)
    details = issue(request(capability=json.dumps(wanted)), key=key)
    assert json.loads(str(details["capability"])) == given


def test_a_token_that_may_nothing_is_not_issued() -> None:
    key = Key.parse(str(KEY), NARROW)
    with pytest.raises(AblyError) as caught:
        issue(request(capability='{"other":["*"]}'), key=key)
    assert caught.value.code == 40160
