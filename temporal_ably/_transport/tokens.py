"""The user's ``auth_callback`` as the SDK needs it.

ably-python 3.1.4 refuses a token that does not say whose it is where a client id is set, as every
plain string is; so it is told. What Ably thinks of the client id, Ably says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from temporal_ably._transport.secrets import guard_token

if TYPE_CHECKING:
    from temporal_ably._transport.base import AuthCallback


class Tokens:
    """Asks the callback, and keeps what it gives out of logs.

    ``failure`` tells what is wrong with the callback, empty while it works.

    Args:
        callback: the user's.
        client_id: the publisher's.
    """

    def __init__(self, callback: AuthCallback, client_id: str) -> None:
        self.failure = ""
        self._callback = callback
        self._client_id = client_id

    async def __call__(self, params: dict[str, object]) -> object:
        """Give a token, token details or a token request, as the callback does."""
        try:
            given = await self._callback(params)
        except Exception as err:
            # Its text may hold what was sent to get a token.
            self.failure = f"auth_callback raised {type(err).__name__}"
            raise
        self.failure = ""
        return self._named(given)

    def _named(self, given: object) -> object:
        if isinstance(given, str):
            return self._details({"token": given})
        if isinstance(given, dict):
            fields = cast("dict[str, object]", given)
            return self._details(fields) if "token" in fields else fields
        token = getattr(given, "token", None)
        if token is None:
            return given
        fields: dict[str, object] = {"token": token}
        for name, key in (("issued", "issued"), ("expires", "expires"), ("client_id", "clientId")):
            fields[key] = getattr(given, name, None)
        return self._details(fields)

    def _details(self, fields: dict[str, object]) -> dict[str, object]:
        guard_token(str(fields["token"]))
        known = {name: value for name, value in fields.items() if value is not None}
        return {"issued": 0, "clientId": self._client_id, **known}
