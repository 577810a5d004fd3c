"""Act 2: bob joins in the middle of an answer, and sees the same words as alice, after a reload too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browser.pages import answered

if TYPE_CHECKING:
    from examples.chat.backstage.services import Chat
    from tests.browser.pages import Browser, Page, Shot
    from tests.examples.chat.stand_in import StandIn


def middle(shot: Shot) -> bool:
    """Whether a page shows the answer up to where the model stopped."""
    return any(text.endswith("w1.9") for text in shot.texts)


async def test_who_joins_in_the_middle_sees_the_same_words(
    chat: Chat, browser: Browser, alice: Page, model: StandIn
) -> None:
    model.stop(after=WORDS_BEFORE + 10)
    await alice.say("Tell me a long story")
    await model.wait_stopped()
    here = await alice.wait_for(middle)
    bob = await browser.open("bob")
    there = await bob.wait_for(middle)
    assert there.said == here.said
    await alice.wait_for(lambda shot: set(shot.people) == {"alice", "bob"})
    await bob.reload()
    assert (await bob.wait_for(middle)).said == here.said
    model.go()
    result = await answered(chat, alice)
    for page in (alice, bob):
        shot = await page.wait_for(lambda shot: shot.settled("complete"))
        assert shot.said == [("user", "Tell me a long story"), ("assistant", result)]
    for page in (alice, bob):
        await page.reload()
        shot = await page.wait_for(lambda shot: shot.settled("complete"))
        assert shot.said == [("user", "Tell me a long story"), ("assistant", result)]
        # At no moment was there anything but a beginning of it.
        assert all(result.startswith(text) for shot in page.shots for text in shot.texts)


# "[You are a friendly] Tell me a long story #1:" comes before the words with numbers.
WORDS_BEFORE = 10
