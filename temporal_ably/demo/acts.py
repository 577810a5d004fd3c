"""The four acts: what each starts, what goes wrong in it, and how its end is judged."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from temporal_ably import session_name
from temporal_ably.demo.frame import Frame, Verdict, View, caption, compare, texts
from temporal_ably.demo.workflows import TASK_QUEUE, Answer, Panel, Question

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from temporalio.client import Client

    from temporal_ably.demo.subscriber import Subscriber

_FRAME_S = 1 / 12
_SETTLE_TIMEOUT_S = 30.0
_ENOUGH_TO_SEE = 80
_FAIL_AFTER_CHUNKS = 30


@dataclass(frozen=True)
class Stage:
    """What an act is played with. ``outage`` is how long the network stays away in act 2."""

    temporal: Client
    subscribe: Callable[[str], AbstractAsyncContextManager[Subscriber]]
    view: View
    outage: timedelta = timedelta(seconds=2)
    fail_after: int = _FAIL_AFTER_CHUNKS


@dataclass(frozen=True)
class Act:
    """One act. ``prompt`` is what the model is asked unless the user asks something else."""

    name: str
    title: str
    about: str
    prompt: str
    workflow: str
    argument: Callable[[Stage, str], object]
    trouble: Callable[[Scene], Awaitable[None]] | None = None


@dataclass
class Scene:
    """An act while it is played. ``note`` is the line below the picture."""

    stage: Stage
    title: str
    channel: str
    viewer: Subscriber
    note: str = ""

    @property
    def written(self) -> int:
        """Characters that the viewer has seen so far."""
        return sum(map(len, texts(self.viewer.session).values()))

    @property
    def over(self) -> bool:
        """Whether the viewer has seen the end of the run."""
        return any(run.ended for run in self.viewer.session.runs)

    def frame(self, *, settled: bool = False) -> Frame:
        """Give what there is to see now."""
        session = self.viewer.session
        note = self.note or caption(session)
        return Frame(self.title, self.channel, self.viewer.online, session, note, settled)

    async def paint(self) -> None:
        """Show each change, a few times a second at the most, until cancelled."""
        while True:
            change = asyncio.ensure_future(self.viewer.changed())
            self.stage.view.show(self.frame())
            await change
            await asyncio.sleep(_FRAME_S)


def _question(stage: Stage, prompt: str) -> Question:
    del stage
    return Question(prompt)


def _question_for_a_failing_model(stage: Stage, prompt: str) -> Question:
    return Question(prompt, fail_after=stage.fail_after)


def _topic(stage: Stage, prompt: str) -> str:
    del stage
    return prompt


async def _lose_the_network(scene: Scene) -> None:
    viewer, outage = scene.viewer, scene.stage.outage
    await viewer.until(lambda: scene.written >= _ENOUGH_TO_SEE or scene.over)
    before = scene.written
    viewer.pull_cable()
    await viewer.until(lambda: not viewer.online)
    scene.note = "the viewer's socket is cut; the model writes on"
    await asyncio.sleep(outage.total_seconds())
    scene.note = "the network is back; the viewer reconnects"
    await viewer.plug_in()
    await viewer.until(lambda: scene.written > before or scene.over)
    scene.note = f"offline for {outage.total_seconds():.1f} s after character {before}; the text went on from there"


ACTS = (
    Act(
        "stream",
        "A plain stream",
        "An activity asks a model. The viewer reads along, on its own Ably connection.",
        "Tell me a short story about a lighthouse keeper.",
        Answer.__name__,
        _question,
    ),
    Act(
        "network",
        "The network drops",
        "The viewer's socket is cut in mid-answer. It resumes as if nothing had been.",
        "Tell me a short story about a sailor and a storm.",
        Answer.__name__,
        _question,
        _lose_the_network,
    ),
    Act(
        "agents",
        "Three sub-agents",
        "Three child workflows write into one session. Each text says whose it is.",
        "lighthouses",
        Panel.__name__,
        _topic,
    ),
    Act(
        "failure",
        "The model fails",
        "The model fails in mid-sentence; Temporal tries again. Dead text is struck out.",
        "Tell me a short story about a ship in the fog.",
        Answer.__name__,
        _question_for_a_failing_model,
    ),
)


async def play(act: Act, stage: Stage, *, title: str, prompt: str) -> Verdict:
    """Play an act and compare what its viewer saw with what its workflow returned."""
    workflow_id = f"demo-{act.name}-{secrets.token_hex(2)}"
    channel = session_name(workflow_id, workflow_type=act.workflow)
    async with stage.subscribe(channel) as viewer:
        scene = Scene(stage, title, channel, viewer)
        painter = asyncio.create_task(scene.paint())
        try:
            returned = await _perform(act, scene, workflow_id, prompt)
        finally:
            painter.cancel()
            with suppress(asyncio.CancelledError):
                await painter
        verdict = compare(texts(viewer.session), returned)
        stage.view.show(scene.frame(settled=True))
        stage.view.judge(verdict)
        return verdict


async def _perform(act: Act, scene: Scene, workflow_id: str, prompt: str) -> dict[str, str]:
    argument = act.argument(scene.stage, prompt)
    handle = await scene.stage.temporal.start_workflow(act.workflow, argument, id=workflow_id, task_queue=TASK_QUEUE)
    if act.trouble is not None:
        await act.trouble(scene)
    result: str | dict[str, str] = await handle.result()
    with suppress(asyncio.TimeoutError):
        # What has not come by then is judged as lost.
        await asyncio.wait_for(scene.viewer.until(lambda: scene.over), _SETTLE_TIMEOUT_S)
    return {"answer": result} if isinstance(result, str) else result
