"""Keys, tokens, capabilities and connection keys. Pure: time comes in as milliseconds.

Source: ably/specification 6.1 (RSA, TK, CD2), ably/docs "Ably JWT", "Ably tokens" and "Capabilities".
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from .wire import AblyError, Wire, text

Capability = Mapping[str, Sequence[str]]
"""Resource pattern to operations."""
EVERYTHING: Capability = {"[*]*": ["*"]}
WILDCARD = "*"
"""Client id of those who may act as anyone."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a credential proves."""

    client_id: str | None
    """A concrete id, `WILDCARD`, or None for an anonymous client."""
    capabilities: tuple[Capability, ...] = (EVERYTHING,)
    """All of them must allow an operation: the key's, and the token's own."""
    expires: int | None = None
    """Milliseconds since the epoch; None for a key."""

    def allows(self, channel: str, *operations: str) -> bool:
        """Tell whether any of the operations is allowed on a channel."""
        return all(_granted(capability, channel, operations) for capability in self.capabilities)

    def require(self, channel: str, *operations: str) -> None:
        """Check that one of the operations is allowed.

        Raises:
            AblyError: 40160 if none is.
        """
        if not self.allows(channel, *operations):
            wanted = " or ".join(operations)
            raise AblyError(40160, 401, f"unable to act on the channel; the credentials lack the capability {wanted}")

    def claiming(self, client_id: str | None) -> "Identity":
        """Narrow to the client id that a connection asks for.

        Raises:
            AblyError: 40102 if the credential is for another client id.
        """
        if client_id is None or client_id == self.client_id:
            return self
        if self.client_id != WILDCARD:
            raise AblyError(40102, 401, "unable to connect; the credentials are for another clientId")
        return replace(self, client_id=client_id)

    def author_of(self, message: Wire) -> str | None:
        """Give the client id to stamp on a message.

        Raises:
            AblyError: 40012 if the message claims an id that this identity cannot assume.
        """
        claimed = text(message, "clientId")
        if self.client_id == WILDCARD:
            return claimed
        if claimed is not None and claimed != self.client_id:
            raise AblyError(40012, 400, "unable to publish; the message has another clientId than its publisher")
        return self.client_id


@dataclass(frozen=True, slots=True)
class Key:
    """An API key, `appId.keyId:secret`."""

    name: str
    secret: str = field(repr=False)
    capability: Capability = field(default_factory=lambda: EVERYTHING, hash=False)
    """What the key may, and so the most that its tokens may."""

    @classmethod
    def parse(cls, value: str, capability: Capability = EVERYTHING) -> "Key":
        """Read a key.

        Raises:
            ValueError: if the text is no key.
        """
        name, _, secret = value.partition(":")
        if not secret or "." not in name:
            raise ValueError("unable to read the API key; it is not of the form appId.keyId:secret; give a whole key")
        return cls(name, secret, capability)

    @property
    def app(self) -> str:
        """Id of the app that the key belongs to."""
        return self.name.partition(".")[0]

    def __str__(self) -> str:
        """Give the whole key, secret included."""
        return f"{self.name}:{self.secret}"

    def sign(self, value: str) -> str:
        """Give the HMAC-SHA256 of a text in base64url."""
        return _b64(hmac.new(self.secret.encode(), value.encode(), hashlib.sha256).digest())

    def signed(self, value: str, signature: str) -> bool:
        """Check a signature in constant time."""
        return hmac.compare_digest(self.sign(value).encode(), signature.encode())


def create_jwt(key: Key, now: int, ttl_ms: int, client_id: str | None, capability: Capability | None) -> str:
    """Make an Ably JWT signed by the key."""
    claims: Wire = {"iat": now // 1000, "exp": (now + ttl_ms) // 1000}
    if client_id is not None:
        claims["x-ably-clientId"] = client_id
    if capability is not None:
        claims["x-ably-capability"] = json.dumps({name: list(ops) for name, ops in capability.items()})
    body = f"{_b64_json({'typ': 'JWT', 'alg': 'HS256', 'kid': key.name})}.{_b64_json(claims)}"
    return f"{body}.{key.sign(body)}"


def create_token(key: Key, issued: int, expires: int, client_id: str | None, capability: Capability) -> str:
    """Make an Ably token: opaque to clients; it proves itself, so that it outlives the server."""
    body = _b64_json([issued, expires, client_id, capability])
    return f"{key.app}.{body}!{key.sign(f'token:{body}')}"


def identify(key: Key, *, given_key: str | None, token: str | None, now: int) -> Identity:
    """Check a credential.

    Args:
        key: the server's only key.
        given_key: a whole API key.
        token: a JWT or an Ably token.
        now: milliseconds since the epoch.

    Raises:
        AblyError: 40101 without a credential, for a wrong secret or a key of an unknown app, 40400 for a JWT of an
            unknown app, 40130 for an unknown key, 40142 for an expired token, 40143 for an unknown Ably token, 40144
            for a JWT that is malformed or not signed by the key.
    """
    if given_key is not None:
        name, _, secret = given_key.partition(":")
        if name.partition(".")[0] != key.app:
            raise AblyError(40101, 401, "unable to authenticate; the key is of an unknown app")
        check_name(key, name)
        if not hmac.compare_digest(secret.encode(), key.secret.encode()):
            raise AblyError(40101, 401, "unable to authenticate; the key's secret is wrong")
        return Identity(WILDCARD, (key.capability,))
    if token is not None:
        identity = _identify_token(key, token) if "!" in token else _identify_jwt(key, token)
        if identity.expires is not None and identity.expires <= now:
            raise AblyError(40142, 401, "unable to accept the token; it has expired")
        return identity
    raise AblyError(40101, 401, "unable to authenticate; no key and no token was given")


def _identify_token(key: Key, token: str) -> Identity:
    signed, _, signature = token.partition("!")
    body = signed.removeprefix(f"{key.app}.")
    if not key.signed(f"token:{body}", signature):
        raise AblyError(40143, 401, "unable to accept the token; it is unknown here")
    _, expires, client_id, capability = cast("tuple[int, int, str | None, Capability]", json.loads(_unb64(body)))
    return Identity(client_id, (key.capability, capability), expires)


def _identify_jwt(key: Key, token: str) -> Identity:
    body, _, signature = token.rpartition(".")
    parts = body.split(".")
    if len(parts) != 2:
        raise AblyError(40144, 401, "unable to read the token; it is not a JWT")
    header, claims = (_read_json(part) for part in parts)
    if header.get("alg") != "HS256":
        raise AblyError(40144, 401, "unable to read the token; its alg must be HS256")
    check_name(key, str(header.get("kid")))
    if not key.signed(body, signature):
        raise AblyError(40144, 401, "unable to trust the token; its signature is wrong")
    expires = claims.get("exp")
    if not isinstance(expires, (int, float)) or "iat" not in claims:
        raise AblyError(40144, 401, "unable to read the token; the claims iat and exp are required")
    limits = () if "x-ably-capability" not in claims else (read_capability(claims["x-ably-capability"]),)
    return Identity(text(claims, "x-ably-clientId"), (key.capability, *limits), int(expires * 1000))


def check_name(key: Key, name: str) -> None:
    """Check that a name is the key's.

    Raises:
        AblyError: 40400 for an unknown app, 40130 for an unknown key.
    """
    if name.partition(".")[0] != key.app:
        raise AblyError(40400, 404, "unable to authenticate; the key names an unknown app")
    if name != key.name:
        raise AblyError(40130, 401, "unable to authenticate; the key is unknown")


def read_capability(claim: object) -> Capability:
    """Read a capability in its JSON form.

    Raises:
        AblyError: 40144 if it is none.
    """
    try:
        loaded: object = json.loads(str(claim))
    except ValueError as error:
        raise AblyError(40144, 401, "unable to read the token; its capability is not JSON") from error
    if not isinstance(loaded, dict):
        raise AblyError(40144, 401, "unable to read the token; its capability must be an object")
    return {
        str(name): [str(op) for op in cast("list[object]", ops)] if isinstance(ops, list) else [str(ops)]
        for name, ops in cast("dict[object, object]", loaded).items()
    }


def intersect(wanted: Capability, given: Capability) -> Capability:
    """Give what of a wanted capability is within a given one, resources and operations in order.

    Raises:
        AblyError: 40160 if nothing is.
    """
    common: dict[str, set[str]] = {}
    for resource, operations in wanted.items():
        for pattern, allowed in given.items():
            inner = resource if _covers(pattern, resource) else pattern if _covers(resource, pattern) else None
            both = operations if "*" in allowed else allowed if "*" in operations else set(operations) & set(allowed)
            if inner is not None and both:
                common.setdefault(inner, set()).update(both)
    if not common:
        raise AblyError(40160, 401, "unable to issue the token; the key has nothing of the capability asked for")
    return {resource: sorted(common[resource]) for resource in sorted(common)}


def _granted(capability: Capability, channel: str, operations: Sequence[str]) -> bool:
    wanted = {*operations, "*"}
    return any(_covers(pattern, channel) and not wanted.isdisjoint(ops) for pattern, ops in capability.items())


def _covers(pattern: str, channel: str) -> bool:
    """Match segment by segment; a last `*` stands for one or more segments, `foo*` is literal."""
    want = pattern.removeprefix("[*]").split(":")
    have = channel.split(":")
    if want[-1] == "*":
        have = have[: len(want)]
    return len(want) == len(have) and all(w in ("*", h) for w, h in zip(want, have, strict=True))


def create_connection_key(key: Key, connection_id: str, client_id: str | None, life: str, salt: str) -> str:
    """Make a connection key that proves itself, so that resume works after a restart too.

    Args:
        key: signs it.
        connection_id: whose it is.
        client_id: who may show it.
        life: names the life of the server that made it.
        salt: makes it another one each time.
    """
    body = _b64_json([connection_id, client_id, life, salt])
    return f"{body}!{key.sign(f'connection:{body}')}"


def read_connection_key(key: Key, connection_key: str) -> tuple[str, str | None, str]:
    """Give the connection id, the client id and the server's life of a connection key.

    Raises:
        AblyError: 80018 if the key was not made by this server's key.
    """
    body, _, signature = connection_key.partition("!")
    if not key.signed(f"connection:{body}", signature):
        raise AblyError(80018, 400, "unable to resume; the connection key is invalid")
    connection_id, client_id, life, _ = cast("tuple[str, str | None, str, str]", json.loads(_unb64(body)))
    return connection_id, client_id, life


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(value: str) -> bytes:
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))


def _b64_json(value: object) -> str:
    return _b64(json.dumps(value, separators=(",", ":")).encode())


def _read_json(part: str) -> Wire:
    try:
        value: object = json.loads(_unb64(part))
    except ValueError as error:
        raise AblyError(40144, 401, "unable to read the token; it is not a JWT") from error
    if not isinstance(value, dict):
        raise AblyError(40144, 401, "unable to read the token; its header and claims must be objects")
    return cast("Wire", value)
