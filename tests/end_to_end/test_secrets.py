"""With all logging on, from connect to failure: no key, no part of it, and no token shows anywhere."""

from __future__ import annotations

import asyncio
import base64
import logging
import re
import subprocess
import sys
import traceback
import urllib.parse
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from temporalio import activity

from temporal_ably import streaming
from temporal_ably._transport.base import Credentials, Timeouts
from temporal_ably._transport.realtime import RealtimeConnection
from temporal_ably._wire.operations import Append, Message, Publish
from temporal_ably.errors import TemporalAblyError
from temporal_ably.server import LocalServer
from tests.end_to_end.ask import Ask, Question
from tests.end_to_end.stage import Stage, new_name

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from tests.end_to_end.viewer import Viewers
    from tests.real_parts import Temporal

NAME, SECRET = "secret.tests", "Ph/nglui+mglw_nafh=Cthulhu"
KEY = f"{NAME}:{SECRET}"
WRONG = f"{NAME}:R7lyeh/wgah+nagl"
SCRIPT = Path(__file__).parent / "loud_script.py"
TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+|ZXlK[\w+/]{8,}")


def forms(key: str) -> list[str]:
    """A key in each form in which it travels."""
    secret = key.partition(":")[2]
    plain = [key, secret]
    return [
        *plain,
        *(urllib.parse.quote(text, safe="") for text in plain),
        *(urllib.parse.quote_plus(text) for text in plain),
        *(base64.b64encode(text.encode()).decode() for text in plain),
    ]


def assert_clean(text: str) -> None:
    for form in forms(KEY) + forms(WRONG):
        assert form not in text
    assert not TOKEN.search(text), "a token shows"


@activity.defn
@streaming
async def speak() -> AsyncIterator[str]:
    yield "nothing secret"


class Everything(logging.Handler):
    """Keeps each record as a handler would find it."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def names(self) -> set[str]:
        """The top names of the loggers that said something."""
        return {record.name.partition(".")[0] for record in self.records}

    def assert_clean(self) -> None:
        for record in self.records:
            assert_clean(record.getMessage())
            assert_clean(repr(record.args))
            assert_clean(str(record.msg))
            assert_clean(record.exc_text or "")
            if record.exc_info:
                assert_clean("".join(traceback.format_exception(*record.exc_info)))


@pytest.fixture
def logs() -> Generator[Everything]:
    """Everything that is logged, by us and by the SDK, at the finest level."""
    root, sdk, handler = logging.getLogger(), logging.getLogger("ably"), Everything()
    levels = root.level, sdk.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    sdk.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(levels[0])
    sdk.setLevel(levels[1])
    handler.assert_clean()


@pytest.fixture
async def server() -> AsyncGenerator[LocalServer]:
    async with LocalServer(key=KEY) as started:
        yield started


def connection(endpoint: str, key: str = KEY) -> RealtimeConnection:
    credentials = Credentials(key, endpoint, tls=False, client_id="temporal-ably")
    assert_clean(repr(credentials))
    return RealtimeConnection(credentials, Timeouts(connect_s=5.0))


async def error_of(opening: RealtimeConnection) -> TemporalAblyError:
    with pytest.raises(TemporalAblyError) as caught:
        await opening.open()
    await opening.close()
    assert_clean("".join(traceback.format_exception(caught.value)))
    assert_clean(repr(vars(caught.value)))
    return caught.value


async def test_connecting_publishing_and_reading_show_no_secret(logs: Everything, server: LocalServer) -> None:
    made = connection(server.endpoint)
    await made.open()
    message = Message("plain", "text", {"headers": {}})
    (serial,) = await made.send("secrets", Publish((message,)))
    await made.send("secrets", Append(serial, message))
    stored = [each async for each in made.history("secrets")]
    await made.close()
    assert [each.data for each in stored] == ["texttext"]
    assert {"ably", "websockets", "httpcore"} <= logs.names(), "too little was logged to prove anything"
    assert_clean(repr(server.operations("secrets")))


async def test_wrong_key_shows_no_secret(logs: Everything, server: LocalServer) -> None:
    error = await error_of(connection(server.endpoint, WRONG))
    assert "check ABLY_API_KEY" in str(error)
    with pytest.raises(TemporalAblyError) as caught:
        _ = [each async for each in connection(server.endpoint, WRONG).history("secrets")]
    assert_clean("".join(traceback.format_exception(caught.value)))
    assert "ably" in logs.names()


@pytest.mark.parametrize("endpoint", ["127.0.0.1:1", "no-such-host.invalid:443", "no-such-host.invalid"])
async def test_unreachable_host_shows_no_secret(logs: Everything, endpoint: str) -> None:
    await error_of(connection(endpoint))
    with pytest.raises(TemporalAblyError) as caught:
        _ = [each async for each in connection(endpoint).history("secrets")]
    assert_clean("".join(traceback.format_exception(caught.value)))
    assert logs.records


async def test_refused_operation_shows_no_secret(logs: Everything, server: LocalServer) -> None:
    server.faults.refuse(code=40160, status=401)
    made = connection(server.endpoint)
    await made.open()
    with pytest.raises(TemporalAblyError) as caught:
        await made.send("secrets", Publish((Message("plain", "text", {"headers": {}}),)))
    await made.close()
    assert_clean("".join(traceback.format_exception(caught.value)))
    assert "ably" in logs.names()


async def test_a_whole_workflow_with_an_outage_shows_no_secret(
    logs: Everything, server: LocalServer, temporal: Temporal, viewers: Viewers
) -> None:
    stage = Stage(await temporal.connect(), server, viewers, new_name())
    async with stage.worker([Ask], [speak]):
        async with server.faults.unreachable():
            await stage.client.execute_workflow(
                Ask.run, Question("speak"), id=stage.workflow_id(), task_queue=stage.name
            )
        await server.wait_for(lambda _: "ai-run-end" in repr(server.messages(f"ai:{stage.workflow_id()}")))
    assert {"ably", "websockets", "temporal_ably"} <= logs.names()
    assert_clean(repr(server.operations(f"ai:{stage.workflow_id()}")))


async def test_first_connection_of_a_process_shows_no_secret(server: LocalServer) -> None:
    script = await asyncio.create_subprocess_exec(
        *(sys.executable, str(SCRIPT), server.endpoint, KEY, WRONG),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    printed, logged = await script.communicate()
    assert (script.returncode, printed.decode()) == (0, "")
    assert "websockets.client" in logged.decode()
    assert_clean(logged.decode())


async def test_what_fails_on_the_engines_loop_is_told_without_secrets(logs: Everything) -> None:
    from temporal_ably._publisher.engine import engine
    from temporal_ably._transport.secrets import guard

    guard(KEY)

    def fail() -> None:
        raise RuntimeError(f"wss://main.realtime.ably.net?key={urllib.parse.quote_plus(KEY)}")

    engine().call(fail)
    await asyncio.wrap_future(engine().submit(asyncio.sleep(0)))
    (record,) = [each for each in logs.records if each.name == "temporal_ably"]
    assert record.levelno == logging.ERROR
    assert "wss://main.realtime.ably.net?key=[secret]" in record.getMessage()
