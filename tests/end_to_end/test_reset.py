"""A workflow that is reset, while it runs and after its end: what it goes on to say replaces what the reset undid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporalio import workflow

from temporal_ably import session_name
from temporal_ably._dialect.ait08 import transport_headers
from tests.end_to_end.resets import reset
from tests.end_to_end.telling import Narrator, assert_never_together, chosen, told

if TYPE_CHECKING:
    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.stage import Stage


@workflow.defn
class Tale:
    @workflow.run
    async def run(self) -> str:
        await told("opening")
        if await chosen("a detour"):
            await told("detour")
        return await told("ending")


@workflow.defn
class Teller:
    @workflow.run
    async def run(self, line: str) -> str:
        return await told(line)


@workflow.defn
class Troupe:
    """Two children one after the other; a choice between them decides whether there is a second."""

    @workflow.run
    async def run(self) -> str:
        own_id = workflow.info().workflow_id
        await workflow.execute_child_workflow(Teller.run, "opening", id=f"{own_id}-opening")
        if await chosen("a detour"):
            await workflow.execute_child_workflow(Teller.run, "detour", id=f"{own_id}-detour")
        return await told("ending")


@workflow.defn
class Frame:
    """Frames a tale, told by a child."""

    @workflow.run
    async def run(self) -> None:
        await told("preface")
        await workflow.execute_child_workflow(Tale.run, id=f"{workflow.info().workflow_id}-tale")
        await told("afterword")


async def test_a_running_workflow_goes_the_same_way_again(stage: Stage, checkpoints: Checkpoints) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    narrator = Narrator({"detour": "dead detour", "ending": "dead ending | to come"}, {"a detour": True})
    async with stage.worker([Tale], narrator.activities):
        handle = await stage.client.start_workflow(Tale.run, id=workflow_id, task_queue=stage.name)
        old_ending = await checkpoints.reached("dead ending")
        await viewer.wait_for(lambda view: view.texts == ["opening", "dead detour", "dead ending"])

        narrator.script |= {"detour": "new detour |", "ending": "new ending"}
        await reset(stage.client, workflow_id, before="choose")
        new_detour = await checkpoints.reached("new detour")
        await viewer.wait_for(lambda view: view.texts == ["opening", "new detour"])
        old_ending.go_on()
        new_detour.go_on()
        assert await stage.client.get_workflow_handle(workflow_id).result() == "new ending"
        await stage.assert_shown(viewer, workflow_id, ["opening", "new detour", "new ending"])
    assert_never_together(viewer, dead="d", new="n")
    assert list(viewer.run_statuses) == [handle.first_execution_run_id]


async def test_a_running_workflow_skips_a_step_the_second_time(stage: Stage, checkpoints: Checkpoints) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    narrator = Narrator({"detour": "dead detour", "ending": "dead ending |"}, {"a detour": True})
    async with stage.worker([Tale], narrator.activities):
        await stage.client.start_workflow(Tale.run, id=workflow_id, task_queue=stage.name)
        old_ending = await checkpoints.reached("dead ending")
        await viewer.wait_for(lambda view: view.texts == ["opening", "dead detour", "dead ending"])

        narrator.script["ending"] = "new | ending"
        narrator.choices["a detour"] = False
        await reset(stage.client, workflow_id, before="choose")
        new_ending = await checkpoints.reached("new")
        await viewer.wait_for(lambda view: view.texts == ["opening", "new"])
        old_ending.go_on()
        new_ending.go_on()
        assert await stage.client.get_workflow_handle(workflow_id).result() == "new ending"
        await stage.assert_shown(viewer, workflow_id, ["opening", "new ending"])


async def test_a_running_workflow_skips_a_child_the_second_time(stage: Stage, checkpoints: Checkpoints) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    narrator = Narrator({"detour": "dead detour", "ending": "dead ending |"}, {"a detour": True})
    async with stage.worker([Troupe, Teller], narrator.activities):
        await stage.client.start_workflow(Troupe.run, id=workflow_id, task_queue=stage.name)
        old_ending = await checkpoints.reached("dead ending")
        await viewer.wait_for(lambda view: view.texts == ["opening", "dead detour", "dead ending"])

        narrator.script["ending"] = "new ending"
        narrator.choices["a detour"] = False
        await reset(stage.client, workflow_id, before="choose")
        old_ending.go_on()
        assert await stage.client.get_workflow_handle(workflow_id).result() == "new ending"
        await stage.assert_shown(viewer, workflow_id, ["opening", "new ending"])


async def test_a_child_that_is_reset_says_again_what_the_reset_undid(stage: Stage, checkpoints: Checkpoints) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    narrator = Narrator({"detour": "dead detour", "ending": "dead ending |"}, {"a detour": True})
    async with stage.worker([Frame, Tale], narrator.activities):
        handle = await stage.client.start_workflow(Frame.run, id=workflow_id, task_queue=stage.name)
        old_ending = await checkpoints.reached("dead ending")
        await viewer.wait_for(lambda view: view.texts == ["preface", "opening", "dead detour", "dead ending"])

        narrator.script["ending"] = "new ending"
        narrator.choices["a detour"] = False
        await reset(stage.client, f"{workflow_id}-tale", before="choose")
        old_ending.go_on()
        await handle.result()
        await stage.assert_shown(viewer, workflow_id, ["preface", "opening", "new ending", "afterword"])


async def test_a_run_that_has_ended_stays_so_and_its_reset_shows_in_its_place(stage: Stage) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    narrator = Narrator({"detour": "old detour", "ending": "old ending"}, {"a detour": True})
    async with stage.worker([Tale], narrator.activities):
        handle = await stage.client.start_workflow(Tale.run, id=workflow_id, task_queue=stage.name)
        await handle.result()
        await stage.assert_shown(viewer, workflow_id, ["opening", "old detour", "old ending"])
        before = len(stage.server.operations(session_name(workflow_id)))

        narrator.script |= {"detour": "new detour", "ending": "new ending"}
        run_id = await reset(stage.client, workflow_id, before="choose")
        assert await stage.client.get_workflow_handle(workflow_id).result() == "new ending"
        # Two runs with one parent are alternatives, of which the client shows the newest (WIRE 5.1).
        await stage.assert_shown(viewer, workflow_id, ["new detour", "new ending"])
    old = handle.first_execution_run_id
    assert list(viewer.run_statuses) == [f"{old}/r{run_id}"]
    later = stage.server.operations(session_name(workflow_id))[before:]
    assert {transport_headers(each["extras"])["run-id"] for each in later} == {f"{old}/r{run_id}"}
    assert_never_together(viewer, dead="o", new="n")
