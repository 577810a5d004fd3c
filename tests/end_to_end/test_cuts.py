"""A connection cut at each point of an attempt: the user sees the activity's return value, and nothing is there twice.

At each point the cut comes once before Ably took the operation, and once after, when only the answer is lost.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from temporalio import activity, workflow

from temporal_ably import session_name, streaming
from tests.end_to_end.line import Seen, header, is_append, is_create

if TYPE_CHECKING:
    from temporal_ably.server import LocalServer
    from tests.end_to_end.stage import Stage

Wire = dict[str, Any]


def named(name: str) -> Callable[[Wire], bool]:
    return lambda message: message.get("name") == name


def closes(message: Wire) -> bool:
    return message.get("action") == 5 and header(message, "status") == "complete"


POINTS: dict[str, Callable[[Wire], bool]] = {
    "run-start": named("ai-run-start"),
    "step-start": named("ai-step-start"),
    "message's opening": is_create,
    "mid-text": is_append,
    "closing append": closes,
    "step-end": named("ai-step-end"),
    "run-end": named("ai-run-end"),
}


# Every message of the attempt, with what `Mix` adds before the first three words.
FRAMES = ["ai-run-start", "ai-step-start", "start", "start-step", "ai-step-end", "ai-run-end"]
LOOKED_UP = ["tool-input", "data-progress", "tool-output-available"]
COMPUTED = ["tool-input", "tool-output-error", "data-progress", "source-url", "message-metadata"]
ONE_OF_EACH = sorted([*FRAMES, "reasoning", "text", *LOOKED_UP, "text", *COMPUTED, "text"])


def kind(message: Wire) -> str:
    """What a message is: its name, or the kind of output that it carries."""
    return message["extras"]["ai"].get("codec", {}).get("kind", message["name"])


class Speaker:
    """Yields a word only when the word before it is on the channel, so that the text goes out in several appends."""

    def __init__(self, server: LocalServer, channel: str) -> None:
        self._server = server
        self._channel = channel

    @activity.defn
    @streaming
    async def speak(self, text: str) -> AsyncIterator[str]:
        said = ""
        for word in text.split(" "):
            said += word + " "
            yield word + " "
            await self._server.wait_for(lambda _, said=said: said == self._spoken())

    def _spoken(self) -> str:
        messages = self._server.messages(self._channel)
        return "".join(str(message.get("data") or "") for message in messages if kind(message) == "text")


@workflow.defn
class Speak:
    @workflow.run
    async def run(self, text: str) -> str:
        return await workflow.execute_activity(
            "speak", text, start_to_close_timeout=timedelta(seconds=30), result_type=str
        )


@pytest.mark.parametrize("applied", [True, False], ids=["applied", "not-applied"])
@pytest.mark.parametrize("point", POINTS)
async def test_connection_cut_at_each_point_of_an_attempt(stage: Stage, point: str, *, applied: bool) -> None:
    workflow_id = stage.workflow_id()
    channel = session_name(workflow_id)
    viewer = await stage.view(workflow_id)
    cut = Seen(POINTS[point])
    stage.server.faults.cut(match=cut, apply=applied)
    async with stage.worker([Speak], [Speaker(stage.server, channel).speak]):
        result = await stage.client.execute_workflow(
            Speak.run, "the quick brown fox", id=workflow_id, task_queue=stage.name
        )
        await stage.assert_shown(viewer, workflow_id, [result])
    assert cut.met
    assert result == "the quick brown fox "
    assert sorted(map(kind, stage.server.messages(channel))) == ONE_OF_EACH
    assert [step.status for run in viewer.view.runs for step in run.steps] == ["complete"]
