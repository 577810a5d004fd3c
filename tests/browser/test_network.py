"""Act 1: a user's network is cut in the middle of an answer, shorter and longer than Ably keeps what was missed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.browser.pages import answered

if TYPE_CHECKING:
    from examples.chat.backstage.services import Chat
    from tests.browser.pages import Page
    from tests.examples.chat.stand_in import StandIn

LONG = timedelta(minutes=2)


async def cut_in_the_middle(chat: Chat, alice: Page, model: StandIn) -> None:
    """Cut alice off when she has read a few words."""
    model.stop(after=20)
    await alice.say("Tell me a long story")
    await model.wait_stopped()
    await alice.wait_for(lambda shot: any("w1.3" in text for text in shot.texts))
    assert chat.switches.network is not None
    chat.switches.network.cut("alice", LONG)
    await alice.wait_for(lambda shot: shot.connection != "connected")


async def assert_nothing_is_lost_or_doubled(chat: Chat, alice: Page, bob: Page, model: StandIn) -> None:
    result = await answered(chat, alice)
    for page in (alice, bob):
        shot = await page.wait_for(lambda shot: shot.settled("complete") and shot.connection == "connected")
        assert shot.said == [("user", "Tell me a long story"), ("assistant", result)]
    # Nobody ever saw anything but a beginning of the text.
    for shot in alice.shots + bob.shots:
        assert all(result.startswith(text) for text in shot.texts)


async def test_five_seconds_without_network(chat: Chat, alice: Page, bob: Page, model: StandIn) -> None:
    await cut_in_the_middle(chat, alice, model)
    assert chat.switches.network is not None
    chat.switches.network.cut("alice", timedelta(seconds=5))
    model.go()
    # Bob reads on, and alice goes on where she was, by herself.
    await bob.wait_for(lambda shot: shot.settled("complete"))
    await assert_nothing_is_lost_or_doubled(chat, alice, bob, model)


@pytest.mark.parametrize("connection_state", [timedelta(seconds=1)], ids=["window-1s"])
async def test_longer_without_network_than_ably_keeps_the_connection(
    chat: Chat, alice: Page, bob: Page, model: StandIn
) -> None:
    await cut_in_the_middle(chat, alice, model)
    model.go()
    await bob.wait_for(lambda shot: shot.settled("complete"))
    assert chat.ably is not None
    chat.ably.faults.lose_continuity(chat_channel(alice))
    assert chat.switches.network is not None
    chat.switches.network.cut("alice", timedelta(seconds=2))
    await assert_nothing_is_lost_or_doubled(chat, alice, bob, model)


def chat_channel(page: Page) -> str:
    return f"ai:chat-{page.chat}"
