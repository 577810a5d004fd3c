"""A worker is killed at each bad moment of a run: whoever is left ends it, and where nobody is, `reconcile` does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError
from temporalio.worker import Worker

from temporal_ably import AblyPlugin, durable_session, reconcile, streaming
from tests.end_to_end.checkpoints import checkpoint
from tests.end_to_end.errand import Errand, Stop
from tests.end_to_end.lingering import PLACE
from tests.end_to_end.stage import assert_all_readers_agree

if TYPE_CHECKING:
    from temporalio.client import WorkflowHandle

    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.node_process import Json
    from tests.end_to_end.processes import Workers
    from tests.end_to_end.stage import Stage
    from tests.end_to_end.viewer import Viewer

# Of an activity whose worker is killed.
HEARTBEAT_S = 1.5
HALF = "As I was say"
WHOLE = "As I was saying"


@activity.defn
@streaming
async def recite() -> AsyncIterator[str]:
    yield "As I "
    yield "was say"
    await checkpoint("in the middle", beating=True)
    yield "ing"


@activity.defn
@streaming
async def speak() -> AsyncIterator[str]:
    yield "As I "
    yield "was saying"


class Story:
    """A conversation with one question, and a workflow that answers it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.session = f"ai:{stage.name}"

    @property
    def settings(self) -> dict[str, Any]:
        """For whatever of ours speaks to the local server."""
        return {"api_key": self.stage.server.key, "endpoint": self.stage.server.endpoint, "tls": False}

    async def client(self) -> Client:
        """A client of a process that has the plugin."""
        plain = self.stage.client
        return Client(plain.service_client, plugins=[AblyPlugin(**self.settings)])

    async def view(self, client_id: str) -> Viewer:
        """Open the session as a page that has just been loaded."""
        server = self.stage.server
        return await self.stage.viewers.open(server.endpoint, self.session, key=server.key, client_id=client_id)

    async def begin(self, alice: Viewer, *stops: Stop) -> WorkflowHandle[Errand, str]:
        """Have Alice ask, and a workflow begin to answer."""
        asked = (await alice.send("what were you saying?", message_id="q"))["invocation"]
        with durable_session(asked["sessionName"], input_event_id=asked["inputEventId"]):
            return await (await self.client()).start_workflow(
                Errand.run, list(stops), id=self.stage.workflow_id(), task_queue=self.stage.name
            )

    async def reconcile(self, **options: Any) -> list[str]:
        """What becomes of each open run."""
        done = await reconcile(self.stage.client, [self.session], grace=timedelta(0), **options, **self.settings)
        assert done.complete
        return [f"{run.outcome} {run.reason}".strip() for run in done.runs]

    async def assert_ended(self, alice: Viewer, texts: list[str], status: str) -> None:
        """Alice, and Bob who comes now, see these answers, and that the run is over."""
        for viewer in (alice, await self.view("bob")):
            await viewer.wait_settled_text(texts, status=status)
            assert [message.role for message in viewer.messages] == ["user", *["assistant"] * len(texts)]
            await assert_all_readers_agree(viewer, self.stage.server.messages(self.session))


@pytest.fixture
def story(stage: Stage) -> Story:
    return Story(stage)


async def die_in_the_middle(
    story: Story, alice: Viewer, workers: Workers, checkpoints: Checkpoints
) -> WorkflowHandle[Errand, str]:
    """Begin, and be killed in the middle of the stream of the last attempt."""
    worker = await workers.start(recite, workflow=Errand)
    handle = await story.begin(alice, Stop("recite", story.stage.name, HEARTBEAT_S))
    await checkpoints.reached("in the middle")
    await alice.wait_for(lambda view: view.texts[-1:] == [HALF])
    await worker.kill()
    return handle


async def die_after_the_last_word(
    story: Story, alice: Viewer, workers: Workers, checkpoints: Checkpoints
) -> WorkflowHandle[Errand, str]:
    """Begin, and be killed when all is streamed and the step is over, but Temporal does not know."""
    worker = await workers.start(speak, workflow=Errand, linger=True)
    handle = await story.begin(alice, Stop("speak", story.stage.name, HEARTBEAT_S))
    await checkpoints.reached(PLACE)
    await alice.wait_for(lambda view: [step.status for run in view.runs for step in run.steps] == ["complete"])
    await worker.kill()
    return handle


MOMENTS = [(die_in_the_middle, HALF), (die_after_the_last_word, WHOLE)]


@pytest.mark.parametrize(("die", "said"), MOMENTS)
async def test_another_worker_ends_the_run_though_it_serves_workflows_only(
    story: Story, workers: Workers, checkpoints: Checkpoints, die: Any, said: str
) -> None:
    alice = await story.view("alice")
    handle = await die(story, alice, workers, checkpoints)
    async with Worker(await story.client(), task_queue=story.stage.name, workflows=[Errand]):
        with pytest.raises(WorkflowFailureError):
            await handle.result()
        await story.assert_ended(alice, [said], "error")
    assert await story.reconcile() == []


@pytest.mark.parametrize(("die", "said"), MOMENTS)
async def test_where_no_worker_of_ours_is_left_reconcile_ends_the_run(
    story: Story, workers: Workers, checkpoints: Checkpoints, die: Any, said: str
) -> None:
    alice = await story.view("alice")
    handle = await die(story, alice, workers, checkpoints)
    # Its workflow goes on, and so does the run.
    assert await story.reconcile() == ["running"]
    async with Worker(story.stage.client, task_queue=story.stage.name, workflows=[Errand]):
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    assert await story.reconcile(dry_run=True) == ["ended error"]
    assert list(alice.run_statuses.values()) == ["active"]
    assert await story.reconcile() == ["ended error"]
    await story.assert_ended(alice, [said], "error")
    assert await story.reconcile() == []


class NoEnds:
    """While it holds, nobody can publish a run's end: the server cuts who tries."""

    def __init__(self, stage: Stage) -> None:
        self.holds = True
        stage.server.faults.cut(1_000_000, self._matches)

    def _matches(self, message: Json) -> bool:
        return self.holds and message.get("name") == "ai-run-end"


async def test_worker_that_began_the_run_ends_it_for_one_that_was_killed_before_the_end(
    story: Story, workers: Workers
) -> None:
    alice, ends = await story.view("alice"), NoEnds(story.stage)
    here = f"{story.stage.name}-here"
    worker = await workers.start(speak, workflow=Errand)
    async with Worker(await story.client(), task_queue=here, activities=[speak]):
        handle = await story.begin(alice, Stop("speak", here), Stop("speak", story.stage.name))
        assert await handle.result() == f"{WHOLE} {WHOLE}"
        await worker.kill()
        ends.holds = False
        await story.assert_ended(alice, [WHOLE, WHOLE], "complete")


async def test_reconcile_ends_the_run_of_one_that_was_killed_before_the_end(story: Story, workers: Workers) -> None:
    alice, ends = await story.view("alice"), NoEnds(story.stage)
    worker = await workers.start(speak, workflow=Errand)
    handle = await story.begin(alice, Stop("speak", story.stage.name))
    assert await handle.result() == WHOLE
    await worker.kill()
    ends.holds = False
    assert await story.reconcile() == ["ended complete"]
    await story.assert_ended(alice, [WHOLE], "complete")
    assert await story.reconcile() == []


async def test_run_without_any_worker_left_ends_as_it_was_terminated(
    story: Story, workers: Workers, checkpoints: Checkpoints
) -> None:
    alice = await story.view("alice")
    handle = await die_in_the_middle(story, alice, workers, checkpoints)
    await handle.terminate("nobody is left")
    assert await story.reconcile() == ["ended error"]
    await story.assert_ended(alice, [HALF], "error")
