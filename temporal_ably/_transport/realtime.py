"""A connection through the ``ably`` SDK. Its errors become ours here.

The SDK's own queue and recovery are not trusted (ably 3.1.4, as observed): while disconnected it
reorders, repeats or silently drops what was not acknowledged. So nothing is queued in it, each
operation has its own timeout and is never cancelled, and on any doubt the whole client is
disposed of. The publisher repairs from its own memory.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from temporal_ably._transport.base import Credentials, Stored, Timeouts
from temporal_ably._transport.refusals import CREDENTIAL_CODES, is_refusal, refused_operation
from temporal_ably._transport.sdk import ably_error, ably_message, sdk, stored
from temporal_ably._transport.secrets import REDACTION, guard
from temporal_ably._transport.subscription import Subscription, retrieve
from temporal_ably._transport.tokens import Tokens
from temporal_ably._wire.jwt import sign_jwt
from temporal_ably._wire.operations import Append, Operation, Publish
from temporal_ably.errors import ConnectionLostError, HistoryError, PublishError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from temporal_ably._transport.base import OnGap, OnMessage
    from temporal_ably._transport.sdk import Ably, Channels, Realtime, Rest, StateChange

_HISTORY_PAGE = 1000
_HISTORY_PAGES = 20
_TOKEN_TTL_S = 600
_REFUSED_FOR_GOOD = range(40100, 40170)
_OTHER_CLIENT_ID = 40102


class RealtimeConnection:
    """One ``AblyRealtime`` client. Used once, then closed.

    Args:
        credentials: how to reach and enter Ably.
        timeouts: how long it waits for Ably.
    """

    def __init__(self, credentials: Credentials, timeouts: Timeouts = Timeouts()) -> None:  # noqa: B008 - frozen
        self._credentials = credentials
        self._timeouts = timeouts
        self._client: Realtime | None = None
        self._subscriptions: dict[str, Subscription] = {}
        self._detaching: dict[str, asyncio.Future[None]] = {}
        self._tokens = Tokens(credentials.auth_callback, credentials.client_id) if credentials.auth_callback else None
        loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = loop.create_future()
        self.lost: asyncio.Future[PublishError] = loop.create_future()

    async def open(self) -> None:
        """Connect.

        Raises:
            ConnectionLostError: if Ably cannot be reached in time.
            PublishError: if Ably refuses the credentials.
        """
        try:
            await self._open()
        except PublishError:
            raise
        except Exception as err:
            why = REDACTION.text(f"{type(err).__name__}: {err}")
            raise ConnectionLostError(f"unable to connect to Ably; {why}; trying again") from err

    async def _open(self) -> None:
        ably = _guarded_sdk(self._credentials.key)
        await self._probe()
        self._client = ably.AblyRealtime(
            **self._auth_options(),
            client_id=self._credentials.client_id,
            endpoint=self._credentials.endpoint,
            tls=self._credentials.tls,
            queue_messages=False,
            transport_params={"echo": "false", "appendRollupWindow": "0"},
        )
        # The SDK tells listeners a loop turn late; its manager tells at once.
        self._client.connection.connection_manager.on("connectionstate", self._on_state)
        limit_s = self._timeouts.connect_s
        await asyncio.wait({self._opened, self.lost}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        if self.lost.done():
            raise self.lost.result()
        if not self._opened.done():
            raise ConnectionLostError(f"unable to connect to Ably; no answer in {limit_s:.0f} s; trying again")

    async def _probe(self) -> None:
        # The SDK does not notice a refused connection before its 10 s timeout.
        host, _, port = (self._credentials.endpoint or "").rpartition(":")
        if not port.isdigit():
            return
        try:
            opening = asyncio.open_connection(host.strip("[]"), int(port))
            _, writer = await asyncio.wait_for(opening, self._timeouts.probe_s)
        except (OSError, asyncio.TimeoutError) as err:
            raise ConnectionLostError(
                f"unable to connect to Ably at {self._credentials.endpoint}; {err or 'no answer'}; "
                "check ABLY_ENDPOINT, or start the local server with `temporal-ably dev`"
            ) from err
        writer.close()

    def _on_state(self, change: StateChange) -> None:
        state = change.current.value
        if state == "connected":
            if not self._opened.done():
                self._opened.set_result(None)
        elif state in ("disconnected", "suspended", "failed", "closed"):
            self._lose(self._connection_error(state, change.reason))

    def _connection_error(self, state: str, reason: Exception | None) -> PublishError:
        error = ably_error(reason)
        why = REDACTION.text(f"{error.code}: {error.message}" if error else str(reason or "no reason given"))
        if self._tokens is not None and self._tokens.failure:
            why = f"{self._tokens.failure} ({why})"
        if state == "failed" and error is not None and error.code in CREDENTIAL_CODES:
            fix = f"give the token the client id {self._credentials.client_id!r} or '*'"
            fix = fix if error.code == _OTHER_CLIENT_ID else "check ABLY_API_KEY or auth_callback"
            return PublishError(
                f"unable to connect to Ably; it refused the credentials ({why}); {fix}",
                code=error.code,
                retryable=False,
            )
        return ConnectionLostError(f"unable to stay connected to Ably; {why}; trying again")

    def _lose(self, reason: PublishError) -> None:
        if not self.lost.done():
            self.lost.set_result(reason)
            for subscription in self._subscriptions.values():
                subscription.give_up(reason)

    async def send(self, channel: str, operation: Operation) -> tuple[str, ...]:
        """Run an operation and give a serial for each of its messages.

        Raises:
            PublishError: if Ably refused it; it was not applied.
            ConnectionLostError: if the outcome is unknown.
        """
        if self._client is None or self.lost.done():
            raise ConnectionLostError("unable to publish; the connection is lost; trying again", channel=channel)
        task = asyncio.ensure_future(_run(self._client.channels, channel, operation))
        task.add_done_callback(retrieve)
        limit_s = self._timeouts.operation_s
        await asyncio.wait({task, self.lost}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            self._lose(ConnectionLostError("unable to publish; Ably did not acknowledge in time; trying again"))
            raise ConnectionLostError("unable to publish; the outcome is unknown; trying again", channel=channel)
        serials = self._outcome(task, channel)
        # Where an ACK skips an operation, the SDK resolves that too, with the serials of the next, and the last
        # one without any. So believe none before all that resolved at once were looked at.
        await asyncio.sleep(0)
        if self.lost.done():
            raise ConnectionLostError("unable to publish; the acknowledgements are mixed up; trying again")
        return serials

    def _outcome(self, task: asyncio.Task[list[str | None]], channel: str) -> tuple[str, ...]:
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is None:
            serials = tuple(serial for serial in task.result() if serial)
            if len(serials) == len(task.result()) > 0:
                return serials
            error = ValueError("an acknowledgement without serials")
        if isinstance(error, UnicodeEncodeError):
            # It was not sent, and never can be.
            raise PublishError(
                f"unable to publish to channel {channel}; it holds text that UTF-8 cannot; stream other text",
                channel=channel,
            )
        refusal = ably_error(error)
        if refusal is not None and is_refusal(refusal.code) and not self.lost.done():
            raise refused_operation(refusal, channel) from error
        why = REDACTION.text(str(error))
        lost = ConnectionLostError(f"unable to publish; {why}; trying again", channel=channel)
        self._lose(lost)
        raise lost from error

    async def subscribe(self, channel: str, on_message: OnMessage, on_gap: OnGap) -> None:
        """Have the messages of a channel delivered from now on.

        Raises:
            PublishError: if Ably refuses; the channel can still be published to.
            ConnectionLostError: if the connection is lost.
        """
        await self._settled(self._detaching.get(channel))
        if self._client is None or self.lost.done():
            raise ConnectionLostError("unable to listen; the connection is lost; trying again", channel=channel)
        made = Subscription(self._client.channels, channel, on_message, on_gap)
        self._subscriptions[channel] = made
        task = asyncio.ensure_future(made.attach())
        task.add_done_callback(retrieve)
        await self._settled(task)
        if not task.done():
            self._lose(ConnectionLostError("unable to listen; Ably did not answer in time; trying again"))
            raise ConnectionLostError("unable to listen; the connection is lost; trying again", channel=channel)
        try:
            task.result()
        except ConnectionLostError as err:
            self._lose(err)
            raise
        except PublishError:
            self.unsubscribe(channel)
            raise
        made.ended.add_done_callback(lambda ended: self._lose(ended.result()))

    async def _settled(self, work: asyncio.Future[None] | None) -> None:
        if work is not None:
            waiting = {work, self.lost}
            await asyncio.wait(waiting, timeout=self._timeouts.operation_s, return_when=asyncio.FIRST_COMPLETED)

    def unsubscribe(self, channel: str) -> None:
        """Have them delivered no more."""
        subscription = self._subscriptions.pop(channel, None)
        if subscription is not None:
            stopping = self._detaching[channel] = subscription.stop()
            stopping.add_done_callback(retrieve)
            stopping.add_done_callback(lambda _: self._detaching.pop(channel))

    async def history(self, channel: str, since_ms: int = 0) -> AsyncGenerator[Stored, None]:
        """Read a channel's messages, newest first, 20,000 at the most; only those created since a time, if given.

        Raises:
            HistoryError: if they cannot be read.
        """
        ably = _guarded_sdk(self._credentials.key)
        client: Rest | None = None
        try:
            client = ably.AblyRest(**self._rest_options())
            page = await client.channels.get(channel).history(limit=_HISTORY_PAGE, start=since_ms)
            for _ in range(_HISTORY_PAGES):
                for message in page.items:
                    yield stored(message)
                if not page.has_next():
                    return
                page = await page.next()
        except Exception as err:
            # The SDK quotes what the callback raised, which may hold what was sent to get a token.
            why = (self._tokens.failure if self._tokens else "") or REDACTION.text(str(err))
            raise HistoryError(
                f"unable to read the history of {channel}; {why}; check that the key has the history capability",
                retryable=getattr(err, "code", 0) not in _REFUSED_FOR_GOOD,
            ) from err
        finally:
            if client is not None:
                await client.close()

    def _auth_options(self) -> dict[str, object]:
        return {"key": self._credentials.key} if self._tokens is None else {"auth_callback": self._tokens}

    def _rest_options(self) -> dict[str, object]:
        credentials = self._credentials
        host, _, port = (credentials.endpoint or "").rpartition(":")
        options: dict[str, object] = {"tls": credentials.tls}
        if port.isdigit():
            options |= {"endpoint": host, "tls_port" if credentials.tls else "port": int(port)}
        elif credentials.endpoint:
            options["endpoint"] = credentials.endpoint
        if credentials.tls or self._tokens is not None:
            return options | self._auth_options()
        # Over plain HTTP the SDK refuses to send a key, but not a token made of it.
        return options | {"token": sign_jwt(credentials.key, now_s=int(time.time()), ttl_s=_TOKEN_TTL_S)}

    def release(self, channel: str) -> None:
        """Forget a channel that is not used any more."""
        self.unsubscribe(channel)
        if self._client is not None and not self.lost.done() and channel not in self._detaching:
            self._client.channels.release(channel)

    async def close(self) -> None:
        """Let go of the connection; never raises."""
        self._lose(ConnectionLostError("unable to publish; the connection is closed; open a new one"))
        client, self._client = self._client, None
        if client is None:
            return
        closing = asyncio.ensure_future(client.close())
        closing.add_done_callback(retrieve)
        await asyncio.wait({closing}, timeout=1.0)


def _guarded_sdk(key: str) -> Ably:
    # Loaded first: only loggers that exist can be guarded.
    loaded = sdk()
    guard(key)
    return loaded


async def _run(channels: Channels, name: str, operation: Operation) -> list[str | None]:
    channel = channels.get(name)
    if isinstance(operation, Publish):
        result = await channel.publish([ably_message(message) for message in operation.messages])
        return list(result.serials)
    message = ably_message(operation.message, operation.serial)
    if isinstance(operation, Append):
        return [(await channel.append_message(message)).version_serial]
    return [(await channel.update_message(message)).version_serial]
