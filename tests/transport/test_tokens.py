"""One connection with tokens of ``auth_callback``: the real SDK on the local server."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from typing import TYPE_CHECKING, cast

import pytest

from temporal_ably._transport.base import Credentials, Timeouts
from temporal_ably._transport.realtime import RealtimeConnection
from temporal_ably._wire.operations import Append, Message, Publish
from temporal_ably.errors import ConnectionLostError, HistoryError, PublishError, TemporalAblyError
from temporal_ably.server import LocalServer
from temporal_ably.server.auth import Key, create_jwt

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from temporal_ably._transport.base import AuthCallback, Stored

KEY = "local.dev:for-development-only"
TEXT = Message("plain", "text", {"headers": {"tag": "1"}})
OPAQUE = "appid.opaque-token+of/ably=="
EVERYTHING = {"*": ["*"]}


@pytest.fixture
async def server() -> AsyncGenerator[LocalServer]:
    async with LocalServer(key=KEY) as started:
        yield started


def jwt(client_id: str | None = "me", *, key: str = KEY, ttl_s: int = 600, ops: tuple[str, ...] = ("*",)) -> str:
    return create_jwt(Key.parse(key), int(time.time() * 1000), ttl_s * 1000, client_id, {"*": list(ops)})


class Issuer:
    """A user's callback: gives what ``make`` makes, and keeps what it gave."""

    def __init__(self, make: Callable[[], object]) -> None:
        self._make = make
        self.given: list[object] = []

    async def __call__(self, params: dict[str, object]) -> object:
        made = self._make()
        self.given.append(made)
        return made


def connect(endpoint: str, callback: AuthCallback, **timeouts: float) -> RealtimeConnection:
    credentials = Credentials("", endpoint, tls=False, client_id="me", auth_callback=callback)
    return RealtimeConnection(credentials, Timeouts(**timeouts))


async def read(connection: RealtimeConnection, channel: str = "channel") -> list[Stored]:
    return [stored async for stored in connection.history(channel)]


def details() -> object:
    from ably.types.tokendetails import TokenDetails  # pyright: ignore[reportMissingTypeStubs] - it has none

    return TokenDetails(token=jwt())


@pytest.mark.parametrize("make", [jwt, lambda: {"token": jwt()}, details], ids=["text", "mapping", "details"])
async def test_worker_without_a_key_publishes_and_reads_with_tokens(
    server: LocalServer, make: Callable[[], object]
) -> None:
    issuer = Issuer(make)
    connection = connect(server.endpoint, issuer)
    await connection.open()
    (serial,) = await connection.send("channel", Publish((TEXT,)))
    await connection.send("channel", Append(serial, TEXT))
    assert [stored.data for stored in await read(connection)] == ["texttext"]
    assert [message["clientId"] for message in server.messages("channel")] == ["me"]
    await connection.close()


async def test_history_is_read_with_a_token_though_nothing_is_open(server: LocalServer) -> None:
    issuer = Issuer(jwt)
    assert await read(connect(server.endpoint, issuer)) == []
    assert len(issuer.given) == 1
    assert server.connections_total == 0


async def test_callback_is_asked_anew_for_each_connection(server: LocalServer) -> None:
    issuer = Issuer(jwt)
    for _ in range(2):
        connection = connect(server.endpoint, issuer)
        await connection.open()
        await connection.close()
    assert len(issuer.given) == 2


async def test_callback_runs_on_the_loop_of_the_connection(server: LocalServer) -> None:
    loops: list[object] = []

    async def callback(params: dict[str, object]) -> object:
        loops.append(asyncio.get_running_loop())
        return jwt()

    connection = connect(server.endpoint, callback)
    await connection.open()
    await connection.close()
    assert set(loops) == {asyncio.get_running_loop()}


async def error_of(opening: RealtimeConnection) -> PublishError:
    with pytest.raises(PublishError) as caught:
        await opening.open()
    await opening.close()
    assert OPAQUE not in "".join(traceback.format_exception(caught.value))
    return caught.value


async def test_callback_that_fails_is_a_connection_loss_that_is_tried_again(server: LocalServer) -> None:
    async def callback(params: dict[str, object]) -> object:
        raise ValueError("the token service is down")

    error = await error_of(connect(server.endpoint, callback, connect_s=2.0))
    assert isinstance(error, ConnectionLostError)
    assert error.retryable
    with pytest.raises(HistoryError) as caught:
        await read(connect(server.endpoint, callback))
    assert caught.value.retryable


@pytest.mark.parametrize(
    "given", [None, 7, "", {}, {"token": 7}, object()], ids=["none", "number", "empty", "no token", "no text", "object"]
)
async def test_callback_that_gives_no_token_is_told_and_breaks_nothing(server: LocalServer, given: object) -> None:
    error = await error_of(connect(server.endpoint, Issuer(lambda: given), connect_s=2.0))
    assert str(error).startswith("unable to ")
    with pytest.raises(TemporalAblyError):
        await read(connect(server.endpoint, Issuer(lambda: given)))


async def test_callback_that_never_answers_is_given_up(server: LocalServer) -> None:
    async def callback(params: dict[str, object]) -> object:
        await asyncio.Event().wait()
        raise AssertionError

    error = await error_of(connect(server.endpoint, callback, connect_s=0.2))
    assert "no answer in" in str(error)


async def test_token_for_another_client_is_refused_for_good_and_told_with_the_one_that_is_needed(
    server: LocalServer,
) -> None:
    error = await error_of(connect(server.endpoint, Issuer(lambda: jwt("someone-else"))))
    assert not error.retryable
    assert "give the token the client id 'me' or '*'" in str(error)


@pytest.mark.parametrize("token", [jwt(key="local.dev:wrong"), OPAQUE], ids=["bad signature", "unknown"])
async def test_token_that_ably_does_not_take_is_told_and_another_is_tried(server: LocalServer, token: str) -> None:
    error = await error_of(connect(server.endpoint, Issuer(lambda: token)))
    assert error.retryable
    assert "40144" in str(error)
    assert token not in str(error)
    with pytest.raises(HistoryError) as caught:
        await read(connect(server.endpoint, Issuer(lambda: token)))
    assert token not in "".join(traceback.format_exception(caught.value))


async def test_token_without_the_capability_refuses_the_channel_only(server: LocalServer) -> None:
    connection = connect(server.endpoint, Issuer(lambda: jwt(ops=("history",))))
    await connection.open()
    with pytest.raises(PublishError, match="message-update-own") as caught:
        await connection.send("channel", Publish((TEXT,)))
    assert (caught.value.channel, caught.value.retryable) == ("channel", False)
    assert not connection.lost.done()
    await connection.close()


@pytest.mark.parametrize("make", [jwt, lambda: OPAQUE, lambda: {"token": OPAQUE}], ids=["JWT", "opaque", "mapping"])
async def test_no_log_shows_a_token(
    server: LocalServer, make: Callable[[], object], caplog: pytest.LogCaptureFixture
) -> None:
    sdk = logging.getLogger("ably")
    level = sdk.level
    sdk.setLevel(logging.DEBUG)
    caplog.set_level(logging.DEBUG)
    issuer = Issuer(make)
    connection = connect(server.endpoint, issuer, connect_s=3.0)
    try:
        await connection.open()
        await connection.send("channel", Publish((TEXT,)))
        await read(connection)
    except TemporalAblyError as err:
        caplog.records.append(logging.LogRecord("error", logging.ERROR, "", 0, str(err), (), None))
    finally:
        await connection.close()
        sdk.setLevel(level)
    tokens = [cast("dict[str, str]", each)["token"] if isinstance(each, dict) else str(each) for each in issuer.given]
    assert tokens
    assert {record.name.partition(".")[0] for record in caplog.records} >= {"ably", "websockets"}
    for record in caplog.records:
        for token in tokens:
            assert token not in record.getMessage()
            assert token not in repr(record.args)
            assert token not in (record.exc_text or "")
            if record.exc_info:
                assert token not in "".join(traceback.format_exception(*record.exc_info))


async def test_a_token_that_may_act_as_anyone_acts_as_the_publisher(server: LocalServer) -> None:
    connection = connect(server.endpoint, Issuer(lambda: server.token(client_id="*")))
    await connection.open()
    await connection.send("channel", Publish((TEXT,)))
    assert [message["clientId"] for message in server.messages("channel")] == ["me"]
    await connection.close()


async def test_what_a_callback_raises_is_quoted_neither_on_opening_nor_by_history(server: LocalServer) -> None:
    def fail() -> object:
        raise LookupError(f"no token for {OPAQUE}")

    for use in (RealtimeConnection.open, read):
        with pytest.raises((PublishError, HistoryError), match="auth_callback raised LookupError") as caught:
            await use(connect(server.endpoint, Issuer(fail)))
        assert OPAQUE not in str(caught.value)
