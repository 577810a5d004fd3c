"""The snippet of docs/conversations.md that waits for an approval, with the stock client's chat before it."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from temporal_ably import Invocation
from tests.docs.test_conversations import snippet

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.end_to_end.chat import Chats
    from tests.end_to_end.stage import Stage


@pytest.fixture
def page() -> Generator[Any]:
    module = ModuleType("waiting_snippet")
    sys.modules[module.__name__] = module
    exec(snippet("wait_for_approval"), vars(module))  # noqa: S102 - the page's
    yield module
    del sys.modules[module.__name__]


@pytest.mark.parametrize(("answer", "last"), [("approve", "It is on its way."), ("deny", "Then I leave it.")])
async def test_snippet_sends_what_was_approved_and_nothing_else(
    stage: Stage, chats: Chats, page: Any, answer: str, last: str
) -> None:
    alice = await chats.open(stage.server.endpoint, f"ai:{stage.name}", key=stage.server.key)
    async with (
        stage.interceptor() as ably,
        Worker(
            stage.client,
            task_queue=stage.name,
            workflows=[page.Mail],
            activities=[page.ask, page.send],
            interceptors=[ably],
            workflow_runner=UnsandboxedWorkflowRunner(),
        ),
    ):
        asked = Invocation(**await alice.say("send it"))
        handle = await stage.client.start_workflow("Mail", asked, id=stage.workflow_id(), task_queue=stage.name)
        state = await alice.wait_for(lambda state: state.settled and "suspended" in state.runs.values())
        await alice.approve(state.calls["send_mail"], approved=answer == "approve")
        await handle.signal("answer", Invocation(**await alice.next_post()))
        assert await handle.result() is (answer == "approve")
    state = await alice.wait_for(lambda state: state.settled and state.texts[-1:] == [last])
    assert list(state.runs.values()) == ["complete"]
