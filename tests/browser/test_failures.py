"""Act 4: the model fails, the worker is killed. At no moment does any page show two attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browser.pages import answered, together

if TYPE_CHECKING:
    from examples.chat.backstage.services import Chat
    from tests.browser.pages import Page
    from tests.examples.chat.stand_in import StandIn


async def assert_only_the_attempt_that_counts_was_ever_shown(
    chat: Chat, alice: Page, bob: Page, model: StandIn
) -> None:
    await alice.wait_for(lambda shot: shot.settled("complete"))
    result = await answered(chat, alice)
    assert result == model.calls[-1].text
    for page in (alice, bob):
        shot = await page.wait_for(lambda shot: shot.settled("complete"))
        assert shot.said == [("user", "Tell me"), ("assistant", result)]
        assert together(page.shots, "w1.", "w2.") == []
        # The failed attempt was there to be read.
        assert any("w1." in text for shot in page.shots for text in shot.texts)
    # What `useChat` holds is what is shown.
    held = await alice.wait_for(lambda shot: shot.asking == "ready" and shot.held[-1]["text"] == result)
    assert [message["text"] for message in held.held] == ["Tell me", result]


async def test_the_model_fails_and_temporal_retries(chat: Chat, alice: Page, bob: Page, model: StandIn) -> None:
    await alice.click("workbench-toggle")
    await alice.click("switch-fail")
    await alice.wait("fetch('/api/switches').then((told) => told.json()).then((switches) => switches.failNextCall)")
    await alice.read("document.querySelector('[data-testid=workbench] [aria-label=Close]').click()")
    await alice.say("Tell me")
    await assert_only_the_attempt_that_counts_was_ever_shown(chat, alice, bob, model)
    assert alice.shot.messages[-1].attempt == 2


async def test_the_worker_is_killed_and_another_takes_over(chat: Chat, alice: Page, bob: Page, model: StandIn) -> None:
    model.stop(after=14)
    await alice.say("Tell me")
    await model.wait_stopped()
    for page in (alice, bob):
        await page.wait_for(lambda shot: any("w1.3" in text for text in shot.texts))
    await alice.click("workbench-toggle")
    await alice.click("kill-worker")
    model.go()
    await assert_only_the_attempt_that_counts_was_ever_shown(chat, alice, bob, model)
    assert chat.switches.worker.kills == 1
