"""Tokens of the user's callback, against the local server by the real SDK."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from temporal_ably._transport.base import Credentials, Stored
from temporal_ably._transport.realtime import RealtimeConnection
from temporal_ably._wire.operations import Message, Publish
from temporal_ably.errors import ConnectionLostError, PublishError
from temporal_ably.server import LocalServer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

HELLO = Publish((Message("greeting", "hello", {}),))


@pytest.fixture
async def server() -> AsyncGenerator[LocalServer]:
    async with LocalServer() as running:
        yield running


def connect(server: LocalServer, give: Callable[[], object]) -> RealtimeConnection:
    async def callback(params: dict[str, object]) -> object:
        del params
        return give()

    return RealtimeConnection(Credentials("", server.endpoint, tls=False, client_id="me", auth_callback=callback))


class Details:
    """What ably-python's own ``TokenDetails`` looks like."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.client_id = None
        self.expires = None
        self.issued = 0


FORMS: dict[str, Callable[[str], object]] = {
    "a plain token": str,
    "details as JSON": lambda token: {"token": token, "issued": 1, "expires": 2_000_000_000_000},
    "details without a time": lambda token: {"token": token},
    "details as an object": Details,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("client_id", ["me", "*"])
async def test_every_form_of_a_token_publishes_and_reads(server: LocalServer, form: str, client_id: str) -> None:
    connection = connect(server, lambda: FORMS[form](server.token(client_id=client_id)))
    await connection.open()
    await connection.send("channel", HELLO)
    await connection.close()
    found: list[Stored] = [each async for each in connection.history("channel")]
    assert [(each.data, each.client_id) for each in found] == [("hello", "me")]


@pytest.mark.parametrize("client_id", [None, "somebody else"])
async def test_a_token_of_another_client_is_one_error_that_names_ours(
    server: LocalServer, client_id: str | None
) -> None:
    connection = connect(server, lambda: server.token(client_id=client_id))
    with pytest.raises(PublishError, match="give the token the client id 'me'") as raised:
        await connection.open()
    assert not raised.value.retryable
    await connection.close()


async def test_a_failing_callback_is_told_by_kind_and_tried_again(server: LocalServer) -> None:
    def fail() -> object:
        raise LookupError("no token for key hush-hush")

    connection = connect(server, fail)
    with pytest.raises(ConnectionLostError, match="auth_callback raised LookupError") as raised:
        await connection.open()
    assert raised.value.retryable
    assert "hush" not in str(raised.value)
    await connection.close()


async def test_a_callback_that_gives_nothing_is_told(server: LocalServer) -> None:
    connection = connect(server, lambda: None)
    with pytest.raises(ConnectionLostError):
        await connection.open()
    await connection.close()


async def test_no_token_gets_into_the_logs(server: LocalServer, caplog: pytest.LogCaptureFixture) -> None:
    opaque = "opaque-token-of-some-length"
    caplog.set_level(logging.DEBUG)
    connection = connect(server, lambda: opaque)
    with pytest.raises(PublishError):
        await connection.open()
    await connection.close()
    assert opaque not in caplog.text


@pytest.mark.parametrize("given", [{"keyName": "a.b", "mac": "x"}, 7], ids=["token request", "a number"])
async def test_what_is_no_token_is_left_to_the_sdk(server: LocalServer, given: Any) -> None:
    connection = connect(server, lambda: given)
    with pytest.raises(PublishError):
        await connection.open()
    await connection.close()
