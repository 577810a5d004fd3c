from __future__ import annotations

import base64
import json

import pytest

from temporal_ably.server.auth import (
    WILDCARD,
    Capability,
    Identity,
    Key,
    create_connection_key,
    create_jwt,
    create_token,
    identify,
    intersect,
    read_capability,
    read_connection_key,
)
from temporal_ably.server.wire import AblyError, Wire

KEY = Key.parse("app.key:secret")
NOW = 1_700_000_000_000
HOUR = 3_600_000


def signed(header: object, claims: object, key: Key = KEY) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)]
    body = ".".join(parts)
    return f"{body}.{key.sign(body)}"


def by_token(token: str) -> Identity:
    return identify(KEY, given_key=None, token=token, now=NOW)


def test_a_key_does_not_show_its_secret() -> None:
    assert "secret" not in repr(KEY)
    assert str(KEY) == "app.key:secret"


@pytest.mark.parametrize("value", ["", "app.key", "appkey:secret", "app.key:"])
def test_what_is_no_key_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="appId"):
        Key.parse(value)


def test_the_key_may_act_as_anyone() -> None:
    identity = identify(KEY, given_key=str(KEY), token=None, now=NOW)
    assert identity.client_id == WILDCARD
    assert identity.expires is None


@pytest.mark.parametrize(
    ("given", "code"),
    [("app.key:wrong", 40101), ("app.other:secret", 40130), ("other.key:secret", 40101), ("", 40101), (None, 40101)],
)
def test_wrong_keys(given: str | None, code: int) -> None:
    with pytest.raises(AblyError) as caught:
        identify(KEY, given_key=given, token=None, now=NOW)
    assert caught.value.code == code
    assert "secret;" not in str(caught.value)


def test_a_token_names_its_client_and_narrows_the_key() -> None:
    identity = by_token(create_jwt(KEY, NOW, HOUR, "alice", {"ai:*": ["subscribe"]}))
    assert identity.client_id == "alice"
    assert identity.expires == NOW + HOUR
    assert identity.allows("ai:wf", "subscribe")
    assert not identity.allows("ai:wf", "publish")
    assert not identity.allows("other", "subscribe")


def test_a_token_without_claims_is_anonymous_and_may_what_the_key_may() -> None:
    identity = by_token(create_jwt(KEY, NOW, HOUR, None, None))
    assert identity.client_id is None
    assert identity.allows("anything", "message-update-any")


GOOD: Wire = {"typ": "JWT", "alg": "HS256", "kid": "app.key"}
CLAIMS: Wire = {"iat": 1_699_999_999, "exp": 1_700_000_001}


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (signed(GOOD, CLAIMS | {"exp": 1_700_000_000}), 40142),
        (signed(GOOD, CLAIMS, Key.parse("app.key:wrong")), 40144),
        (signed(GOOD | {"alg": "none"}, CLAIMS), 40144),
        (signed(GOOD | {"kid": "other.key"}, CLAIMS), 40400),
        (signed(GOOD | {"kid": "app.other"}, CLAIMS), 40130),
        (signed(GOOD, {"iat": 1}), 40144),
        (signed(GOOD, {"exp": 1_700_000_001}), 40144),
        (signed(GOOD, CLAIMS | {"x-ably-capability": "{"}), 40144),
        (signed(GOOD, CLAIMS | {"x-ably-capability": "[]"}), 40144),
        (signed([], CLAIMS), 40144),
        ("text", 40144),
        ("a.b.c", 40144),
        ("\u20ac.\u20ac.\u20ac", 40144),
        ("", 40144),
    ],
    ids=str,
)
def test_wrong_tokens(token: str, code: int) -> None:
    with pytest.raises(AblyError) as caught:
        by_token(token)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("pattern", "channel", "covered"),
    [
        ("*", "a", True),
        ("*", "a:b:c", True),
        ("[*]*", "a:b", True),
        ("a", "a", True),
        ("a", "a:b", False),
        ("a:*", "a:b", True),
        ("a:*", "a:b:c", True),
        ("a:*", "a", False),
        ("a:*:c", "a:b:c", True),
        ("a:*:c", "a:b:d", False),
        ("a*", "ab", False),
        ("a*", "a*", True),
    ],
)
def test_resource_patterns(pattern: str, channel: str, covered: bool) -> None:  # noqa: FBT001
    identity = Identity("alice", ({pattern: ["publish"]},))
    assert identity.allows(channel, "publish") is covered


def test_capability_is_the_union_of_what_covers_the_channel() -> None:
    identity = Identity("alice", ({"*": ["subscribe"], "ai:*": ["publish"], "all": ["*"]},))
    assert identity.allows("ai:x", "publish")
    assert identity.allows("ai:x", "subscribe")
    assert identity.allows("all", "history")
    identity.require("ai:x", "history", "publish")
    with pytest.raises(AblyError) as caught:
        identity.require("ai:x", "history")
    assert caught.value.code == 40160


@pytest.mark.parametrize(
    ("proven", "asked", "result"),
    [
        (WILDCARD, None, WILDCARD),
        (WILDCARD, "bob", "bob"),
        ("alice", None, "alice"),
        ("alice", "alice", "alice"),
        (None, None, None),
    ],
)
def test_client_id_of_a_connection(proven: str | None, asked: str | None, result: str | None) -> None:
    assert Identity(proven).claiming(asked).client_id == result


@pytest.mark.parametrize("proven", ["alice", None])
def test_a_client_id_that_is_not_proven_is_refused(proven: str | None) -> None:
    with pytest.raises(AblyError) as caught:
        Identity(proven).claiming("bob")
    assert caught.value.code == 40102


@pytest.mark.parametrize(
    ("identity", "claimed", "author"),
    [(WILDCARD, "bob", "bob"), (WILDCARD, None, None), ("alice", None, "alice"), ("alice", "alice", "alice")],
)
def test_author_of_a_message(identity: str, claimed: str | None, author: str | None) -> None:
    message: Wire = {} if claimed is None else {"clientId": claimed}
    assert Identity(identity).author_of(message) == author


@pytest.mark.parametrize("identity", ["alice", None])
def test_a_message_of_another_client_is_refused(identity: str | None) -> None:
    with pytest.raises(AblyError) as caught:
        Identity(identity).author_of({"clientId": "bob"})
    assert caught.value.code == 40012


@pytest.mark.parametrize("client_id", ["alice", None, "*"])
def test_a_connection_key_proves_itself(client_id: str | None) -> None:
    made = create_connection_key(KEY, "conn", client_id, "life", "salt")
    assert read_connection_key(KEY, made) == ("conn", client_id, "life")


@pytest.mark.parametrize("forgery", ["{}x", "x{}", "", "a!\u20ac"])
def test_a_forged_connection_key_is_refused(forgery: str) -> None:
    with pytest.raises(AblyError) as caught:
        read_connection_key(KEY, forgery.format(create_connection_key(KEY, "conn", None, "life", "salt")))
    assert caught.value.code == 80018


def test_a_jwt_signature_is_no_connection_key_signature() -> None:
    body, _, signature = create_jwt(KEY, NOW, HOUR, None, None).rpartition(".")
    with pytest.raises(AblyError):
        read_connection_key(KEY, f"{body}!{signature}")


class TestAblyToken:
    def test_it_proves_what_it_was_issued_for(self) -> None:
        identity = by_token(create_token(KEY, NOW, NOW + HOUR, "alice", {"ai:*": ["subscribe"]}))
        assert (identity.client_id, identity.expires) == ("alice", NOW + HOUR)
        assert identity.allows("ai:wf", "subscribe")
        assert not identity.allows("ai:wf", "publish")

    def test_it_does_not_look_like_a_jwt(self) -> None:
        token = create_token(KEY, NOW, NOW + HOUR, None, {})
        assert token.startswith("app.")
        assert token.count(".") == 1

    @pytest.mark.parametrize("forgery", ["{}x", "x{}", "app.!", "!", "app.{}"])
    def test_a_forged_one_is_unknown(self, forgery: str) -> None:
        with pytest.raises(AblyError) as caught:
            by_token(forgery.format(create_token(KEY, NOW, NOW + HOUR, None, {})))
        assert caught.value.code == 40143

    def test_a_connection_key_is_no_token(self) -> None:
        with pytest.raises(AblyError):
            by_token(f"app.{create_connection_key(KEY, 'conn', None, 'life', 'salt')}")


class TestCapabilityOfTheKey:
    NARROW = Key.parse("app.key:secret", {"ai:*": ["publish", "history"]})

    @pytest.mark.parametrize("by", ["key", "jwt", "token"])
    def test_nothing_allows_more(self, by: str) -> None:
        wide = {"*": ["*"]}
        tokens = {
            "jwt": create_jwt(KEY, NOW, HOUR, None, wide),
            "token": create_token(KEY, NOW, NOW + HOUR, None, wide),
        }
        key = str(KEY) if by == "key" else None
        identity = identify(self.NARROW, given_key=key, token=tokens.get(by), now=NOW)
        assert identity.allows("ai:x", "publish")
        assert not identity.allows("ai:x", "message-update-own")
        assert not identity.allows("other", "publish")


@pytest.mark.parametrize(
    ("wanted", "given", "common"),
    [
        ({"a": ["*"]}, {"[*]*": ["*"]}, {"a": ["*"]}),
        ({"b": ["y", "x"], "a": ["z"]}, {"*": ["*"]}, {"a": ["z"], "b": ["x", "y"]}),
        ({"a:*": ["x"]}, {"a:b": ["x", "y"], "a:c:d": ["*"]}, {"a:b": ["x"], "a:c:d": ["x"]}),
        ({"a": ["x", "y"]}, {"a": ["y", "z"], "*": ["x"]}, {"a": ["x", "y"]}),
    ],
    ids=str,
)
def test_intersection_of_capabilities(wanted: Capability, given: Capability, common: Capability) -> None:
    found = intersect(wanted, given)
    assert found == common
    assert list(found) == sorted(found)


@pytest.mark.parametrize("wanted", [{"b": ["*"]}, {"a": ["y"]}, {}, {"a": []}], ids=str)
def test_an_empty_intersection_is_an_error(wanted: Capability) -> None:
    with pytest.raises(AblyError) as caught:
        intersect(wanted, {"a": ["x"]})
    assert caught.value.code == 40160


def test_a_single_operation_may_stand_without_a_list() -> None:
    assert read_capability('{"a": "publish"}') == {"a": ["publish"]}
