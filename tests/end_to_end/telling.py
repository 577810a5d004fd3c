"""What stories about workflows have in common: a narrator, whose activities tell what the story put in its script.

The script is what differs between two tries of one workflow: the workflow asks for a line, the story says how it reads
this time. Lines of different tries begin with different letters.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

from temporal_ably import streaming
from tests.end_to_end.checkpoints import checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.end_to_end.viewer import Viewer

AT_ONCE = timedelta(milliseconds=10)
TIMEOUT = timedelta(seconds=60)
RETRIES = RetryPolicy(initial_interval=AT_ONCE, maximum_attempts=3)

PAUSE = "|"
BREAK = "!"


@dataclass
class Narrator:
    """Tells lines. `script`: what a line reads as; a line that is not in it reads as its name.

    In a line, "|" stands for a checkpoint named after the line's words so far, and "!" for a failure.
    """

    script: dict[str, str] = field(default_factory=dict[str, str])
    choices: dict[str, bool] = field(default_factory=dict[str, bool])

    @property
    def activities(self) -> list[Callable[..., object]]:
        """What a worker serves."""
        return [self.tell, self.choose]

    @activity.defn
    @streaming
    async def tell(self, line: str) -> AsyncIterator[str]:
        """Tell a line, a word at a time."""
        said = ""
        for word in self.script.get(line, line).split(" "):
            if word == PAUSE:
                await checkpoint(said)
            elif word == BREAK:
                raise ApplicationError("the narrator broke off")
            else:
                said += f" {word}" if said else word
                yield f" {word}" if said != word else word
                await asyncio.sleep(0)

    @activity.defn
    async def choose(self, question: str) -> bool:
        """Decide something that the workflow asks; streams nothing."""
        return self.choices[question]


async def told(line: str) -> str:
    """Have a line told, in a workflow."""
    return await workflow.execute_activity_method(
        Narrator.tell, line, start_to_close_timeout=TIMEOUT, retry_policy=RETRIES
    )


async def chosen(question: str) -> bool:
    """Have something decided, in a workflow."""
    return await workflow.execute_activity_method(Narrator.choose, question, start_to_close_timeout=TIMEOUT)


def assert_never_together(viewer: Viewer, dead: str, new: str) -> None:
    """No view ever had a message that begins with a letter of `dead` and one that begins with a letter of `new`."""
    for view in viewer.history_of_views:
        letters = {text[0] for text in view.texts if text}
        assert not (letters & set(dead) and letters & set(new)), f"two tries were shown side by side: {view.texts}"


def assert_once_shown(viewer: Viewer, texts: list[str]) -> None:
    """Some view had exactly these messages."""
    assert any(view.texts == texts for view in viewer.history_of_views), f"{texts} was never shown"
