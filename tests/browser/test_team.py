"""Act 3: three sub-agents, each a child workflow, in lanes side by side; then one that sums up."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.browser.pages import Page
    from tests.examples.chat.stand_in import StandIn

AGENTS = ["Critic", "Researcher", "Writer"]


async def test_three_child_workflows_stream_in_lanes_at_once(alice: Page, bob: Page, model: StandIn) -> None:
    model.stop(after=14)
    await alice.say("Why is the sky blue?", team=True)
    await model.wait_stopped(calls=3)
    # All three speak at the same moment, on both pages, each in a lane of its own.
    for page in (alice, bob):
        shot = await page.wait_for(lambda shot: len([text for text in shot.texts if "w1.1" in text]) == 3)
        assert sorted(message.lane for message in shot.messages if message.role == "assistant") == AGENTS
    model.go()
    for page in (alice, bob):
        shot = await page.wait_for(lambda shot: shot.settled("complete") and len(shot.texts) == 4)
        assert {text for text in shot.texts if text != shot.texts[-1]} == {call.text for call in model.calls[:3]}
        assert shot.messages[-1].lane == ""
        assert shot.texts[-1] == model.calls[3].text
        # Each lane only ever grew, and held one agent's words.
        for earlier in page.shots:
            for message in earlier.messages:
                assert message.role == "user" or any(call.text.startswith(message.text) for call in model.calls)
    # `useChat` of the sender holds the prompt and the summary; it is ready for the next prompt.
    held = await alice.wait_for(lambda shot: shot.asking == "ready")
    assert model.calls[3].text in [message["text"] for message in held.held]
