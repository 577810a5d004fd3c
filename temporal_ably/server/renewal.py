"""When a connection's token is to be renewed. Pure: time comes in as milliseconds.

Source: ably/specification 6.1 (RTN22, RSA4b1), ably/docs "Token authentication".
"""

LEAD_MS = 30_000
"""How long before a token expires its client is asked for another one."""
_TOO_LATE_MS = 5_500


class Renewal:
    """Tells when to ask for another token, once; of a key there is nothing to tell.

    Args:
        expires: when the token expires, None for a key.
        now: milliseconds since the epoch.
    """

    def __init__(self, expires: int | None, now: int) -> None:
        """Start with a token just accepted."""
        self._expires = expires
        left = 0 if expires is None else expires - now
        # A token that is short-lived by intention is renewed at half time, so that none is asked for all the time.
        self._asks_at = None if expires is None or left < _TOO_LATE_MS else expires - min(LEAD_MS, left // 2)

    def next_due(self) -> int | None:
        """Give the time at which there is something to do."""
        return self._expires if self._asks_at is None else self._asks_at

    def expired(self, now: int) -> bool:
        """Tell whether the token has expired."""
        return self._expires is not None and self._expires <= now

    def asks(self, now: int) -> bool:
        """Tell whether to ask for another token now."""
        due = self._asks_at is not None and self._asks_at <= now
        if due:
            self._asks_at = None
        return due

    def hurry(self, now: int) -> None:
        """Ask for another token now, if there is one to renew."""
        if self._expires is not None:
            self._asks_at = now
