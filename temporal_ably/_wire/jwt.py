"""Ably JWTs: tokens that need no word with Ably, since the key itself signs them.

Source: Ably docs, "JSON Web Tokens (JWTs)" and "Capabilities": HS256 with the key's secret, ``kid`` is the key's name,
the capability is JSON in a string.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LONGEST_S = 24 * 3600
"""Ably accepts no token that lives longer."""


def sign_jwt(
    key: str,
    *,
    now_s: int,
    ttl_s: int,
    client_id: str | None = None,
    capability: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """Give a token.

    Args:
        key: a whole API key, ``appId.keyId:secret``.
        now_s: the time in seconds since the epoch.
        ttl_s: how long it lives, ``LONGEST_S`` at the most.
        client_id: the only client id that its holder may have; ``None`` for an anonymous one.
        capability: channel names to operations; ``None`` for all that the key may.
    """
    name, _, secret = key.partition(":")
    claims: dict[str, object] = {"iat": now_s, "exp": now_s + ttl_s}
    if client_id is not None:
        claims["x-ably-clientId"] = client_id
    if capability is not None:
        claims["x-ably-capability"] = json.dumps({channel: list(names) for channel, names in capability.items()})
    header = {"typ": "JWT", "alg": "HS256", "kid": name}
    signed = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
    signature = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_base64url(signature)}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
