"""Keep secrets out of the logs of the libraries that carry them.

ably-python 3.1 logs the key as part of a URL, and every text, at INFO; websockets and hpack show
headers and URLs at DEBUG.
"""

from __future__ import annotations

import asyncio
import base64
import inspect
import logging
import pathlib
import re
import traceback
import urllib.parse
from collections import deque
from typing import Any, cast

_TREES = ("ably", "websockets", "httpx", "httpcore", "hpack", "h2")
# Made by the first connection, too late for its URL and headers.
_LATE = (
    *("websockets.client", "websockets.protocol"),
    *("httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy", "httpcore.socks"),
    *("hpack.hpack", "hpack.table"),
)
# A JWT, and one in base64, as REST requests carry it.
_TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+|ZXlK[\w+/]+=*")
_SHOWN = "[secret]"
# Connections and history reads of a busy process renew their tokens each on its own.
_TOKENS = 20
ENGINE_THREAD = "temporal-ably"

logger = logging.getLogger("temporal_ably")


class Redaction(logging.Filter):
    """A log filter that blots out registered secrets."""

    def __init__(self) -> None:
        super().__init__()
        self._secrets: set[str] = set()
        self._tokens: deque[str] = deque(maxlen=_TOKENS)
        self._pattern = _TOKEN
        self.quiet = False

    def register(self, key: str) -> None:
        """Blot out an Ably key and the forms in which it travels."""
        self._secrets |= {*_forms(key), *_forms(key.partition(":")[2])}
        self._compile()

    def register_token(self, token: str) -> None:
        """Blot out a token, until many newer ones came; a JWT is blotted out by its looks."""
        if token and token not in self._tokens and not _TOKEN.fullmatch(token):
            self._tokens.append(token)

    def _compile(self) -> None:
        forms = self._secrets - {""}
        # The longest first: a short one that is blotted out of a long one would leave the rest of it.
        secrets = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join([*map(re.escape, secrets), _TOKEN.pattern]))

    def text(self, text: str) -> str:
        """Blot out the secrets in a text."""
        for token in tuple(self._tokens):
            # Each comes and goes, too often to compile a pattern of them.
            for form in sorted(_forms(token), key=len, reverse=True):
                text = text.replace(form, _SHOWN)
        return self._pattern.sub(_SHOWN, text)

    def filter(self, record: logging.LogRecord) -> bool:
        """Blot out the secrets in a record; what the SDK says on our own thread is kept back when quiet."""
        if self._keeps_back(record):
            return False
        message = record.getMessage()
        safe = self.text(message)
        if safe != message:
            record.msg, record.args = safe, None
        if record.exc_info:
            # Handlers show the cached text; some would still look into the exception itself.
            shown = logging.Formatter().formatException(record.exc_info)
            record.exc_text = self.text(shown)
            if record.exc_text != shown:
                record.exc_info = None
        return True

    def _keeps_back(self, record: logging.LogRecord) -> bool:
        # A level that the user sets later on is heeded, too.
        untouched = self.quiet and logging.getLogger("ably").level == logging.WARNING
        return untouched and record.threadName == ENGINE_THREAD and record.name.partition(".")[0] == "ably"


def _forms(secret: str) -> set[str]:
    return {secret, urllib.parse.quote(secret, safe=""), base64.b64encode(secret.encode()).decode()}


REDACTION = Redaction()


def describe(err: BaseException) -> str:
    """Give an exception with its traceback, without secrets."""
    return REDACTION.text("".join(traceback.format_exception(type(err), err, err.__traceback__)))


def report_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Handle what goes wrong on the engine's loop where nobody waits for it.

    The SDK leaves failed tasks and futures of its own behind whenever a connection breaks; of the
    break itself the publisher has told.
    """
    del loop
    err = context.get("exception")
    shown = REDACTION.text(f"{context.get('message')}") + (f"; {describe(err)}" if err else "")
    level = logging.DEBUG if _is_of_the_sdk(context) else logging.ERROR
    logger.log(level, "on the publisher's event loop: %s", shown)


def _is_of_the_sdk(context: dict[str, Any]) -> bool:
    raised_in = type(context.get("exception")).__module__.partition(".")[0]
    work = context.get("task") or context.get("future")
    coroutine = cast("object", work.get_coro()) if isinstance(work, asyncio.Task) else None
    source = coroutine.cr_code.co_filename if inspect.iscoroutine(coroutine) else ""
    return raised_in in _TREES or any(name in pathlib.PurePath(source).parts for name in _TREES)


def guard_token(token: str) -> None:
    """Register a token that Ably, or the user's callback, gave."""
    REDACTION.register_token(token)


def guard(key: str) -> None:
    """Register a key and put the filter on every logger of the libraries that may show it.

    Unless the user chose a level for the SDK's loggers, they are set to WARNING, and silenced on our
    own thread: the publisher reports each fault once, the SDK once a message and with its text.
    Filters do not reach child loggers, so each gets its own; calling again covers those made meanwhile.
    """
    REDACTION.register(key)
    for name in {*logging.root.manager.loggerDict, *_LATE}:
        if name.partition(".")[0] in _TREES:
            logging.getLogger(name).addFilter(REDACTION)
    sdk = logging.getLogger("ably")
    if sdk.level == logging.NOTSET:
        sdk.setLevel(logging.WARNING)
        REDACTION.quiet = True
