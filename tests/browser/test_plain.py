"""One plain turn: a prompt, and the words of the workflow's result on every page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.browser.pages import Page
    from tests.examples.chat.stand_in import StandIn


async def test_a_prompt_is_answered_on_every_page(alice: Page, bob: Page, model: StandIn) -> None:
    await alice.say("Hello there")
    for page in (alice, bob):
        shot = await page.wait_for(lambda shot: shot.settled("complete"))
        assert shot.said == [("user", "Hello there"), ("assistant", model.calls[0].text)]
    assert len(model.calls) == 1
    assert model.calls[0].question == "Hello there"
    held = await alice.wait_for(lambda shot: shot.asking == "ready")
    assert [message["text"] for message in held.held] == ["Hello there", model.calls[0].text]
    assert await alice.complaints() == await bob.complaints() == []
