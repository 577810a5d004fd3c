"""The plain client on a channel: live, from history, and both at once."""

from __future__ import annotations

import asyncio
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.examples.channel import player_on
from tests.examples.conftest import FOLDER
from tests.examples.plain_client import WAIT_S, retried, texts
from tests.real_parts import SCRIPTS

if TYPE_CHECKING:
    from temporal_ably.server import LocalServer
    from tests.examples.plain_client import PlainClient

CHANNEL = "ai:plain"


async def test_live_from_history_and_a_join_in_mid_stream_give_the_same_session(
    plain: PlainClient, local_server: LocalServer
) -> None:
    messages = retried().messages
    where = (local_server.endpoint, CHANNEL, local_server.key)
    live = await plain.follow(*where)
    async with player_on(local_server, CHANNEL) as player:
        # Between two words of a text, and between two of a tool call's input.
        for position in (20, 27):
            await player.play(messages[len(local_server.operations(CHANNEL)) : position])
            await plain.follow(*where)
        joined = await plain.follow(*where)
        await player.play(messages[27:])
    expected = await live.wait_ended()
    fresh = await plain.follow(*where)
    assert (await joined.wait_ended(), await fresh.wait_ended()) == (expected, expected)
    assert texts(expected["runs"][0]) == ["I found it.", "thinking3 °C, 🌧."]


async def test_history_of_many_pages_is_read_to_its_beginning(plain: PlainClient, local_server: LocalServer) -> None:
    messages = retried().messages
    async with player_on(local_server, CHANNEL) as player:
        await player.play(messages[:10])
        for _ in range(11):
            await player.play([{**messages[0], "serial": f"filler {number}"} for number in range(10)])
        await player.play(messages[10:])
    follower = await plain.follow(local_server.endpoint, CHANNEL, local_server.key)
    assert texts((await follower.wait_ended())["runs"][0]) == ["I found it.", "thinking3 °C, 🌧."]


async def test_the_program_prints_the_session_as_it_grows(local_server: LocalServer) -> None:
    messages = retried().messages
    node = shutil.which("node", path=SCRIPTS) or "node"
    environment = os.environ | {"ABLY_API_KEY": local_server.key, "ABLY_ENDPOINT": local_server.endpoint}
    pipe = asyncio.subprocess.PIPE
    program = await asyncio.create_subprocess_exec(
        node, "watch.mjs", CHANNEL, cwd=FOLDER, env=environment, stdout=pipe, stderr=pipe
    )
    assert program.stdout is not None
    assert program.stderr is not None
    try:
        assert await asyncio.wait_for(program.stderr.readline(), WAIT_S) == b"watching ai:plain; Ctrl-C stops it\n"
        async with player_on(local_server, CHANNEL) as player:
            await player.play(messages)
        printed = await asyncio.wait_for(program.stdout.readuntil(b"run complete\n"), WAIT_S)
    finally:
        program.kill()
        await program.communicate()
    lines = printed.decode().splitlines()
    assert lines.index("  Let me gue") < lines.index("(Chat: attempt 1 was replaced by 2)")
    assert lines.index("  I found ") < lines.index("  I found it.")
    assert "  3 °C, 🌧." in lines


async def test_the_program_without_a_channel_tells_how_it_is_used() -> None:
    node = shutil.which("node", path=SCRIPTS) or "node"
    program = await asyncio.create_subprocess_exec(node, "watch.mjs", cwd=FOLDER, stderr=asyncio.subprocess.PIPE)
    _, told = await program.communicate()
    assert (program.returncode, b"usage: ABLY_API_KEY=" in told) == (2, True)


@pytest.mark.parametrize("key", ["local.dev:wrong", "no key", "a:b:c"])
async def test_the_program_tells_a_wrong_key_in_one_line(local_server: LocalServer, key: str) -> None:
    node = shutil.which("node", path=SCRIPTS) or "node"
    environment = os.environ | {"ABLY_API_KEY": key, "ABLY_ENDPOINT": local_server.endpoint}
    pipe = asyncio.subprocess.PIPE
    program = await asyncio.create_subprocess_exec(
        node, "watch.mjs", CHANNEL, cwd=FOLDER, env=environment, stdout=pipe, stderr=pipe
    )
    printed, told = await asyncio.wait_for(program.communicate(), WAIT_S)
    assert (program.returncode, printed, len(told.splitlines())) == (1, b"", 1)
    assert told.startswith(b"unable to watch ai:plain; ")
    assert told.endswith(b"; check ABLY_API_KEY and what it may read\n")
