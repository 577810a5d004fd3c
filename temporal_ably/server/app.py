"""The shell: sockets, HTTP and the clock around the pure core. This is not Ably, and not for production.

One `LocalServer` is one process's worth of state in memory; nothing is stored, and nothing is freed until it stops.
"""

import asyncio
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web

from .auth import EVERYTHING, Capability, Key, create_jwt
from .controls import Faults, order
from .hub import ROLLUP_MS, Hub
from .limits import Limits
from .protocol import Connection, Ending
from .rest import Request, Response, about, authenticate, cross_origin, refusal, respond
from .sessions import PRESENCE_GRACE_MS
from .wire import AblyError, Action, Format, Wire, as_wire, decode, frame_out

DEVELOPMENT_KEY = "local.dev:for-development-only"
"""The API key of a server that is given none; known to everybody."""
FAULTS_PATH = "/_faults"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_MAX_INBOUND_FRAME = 2 * 1024 * 1024
_CLOSE_TIMEOUT_S = 1.0


class _Link:
    """One open WebSocket and its connection in the core."""

    def __init__(self, websocket: web.WebSocketResponse, transport: asyncio.Transport, connection: Connection) -> None:
        self.websocket = websocket
        self.connection = connection
        self.wake = asyncio.Event()
        self.abort = transport.abort

    @property
    def format(self) -> Format:
        """How frames to this client are encoded."""
        return "msgpack" if self.connection.params.get("format") == "msgpack" else "json"

    async def send(self, now: int) -> None:
        """Send what the core has to say."""
        for frame in self.connection.take_output(now):
            payload = frame_out(frame, self.format)
            if self.format == "msgpack":
                await self.websocket.send_bytes(payload)
            else:
                await self.websocket.send_str(payload.decode())


class LocalServer:
    """A small stand-in for Ably in the current event loop, for development and tests. Not Ably, not for production.

    It speaks the realtime protocol and the part of the REST interface that unpatched SDKs need for messages, presence
    and tokens.

    ```python
    async with LocalServer() as server:
        client = AblyRealtime(key=server.key, endpoint=server.endpoint, tls=False)
    ```

    Args:
        host: address to listen on. Leave it on loopback: the default key is public.
        port: 0 picks a free port.
        key: the only API key, `appId.keyId:secret`; `DEVELOPMENT_KEY` if None.
        capability: what the key may, resource pattern to operations; everything if None.
        limits: what is accepted; `Limits.real()` refuses what a real account refuses.
        mutable_messages: False answers appends, updates and deletes with 93002, as on a namespace without the rule.
        rollup_ms: rollup window in milliseconds of connections that set no `appendRollupWindow`; None is Ably's 40.
        rollup_overtakes: True lets other publishes overtake held appends, as on Ably; False keeps their order.
        connection_state_ttl: how long a client that is away can resume its connection, and how long messages are kept
            for it; after that it gets a new connection, and its channels are told of what they lost.
        presence_grace: how long those stay present whose connection is lost, unless it named `remainPresentFor`.
        http_faults: True accepts faults as `POST /_faults` with the API key.
        allowed_origins: origins of web pages that may connect, besides those on this machine.

    Raises:
        ValueError: if `key` is malformed.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        key: str | None = None,
        capability: Capability | None = None,
        limits: Limits | None = None,
        mutable_messages: bool = True,
        rollup_ms: int | None = None,
        rollup_overtakes: bool = True,
        connection_state_ttl: timedelta = timedelta(minutes=2),
        presence_grace: timedelta = timedelta(milliseconds=PRESENCE_GRACE_MS),
        http_faults: bool = False,
        allowed_origins: Sequence[str] = (),
    ) -> None:
        """Prepare a server; `async with` starts it."""
        self._hub = Hub(
            key=Key.parse(key or DEVELOPMENT_KEY, EVERYTHING if capability is None else capability),
            new_id=lambda: secrets.token_hex(6),
            limits=limits or Limits(),
            mutable_messages=mutable_messages,
            rollup_ms=ROLLUP_MS if rollup_ms is None else rollup_ms,
            rollup_overtakes=rollup_overtakes,
            connection_state_ttl_ms=connection_state_ttl // timedelta(milliseconds=1),
            presence_grace_ms=presence_grace // timedelta(milliseconds=1),
        )
        self.faults: Faults = Faults(self._hub, self)
        """What to do wrong on purpose."""
        self._host = host
        self._port = port
        self._http_faults = http_faults
        self._allowed_origins = frozenset(allowed_origins)
        self._stopped = False
        self._links: set[_Link] = set()
        self._watchers: list[tuple[Callable[[LocalServer], bool], asyncio.Future[None]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()

    async def __aenter__(self) -> "LocalServer":
        """Start to listen.

        Raises:
            OSError: if the address cannot be had.
        """
        app = web.Application(client_max_size=_MAX_INBOUND_FRAME)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_CLOSE_TIMEOUT_S)
        await self._runner.setup()
        try:
            await self.listen()
        except BaseException:
            await self._runner.cleanup()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Cut every socket and stop."""
        self._stopped = True
        self._flowing.set()
        self._abort_sockets()
        await self._runner.cleanup()
        if self._timer:
            self._timer.cancel()
        for _predicate, future in self._watchers:
            if not future.done():
                future.set_exception(RuntimeError("unable to wait; the server has stopped"))

    # What tests and the command line look at

    @property
    def endpoint(self) -> str:
        """`host:port`, for the `endpoint` option of ably-python."""
        return f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"

    @property
    def key(self) -> str:
        """The API key."""
        return str(self._hub.key)

    @property
    def connection_count(self) -> int:
        """Connections open now."""
        return len(self._hub.connections)

    @property
    def connections_total(self) -> int:
        """Connections ever accepted, refused ones included."""
        return self._hub.connections_total

    def token(
        self,
        client_id: str | None = None,
        capability: Capability | None = None,
        ttl: timedelta = timedelta(hours=1),
    ) -> str:
        """Make a JWT signed by the key.

        Args:
            client_id: None is an anonymous client, `*` one that may act as anyone.
            capability: resource pattern to operations; None is all that the key may.
            ttl: lifetime, in whole seconds.
        """
        return create_jwt(self._hub.key, self.now(), int(ttl.total_seconds() * 1000), client_id, capability)

    @property
    def channels(self) -> list[str]:
        """The channels that something was published to, in the order of their first use."""
        return self._hub.published_channels

    def messages(self, channel: str) -> list[Wire]:
        """Give the stored messages of a channel in wire form, each as it is now, in the order of their serials."""
        found = self._hub.find_channel(channel)
        return [operation.full() for operation in found.messages.values()] if found else []

    def operations(self, channel: str) -> list[Wire]:
        """Give every applied operation of a channel in wire form, in order, data as sent."""
        found = self._hub.find_channel(channel)
        return [operation.delta() for operation in found.log] if found else []

    def members(self, channel: str) -> list[Wire]:
        """Give who is present on a channel, in wire form, in the order in which they entered."""
        return self._hub.presence(channel).members()

    async def wait_for(self, predicate: "Callable[[LocalServer], bool]") -> None:
        """Wait until a predicate of this server holds; it is asked after everything that happens here.

        Raises:
            RuntimeError: if the server stops first. What the predicate raises comes out too.
        """
        if predicate(self):
            return
        future = asyncio.get_running_loop().create_future()
        entry = (predicate, future)
        self._watchers.append(entry)
        try:
            await future
        finally:
            self._watchers.remove(entry)

    # What `Faults` needs

    def now(self) -> int:
        """Give the time in milliseconds since the epoch."""
        return int(time.time() * 1000)

    async def listen(self) -> None:
        """Accept connections, the second time on the same port as before."""
        if self._stopped:
            return
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.create_server((self._host, self._port), family=family)
        self._port = listener.getsockname()[1]
        self._site = web.SockSite(self._runner, listener)
        await self._site.start()

    async def stop_listening(self) -> None:
        """Refuse new connections and cut all open ones."""
        await self._site.stop()
        self._abort_sockets()

    def flow(self, *, on: bool) -> None:
        """Let bytes pass, or hold them in both directions."""
        if on:
            self._flowing.set()
        else:
            self._flowing.clear()

    def pump(self) -> None:
        """Carry out what the core wants done: send, abort, wake at the right time; tell those who wait."""
        for link in self._links:
            if link.connection.ending is Ending.ABORT:
                link.abort()
            elif link.connection.has_output:
                link.wake.set()
        for predicate, future in self._watchers:
            _settle(predicate, self, future)
        if self._timer:
            self._timer.cancel()
        due = self._hub.next_due()
        if due is not None and not self._stopped:
            delay_s = max(0, due - self.now()) / 1000
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._tick)

    # Sockets

    def _tick(self) -> None:
        self._hub.tick(self.now())
        self.pump()

    def _abort_sockets(self) -> None:
        for handler in self._runner.server.connections if self._runner.server else ():
            if handler.transport:
                handler.transport.abort()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if not self._is_welcome(request.headers.get("Origin")):
            return web.Response(status=403, text="unable to connect; the page's origin is not allowed")
        await self._flowing.wait()
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Request(request.method, request.rel_url.raw_path, dict(request.query), headers)
        if self._is_cut_off(asked) and request.transport:
            request.transport.abort()
            return web.Response(status=503)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._serve_websocket(request)
        response = await self._answer(request, asked)
        self.pump()
        return web.Response(
            status=response.status, body=response.body, headers={**response.headers, **cross_origin(asked)}
        )

    async def _answer(self, request: web.Request, asked: Request) -> Response:
        try:
            asked = replace(asked, body=await request.read())
        except web.HTTPRequestEntityTooLarge:
            return refusal(asked, AblyError(40009, 413, "unable to read the request; it is larger than the limit"))
        if self._http_faults and request.method == "POST" and request.path == FAULTS_PATH:
            return await self._order(asked)
        return respond(self._hub, asked, self.now())

    def _is_welcome(self, origin: str | None) -> bool:
        """Keep out web pages of other sites: to a browser any page may connect to this machine."""
        return origin is None or origin in self._allowed_origins or urlsplit(origin).hostname in _LOOPBACK

    def _is_cut_off(self, request: Request) -> bool:
        faults = self._hub.faults
        return bool(faults.cut_off) and faults.keeps_out(about(self._hub, request, self.now()))

    async def _order(self, request: Request) -> Response:
        try:
            authenticate(self._hub, request, self.now())
            await order(self.faults, as_wire(decode(request.body, "json")))
        except AblyError as error:
            return Response(error.status, error.message.encode(), {"Content-Type": "text/plain"})
        return Response(204, b"", {})

    async def _serve_websocket(self, request: web.Request) -> web.StreamResponse:
        websocket = web.WebSocketResponse(
            compress=False, autoping=False, timeout=_CLOSE_TIMEOUT_S, max_msg_size=_MAX_INBOUND_FRAME
        )
        try:
            await websocket.prepare(request)
        except ConnectionError:  # The client is gone before it was answered.
            return web.Response(status=503)
        if request.transport is None:
            return websocket
        connection = self._hub.connect(dict(request.query), self.now())
        link = _Link(websocket, request.transport, connection)
        self._links.add(link)
        writer = asyncio.create_task(self._write(link))
        self.pump()
        try:
            await self._read(link)
        finally:
            self._links.discard(link)
            self._hub.disconnected(connection, self.now())
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            self.pump()
        return websocket

    async def _read(self, link: _Link) -> None:
        async for message in link.websocket:
            await self._flowing.wait()
            if message.type is WSMsgType.PING:
                await link.websocket.pong(message.data)
            elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                try:
                    frame = as_wire(decode(message.data, "json" if message.type is WSMsgType.TEXT else "msgpack"))
                    link.connection.receive(frame, self.now())
                except AblyError as error:
                    link.connection.close(Action.ERROR, error)
                self.pump()

    async def _write(self, link: _Link) -> None:
        try:
            while True:
                await link.wake.wait()
                await self._flowing.wait()
                link.wake.clear()
                await link.send(self.now())
                if link.connection.ending is Ending.CLOSE:
                    await link.websocket.close()
                    return
        except ConnectionError:
            link.abort()


def _settle(predicate: Callable[[LocalServer], bool], server: LocalServer, future: asyncio.Future[None]) -> None:
    try:
        if not future.done() and predicate(server):
            future.set_result(None)
    except Exception as error:  # noqa: BLE001  the waiting test gets it, not the server
        future.set_exception(error)
