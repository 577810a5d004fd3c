"""The plain client on a channel: live, from history, and both at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.examples.channel import player_on
from tests.examples.plain_client import retried, texts

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
