"""Sub-agents: child workflows share the session of their root, side by side, each with its name on its messages."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from tests.end_to_end.telling import RETRIES, Narrator, assert_never_together, assert_once_shown, told

if TYPE_CHECKING:
    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.stage import Stage


@workflow.defn
class Researcher:
    @workflow.run
    async def run(self, topic: str) -> str:
        return await told(topic)


@workflow.defn
class Team:
    @workflow.run
    async def run(self, topics: list[str]) -> list[str]:
        own_id = workflow.info().workflow_id
        children = [
            await workflow.start_child_workflow(Researcher.run, topic, id=f"{own_id}-{topic}") for topic in topics
        ]
        return list(await asyncio.gather(*children))


@workflow.defn
class Hasty:
    @workflow.run
    async def run(self) -> str:
        if workflow.info().attempt == 1:
            raise ApplicationError(f"gave up after {await told('first try')!r}")
        return await told("second try")


@workflow.defn
class Patient:
    @workflow.run
    async def run(self) -> list[str]:
        child_id = f"{workflow.info().workflow_id}-child"
        found = await workflow.execute_child_workflow(Hasty.run, id=child_id, retry_policy=RETRIES)
        return [found, await told("summary")]


async def test_three_children_show_side_by_side_and_one_of_them_is_retried(
    stage: Stage, checkpoints: Checkpoints
) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    topics = ["ants", "bees", "cats"]
    narrator = Narrator({"ants": "ants | dig", "bees": "bees | !", "cats": "cats | purr"})
    async with stage.worker([Team, Researcher], narrator.activities):
        handle = await stage.client.start_workflow(Team.run, topics, id=workflow_id, task_queue=stage.name)
        waiting = {topic: await checkpoints.reached(topic) for topic in topics}
        view = await viewer.wait_for(lambda view: sorted(view.texts) == topics)

        narrator.script["bees"] = "honey | bees"
        waiting["bees"].go_on()
        retried = await checkpoints.reached("honey")
        # A retried message comes after those that began before it (WIRE 5.3).
        others = [text for text in view.texts if text != "bees"]
        await viewer.wait_for(lambda view: view.texts == [*others, "honey"])
        for visit in (*waiting.values(), retried):
            visit.go_on()

        results = dict(zip(topics, await handle.result(), strict=False))
        assert results == {"ants": "ants dig", "bees": "honey bees", "cats": "cats purr"}
        await stage.assert_shown(viewer, workflow_id, [*(results[topic] for topic in others), results["bees"]])

    assert_never_together(viewer, dead="b", new="h")
    assert all(len(view.runs) <= 1 and len(view.messages) <= 3 for view in viewer.history_of_views)
    shown = {message.metadata["workflowId"]: message for message in viewer.messages}
    assert {child_id: message.text for child_id, message in shown.items()} == {
        f"{workflow_id}-{topic}": result for topic, result in results.items()
    }
    assert {message.metadata["agent"] for message in viewer.messages} == {"Researcher"}
    assert shown[f"{workflow_id}-bees"].metadata["attempt"] == 2


async def test_a_child_that_is_tried_again_replaces_what_its_first_try_said(
    stage: Stage, checkpoints: Checkpoints
) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    narrator = Narrator({"second try": "| new try"})
    async with stage.worker([Patient, Hasty], narrator.activities):
        handle = await stage.client.start_workflow(Patient.run, id=workflow_id, task_queue=stage.name)
        second = await checkpoints.reached("")
        late = await stage.view(workflow_id, client_id="carol")
        assert late.texts == ["first try"]
        second.go_on()
        assert await handle.result() == ["new try", "summary"]
        await stage.assert_shown(viewer, workflow_id, ["new try", "summary"])
    for each in (viewer, late):
        assert_never_together(each, dead="f", new="ns")
    assert_once_shown(viewer, ["first try"])
    assert [message.metadata["agent"] for message in viewer.messages] == ["Hasty", "tell"]
