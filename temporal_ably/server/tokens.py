"""Ably tokens: a signed token request in, token details out. Pure: time comes in as milliseconds.

Source: ably/specification 6.1 (RSA9, TE, TD), ably/docs "Ably tokens".
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping

from .auth import Capability, Key, check_name, create_token, intersect, read_capability
from .wire import AblyError, Wire, text

_TTL_MS = 3_600_000
_TTL_MAX_MS = 24 * 3_600_000
_SKEW_MS = 120_000
_NONCE_LENGTH = 16
_OPERATIONS = frozenset(
    {"*", "annotation-publish", "annotation-subscribe", "channel-metadata", "history", "message-delete-any"}
    | {"message-delete-own", "message-update-any", "message-update-own", "object-publish", "object-subscribe"}
    | {"presence", "privileged-headers", "publish", "push-admin", "push-subscribe", "stats", "subscribe"}
)
_SIGNED = ("keyName", "ttl", "capability", "clientId", "timestamp", "nonce")


class TokenIssuer:
    """Issues tokens of one key; takes each nonce once."""

    def __init__(self, key: Key) -> None:
        """Start with nothing issued."""
        self._key = key
        self._nonces: dict[str, int] = {}

    def issue(self, key_name: str, request: Wire, now: int, *, trusted: bool) -> Wire:
        """Answer a token request with token details.

        Args:
            key_name: the key that the request's address names.
            request: the token request.
            now: milliseconds since the epoch.
            trusted: whether whoever asks has shown the key itself, so that no signature is needed.

        Raises:
            AblyError: 40400 or 40130 for another key, 40003 for a bad value, 40012 for an empty clientId, 40101 for a
                wrong or missing signature, 40104 for a timestamp too far off, 40105 for a nonce used before, 40160 for
                a capability that the key has nothing of.
        """
        check_name(self._key, key_name)
        if "mac" in request or not trusted:
            self._check_signature(key_name, request, now)
        expires = now + _ttl_ms(request)
        wanted = _capability(request)
        capability = self._key.capability if wanted is None else intersect(wanted, self._key.capability)
        client_id = text(request, "clientId")
        if client_id == "":
            raise AblyError(40012, 400, "unable to issue the token; its clientId is empty; leave it out or give one")
        details: Wire = {
            "token": create_token(self._key, now, expires, client_id, capability),
            "keyName": self._key.name,
            "issued": now,
            "expires": expires,
            "capability": json.dumps(capability, separators=(",", ":")),
        }
        return details if client_id is None else {**details, "clientId": client_id}

    def _check_signature(self, key_name: str, request: Wire, now: int) -> None:
        if request.get("keyName") != key_name:
            raise AblyError(40003, 400, "unable to issue the token; the request names another key than its address")
        if not hmac.compare_digest(sign(self._key, request).encode(), str(request.get("mac")).encode()):
            raise AblyError(40101, 401, "unable to issue the token; the request's mac is wrong")
        if abs(now - _whole(request, "timestamp")) > _SKEW_MS:
            raise AblyError(40104, 401, "unable to issue the token; the request's timestamp is not current")
        nonce = text(request, "nonce") or ""
        if len(nonce) < _NONCE_LENGTH:
            raise AblyError(40003, 400, f"unable to issue the token; nonce needs {_NONCE_LENGTH} characters or more")
        self._nonces = {known: until for known, until in self._nonces.items() if until > now}
        if nonce in self._nonces:
            raise AblyError(40105, 401, "unable to issue the token; the request was used before; make a new one")
        self._nonces[nonce] = now + 2 * _SKEW_MS


def sign(key: Key, request: Mapping[str, object]) -> str:
    """Give the mac of a token request."""
    signed = "".join(f"{_plain(request.get(name))}\n" for name in _SIGNED)
    return base64.b64encode(hmac.new(key.secret.encode(), signed.encode(), hashlib.sha256).digest()).decode()


def _capability(request: Wire) -> Capability | None:
    wanted = request.get("capability")
    if not wanted:
        return None
    try:
        capability = read_capability(wanted)
    except AblyError as error:
        raise AblyError(40003, 400, "unable to issue the token; its capability is no JSON object of lists") from error
    for operations in capability.values():
        if not operations or not _OPERATIONS.issuperset(operations) or ("*" in operations and len(operations) > 1):
            raise AblyError(40003, 400, "unable to issue the token; each resource needs operations, known ones, or '*'")
    return capability


def _ttl_ms(request: Wire) -> int:
    ttl = _whole(request, "ttl") if "ttl" in request else _TTL_MS
    if not 0 < ttl <= _TTL_MAX_MS:
        raise AblyError(40003, 400, f"unable to issue the token; ttl must be from 1 to {_TTL_MAX_MS} milliseconds")
    return ttl


def _whole(request: Wire, name: str) -> int:
    """Read a whole number; ably-python sends some as text."""
    value = _plain(request.get(name))
    if not value.isdecimal():
        raise AblyError(40003, 400, f"unable to issue the token; {name} must be a whole number of milliseconds")
    return int(value)


def _plain(value: object) -> str:
    """Write a value as its signer did: msgpack of ably-js has whole numbers as floats."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)
