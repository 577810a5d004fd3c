"""A fresh process that logs everything: connects, publishes, reads the history, is refused, and fails to connect.

Arguments: endpoint, key, a wrong key. It writes out each logger of the SDK and its libraries that nobody guards.
"""

from __future__ import annotations

import asyncio
import logging
import sys

from temporal_ably._transport.base import Credentials, Timeouts
from temporal_ably._transport.realtime import RealtimeConnection
from temporal_ably._transport.secrets import REDACTION
from temporal_ably._wire.operations import Message, Publish
from temporal_ably.errors import TemporalAblyError

TREES = ("ably", "websockets", "httpx", "httpcore", "hpack", "h2")


async def use(endpoint: str, key: str) -> None:
    connection = RealtimeConnection(
        Credentials(key, endpoint, tls=False, client_id="temporal-ably"), Timeouts(connect_s=5.0)
    )
    try:
        await connection.open()
        await connection.send("secrets", Publish((Message("plain", "text", {"headers": {}}),)))
    except TemporalAblyError:
        logging.getLogger("script").exception("refused")
    finally:
        await connection.close()
    try:
        async for _ in connection.history("secrets"):
            pass
    except TemporalAblyError:
        logging.getLogger("script").exception("refused")


async def main(endpoint: str, key: str, wrong: str) -> None:
    await use(endpoint, key)
    await use(endpoint, wrong)
    await use("no-such-host.invalid", key)


if __name__ == "__main__":
    logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    logging.getLogger("ably").setLevel(logging.DEBUG)
    asyncio.run(main(*sys.argv[1:]))
    talking = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in TREES]
    loggers = [logging.root.manager.loggerDict[name] for name in talking]
    for logger in loggers:
        if isinstance(logger, logging.Logger) and REDACTION not in logger.filters:
            sys.stdout.write(f"unguarded: {logger.name}\n")
