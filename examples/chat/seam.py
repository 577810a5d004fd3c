"""What the library does not have yet: `temporal_ably.client_token`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from temporal_ably.server.auth import Key, create_jwt

if TYPE_CHECKING:
    from datetime import timedelta

    from temporal_ably import AblySettings


def client_token(session: str, *, client_id: str, ttl: timedelta, settings: AblySettings) -> str:
    """Mint a token."""
    key = Key.parse(settings.api_key.get_secret_value() if settings.api_key else "")
    capability = {session: ["subscribe", "publish", "history", "presence"]}
    return create_jwt(key, int(time.time() * 1000), int(ttl.total_seconds() * 1000), client_id, capability)
