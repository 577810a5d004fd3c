"""What a browser may do with a session: tokens of the least privilege.

The module is not named after its function: a submodule would hide the public name of the same spelling.
"""

from __future__ import annotations

import time
from datetime import timedelta

from temporal_ably._wire.jwt import LONGEST_S, sign_jwt
from temporal_ably._wire.names import is_channel_name
from temporal_ably.errors import SettingsError
from temporal_ably.settings import AblySettings

_OPERATIONS = ("subscribe", "history", "publish")


def client_token(
    session: str,
    *,
    client_id: str,
    ttl: timedelta = timedelta(hours=1),
    presence: bool = True,
    settings: AblySettings | None = None,
) -> str:
    """Mint a token for one user's browser: one session, one client id, a short life.

    Its holder may read the session, publish to it (messages, cancels, approvals) and be present. It may not update,
    delete or append to any message, so it cannot change what an agent wrote, and it reaches no other channel. Give it
    out behind your own login, for example from the endpoint that the client's ``authUrl`` names: the client asks again
    before it expires. The token is signed here; nothing is sent to Ably.

    ```python
    token = client_token("ai:chat-42", client_id=user.id)
    ```

    Args:
        session: the channel, as ``session_name()`` gives it; a name, no pattern.
        client_id: who the user is; Ably puts it on all that the holder publishes. Not the agent's, which is
            ``ABLY_CLIENT_ID``.
        ttl: how long the token lives, whole seconds from one to a day.
        presence: whether the holder may enter the session's presence set.
        settings: where the key comes from; the environment if ``None``.

    Returns:
        An Ably JWT, for the client option ``token`` or as the answer of ``authCallback`` or ``authUrl``.

    Raises:
        SettingsError: if an argument is wrong, or there is no key. The text never holds the key.

    Source: Ably docs, "JSON Web Tokens (JWTs)" and "Capabilities".
    """
    ably = AblySettings() if settings is None else settings
    _check_session(session)
    _check_client_id(client_id, ably.client_id)
    ttl_s = _seconds(ttl)
    if ably.api_key is None:
        raise SettingsError(
            "unable to mint a token; ABLY_API_KEY is not set; set it to a key of your Ably app, or run a local server "
            "with `temporal-ably dev`"
        )
    operations = [*_OPERATIONS, "presence"] if presence else list(_OPERATIONS)
    return sign_jwt(
        ably.api_key.get_secret_value(),
        now_s=int(time.time()),
        ttl_s=ttl_s,
        client_id=client_id,
        capability={session: operations},
    )


def _check_session(session: object) -> None:
    if not isinstance(session, str) or not is_channel_name(session):
        raise SettingsError(
            f"unable to use the argument session {session!r}; a channel name is not empty, does not begin with '[' or "
            "':' and holds no comma, white space or control character; give the name that session_name() gives"
        )
    if "*" in session:
        raise SettingsError(
            f"unable to use the argument session {session!r}; with '*' the token would open more than one session; "
            "give one channel's whole name"
        )


def _check_client_id(client_id: object, agent: str) -> None:
    if not isinstance(client_id, str) or not client_id.strip() or client_id == "*":
        raise SettingsError(
            f"unable to use the argument client_id {client_id!r}; it must name one user, so not nobody and not '*'; "
            "give your own id of the user"
        )
    if client_id == agent:
        raise SettingsError(
            f"unable to use the argument client_id {client_id!r}; it is the agent's (ABLY_CLIENT_ID), whose output "
            "readers trust; give the user another id"
        )


def _seconds(ttl: object) -> int:
    if isinstance(ttl, timedelta) and 1 <= ttl.total_seconds() <= LONGEST_S:
        return int(ttl.total_seconds())
    raise SettingsError(
        f"unable to use the argument ttl {ttl!r}; Ably takes tokens that live up to 24 hours; give a timedelta from "
        "one second to one day, as in timedelta(hours=1)"
    )
