"""Act 5: a user stops an answer, edits a prompt, has an answer made again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browser.pages import answered

if TYPE_CHECKING:
    from examples.chat.backstage.services import Chat
    from tests.browser.pages import Page
    from tests.examples.chat.stand_in import StandIn


async def test_a_stopped_answer_stays_as_far_as_it_came(alice: Page, bob: Page, model: StandIn) -> None:
    model.stop(after=14)
    await alice.say("Tell me")
    await model.wait_stopped()
    for page in (alice, bob):
        await page.wait_for(lambda shot: any("w1.3" in text for text in shot.texts))
    await alice.click("stop")
    for page in (alice, bob):
        shot = await page.wait_for(lambda shot: shot.settled("cancelled"))
        assert shot.texts[0].endswith("w1.6")
    model.go()
    await alice.say("Go on")
    for page in (alice, bob):
        shot = await page.wait_for(lambda shot: shot.settled("cancelled", "complete"))
        assert shot.texts[1] == model.calls[-1].text


async def test_an_edited_prompt_is_answered_in_place_of_the_first(
    chat: Chat, alice: Page, bob: Page, model: StandIn
) -> None:
    await alice.say("Tell me of cats")
    await alice.wait_for(lambda shot: shot.settled("complete") and shot.asking == "ready")
    await alice.click("edit")
    await alice.fill("edit-box", "Tell me of dogs")
    await alice.click("edit-save")
    shot = await alice.wait_for(lambda shot: shot.settled("complete") and shot.said[0] == ("user", "Tell me of dogs"))
    assert shot.said[1:] == [("assistant", model.calls[-1].text)]
    assert await answered(chat, alice) == model.calls[-1].text
    # The model was told of nothing else, and who loads the page sees the same.
    assert [message["content"] for message in model.calls[-1].messages[1:]] == ["Tell me of dogs"]
    await bob.reload()
    # Until it has loaded anew, his page stays with the question that it showed.
    await bob.wait_for(lambda seen: seen.settled("complete") and seen.said == shot.said)


async def test_an_answer_that_is_made_again_takes_the_place_of_the_first(
    alice: Page, bob: Page, model: StandIn
) -> None:
    await alice.say("Tell me")
    first = await alice.wait_for(lambda shot: shot.settled("complete") and shot.asking == "ready")
    await alice.click("regenerate")
    again = await alice.wait_for(lambda shot: shot.settled("complete") and "w2.39" in "".join(shot.texts))
    assert again.said == [("user", "Tell me"), ("assistant", model.calls[-1].text)]
    assert again.said != first.said
    # The model does not know what it said the first time.
    assert [message["content"] for message in model.calls[-1].messages[1:]] == ["Tell me"]
    shot = await bob.wait_for(lambda shot: shot.settled("complete") and "w2.39" in "".join(shot.texts))
    assert shot.said == again.said
    # The first is a click away.
    await alice.click("branch-previous")
    await alice.wait_for(lambda shot: shot.said == first.said)
