"""Keep secrets out of the logs of the libraries that carry them.

ably-python 3.1 logs the key as part of a URL, and every text, at INFO; websockets and hpack show
headers and URLs at DEBUG.
"""

from __future__ import annotations

import base64
import logging
import urllib.parse

_TREES = ("ably", "websockets", "httpx", "httpcore", "hpack", "h2")
_SHOWN = "[secret]"
ENGINE_THREAD = "temporal-ably"


class Redaction(logging.Filter):
    """A log filter that blots out registered secrets."""

    def __init__(self) -> None:
        super().__init__()
        self._secrets: list[str] = []
        self.quiet = False

    def register(self, key: str) -> None:
        """Blot out an Ably key and the forms in which it travels."""
        secret = key.partition(":")[2]
        forms = [key, urllib.parse.quote(key, safe=""), base64.b64encode(key.encode()).decode(), secret]
        self._secrets += [form for form in forms if form and form not in self._secrets]

    def text(self, text: str) -> str:
        """Blot out the secrets in a text."""
        for secret in self._secrets:
            text = text.replace(secret, _SHOWN)
        return text

    def filter(self, record: logging.LogRecord) -> bool:
        """Blot out the secrets in a record; what the SDK says on our own thread is kept back when quiet."""
        if self.quiet and record.threadName == ENGINE_THREAD and record.name.partition(".")[0] == "ably":
            return False
        message = record.getMessage()
        safe = self.text(message)
        if safe != message:
            record.msg, record.args = safe, None
        if record.exc_info:
            # Handlers use the cached text and never format the exception again.
            record.exc_text = self.text(logging.Formatter().formatException(record.exc_info))
        return True


REDACTION = Redaction()


def guard(key: str) -> None:
    """Register a key and put the filter on every logger of the libraries that may show it.

    Unless the user chose a level for the SDK's loggers, they are set to WARNING, and silenced on our
    own thread: the publisher reports each fault once, the SDK once a message and with its text.
    Filters do not reach child loggers, so each gets its own; calling again covers those made meanwhile.
    """
    REDACTION.register(key)
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in _TREES:
            logging.getLogger(name).addFilter(REDACTION)
    sdk = logging.getLogger("ably")
    if sdk.level == logging.NOTSET:
        sdk.setLevel(logging.WARNING)
        REDACTION.quiet = True
