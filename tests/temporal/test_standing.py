"""How the owner of an open run stands, asked of a real server; the channel's side is made up."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from temporalio.client import Client, WorkflowUpdateStage
from temporalio.common import RetryPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError
from temporalio.worker import Worker

from temporal_ably._publisher.unfinished import Unfinished
from temporal_ably._temporal.standing import UnknownOwnerError, how_ended
from temporal_ably._wire.events import Run
from tests.end_to_end.resets import reset
from tests.temporal.lives import ACTIVITIES, WORKFLOWS, Life

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from temporalio.client import WorkflowHandle

    from tests.real_parts import Temporal

ONCE = RetryPolicy(maximum_attempts=1)
TWICE = RetryPolicy(maximum_attempts=2)
NOBODY = str(uuid.UUID(int=0))


def orphan(workflow_id: str, workflow_run_id: str, run: str = "", *, numbered: bool = True) -> Unfinished:
    """An open run as the channel tells it, by default the one of a whole chain that begins with that workflow run."""
    of = Run(run or workflow_run_id, "")
    return Unfinished(
        of, workflow_id, workflow_run_id, "", numbered, suspended=False, written_ms=0, streams=(), steps=()
    )


class Lives:
    """Workflows that live as the test tells them to."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self.client = client
        self.task_queue = task_queue

    async def begin(
        self, name: str = "life", *, retries: RetryPolicy = ONCE, cron: str = ""
    ) -> WorkflowHandle[Life, str]:
        """Start one, and wait until its step is behind it."""
        handle = await self.client.start_workflow(
            Life.run,
            id=f"{self.task_queue}-{name}",
            task_queue=self.task_queue,
            retry_policy=retries,
            cron_schedule=cron,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        )
        await self.update(handle, Life.began)
        return handle

    async def update(self, handle: WorkflowHandle[Life, str], update: Any, *args: str) -> None:
        """Have an update done by the newest run."""
        # Temporal leaves the type of an update's `args` open.
        await self.client.get_workflow_handle(handle.id).execute_update(update, args=args)  # pyright: ignore[reportUnknownMemberType]

    async def tell(self, handle: WorkflowHandle[Life, str], word: str) -> None:
        """Tell the newest run of a workflow what to do, and wait until it has done it."""
        latest = self.client.get_workflow_handle_for(Life.run, handle.id)
        run_id = await self.run_of(handle)
        await latest.signal(Life.tell, word)
        stays = self.client.get_workflow_handle(handle.id, run_id=run_id)
        async for _ in stays.fetch_history_events(wait_new_event=True):
            pass

    async def run_of(self, handle: WorkflowHandle[Life, str]) -> str:
        """The newest run of a workflow."""
        return (await self.client.get_workflow_handle(handle.id).describe()).run_id

    async def stands(self, unfinished: Unfinished) -> str:
        """How a run stands, in a word or two."""
        closed = await how_ended(self.client, unfinished, "ai:x")
        if closed is None:
            return "goes on"
        return closed.reason + (f" after {len(closed.retried)} retry" if closed.retried else "")


@pytest.fixture
async def lives(temporal: Temporal) -> AsyncGenerator[Lives]:
    client, task_queue = await temporal.connect(), f"lives-{uuid.uuid4().hex[:8]}"
    async with Worker(client, task_queue=task_queue, workflows=WORKFLOWS, activities=ACTIVITIES):
        yield Lives(client, task_queue)


def first_of(handle: WorkflowHandle[Life, str]) -> str:
    assert handle.first_execution_run_id
    return handle.first_execution_run_id


@pytest.mark.parametrize(
    ("word", "reason"), [("return", "complete"), ("fail", "error"), ("cancel", "cancelled"), ("terminate", "error")]
)
async def test_closed_workflow_tells_how_it_closed_and_an_open_one_goes_on(
    lives: Lives, word: str, reason: str
) -> None:
    handle = await lives.begin()
    unfinished = orphan(handle.id, first_of(handle))
    assert await lives.stands(unfinished) == "goes on"
    if word == "cancel":
        await handle.cancel()
    elif word == "terminate":
        await handle.terminate("why not")
    else:
        await handle.signal(Life.tell, word)
    async for _ in handle.fetch_history_events(wait_new_event=True):
        pass
    assert await lives.stands(unfinished) == reason
    closed = await how_ended(lives.client, unfinished, "ai:x")
    assert closed is not None
    description = await handle.describe()
    assert description.close_time is not None
    assert abs(closed.at_us / 1e6 - description.close_time.timestamp()) < 1


async def test_run_goes_on_through_continue_as_new_and_retry(lives: Lives) -> None:
    handle = await lives.begin(retries=TWICE)
    unfinished = orphan(handle.id, first_of(handle))
    await lives.tell(handle, "continue")
    assert await lives.stands(unfinished) == "goes on"
    await lives.tell(handle, "fail")
    assert await lives.stands(unfinished) == "goes on"
    await lives.tell(handle, "return")
    assert await lives.stands(unfinished) == "complete after 1 retry"
    # Whichever run of the chain the channel names.
    latest = replace(unfinished, owner_run_id=await lives.run_of(handle))
    assert await lives.stands(latest) == "complete"


async def test_reset_of_an_open_workflow_goes_on(lives: Lives) -> None:
    handle = await lives.begin()
    unfinished = orphan(handle.id, first_of(handle))
    again = lives.client.get_workflow_handle(handle.id, run_id=await reset(lives.client, handle.id, before="step"))
    assert await lives.stands(unfinished) == "goes on"
    await again.signal(Life.tell, "return")
    await again.result()
    assert await lives.stands(unfinished) == "complete"


async def test_reset_of_a_closed_workflow_takes_its_run_up_again(lives: Lives) -> None:
    handle = await lives.begin()
    unfinished = orphan(handle.id, first_of(handle))
    await lives.tell(handle, "fail unless reset")
    assert await lives.stands(unfinished) == "error"
    await reset(lives.client, handle.id, before="step")
    assert await lives.stands(unfinished) == "goes on"
    await lives.tell(handle, "return")
    assert await lives.stands(unfinished) == "complete"


async def test_workflow_that_nobody_knows_is_told(lives: Lives) -> None:
    handle = await lives.begin()
    for unknown in (orphan(f"{handle.id}-other", NOBODY), orphan("", ""), orphan(handle.id, "")):
        with pytest.raises(UnknownOwnerError):
            await lives.stands(unknown)


async def test_workflow_run_that_has_expired_is_known_by_what_follows_it(lives: Lives) -> None:
    handle = await lives.begin()
    chain = first_of(handle)
    # As after continue-as-new, once the run is gone that opened the session's run.
    expired = orphan(handle.id, NOBODY, run=chain)
    assert await lives.stands(expired) == "goes on"
    await lives.tell(handle, "return")
    assert await lives.stands(expired) == "complete"
    with pytest.raises(UnknownOwnerError):
        await lives.stands(orphan(handle.id, NOBODY, run=NOBODY))
    with pytest.raises(UnknownOwnerError):
        await lives.stands(orphan(handle.id, NOBODY, numbered=False))


async def test_later_workflow_of_the_same_id_says_nothing_about_the_earlier_one(lives: Lives) -> None:
    first = await lives.begin()
    await lives.tell(first, "fail")
    second = await lives.begin()
    assert await lives.stands(orphan(first.id, first_of(first))) == "error"
    assert await lives.stands(orphan(second.id, first_of(second))) == "goes on"


async def test_namespace_that_is_none_is_no_workflow_that_is_gone(lives: Lives) -> None:
    elsewhere = Client(lives.client.service_client, namespace="there-is-none")
    with pytest.raises(RPCError, match="there-is-none"):
        await how_ended(elsewhere, orphan("wf", NOBODY), "ai:x")


async def test_without_the_interceptor_each_workflow_run_stands_for_itself(lives: Lives) -> None:
    handle = await lives.begin()
    first = orphan(handle.id, first_of(handle), numbered=False)
    await lives.tell(handle, "continue")
    assert await lives.stands(first) == "complete"
    second = await lives.run_of(handle)
    assert await lives.stands(orphan(handle.id, second, numbered=False)) == "goes on"


async def test_each_tick_of_a_schedule_is_a_run_of_its_own(lives: Lives) -> None:
    handle = await lives.begin(cron="@every 1s")
    chain = first_of(handle)
    ticks = [await lives.run_of(handle)]
    await lives.tell(handle, "return")
    ticks.append(await lives.run_of(handle))
    # A child of the second tick may have opened its run: it knows no more than the chain.
    runs = [orphan(handle.id, chain, run=f"{chain}/{tick}") for tick in ticks]
    assert [await lives.stands(run) for run in runs] == ["complete", "goes on"]
    await handle.terminate()
    with pytest.raises(UnknownOwnerError):
        await lives.stands(orphan(handle.id, chain, run=f"{chain}/{NOBODY}"))


async def test_reset_of_a_tick_takes_its_run_up_again(lives: Lives) -> None:
    handle = await lives.begin(cron="@every 1s")
    chain = first_of(handle)
    run = orphan(handle.id, chain, run=f"{chain}/{await lives.run_of(handle)}")
    await lives.client.get_workflow_handle(handle.id).terminate()
    assert await lives.stands(run) == "error"
    await reset(lives.client, handle.id, before="step")
    assert await lives.stands(run) == "goes on"
    await lives.client.get_workflow_handle(handle.id).terminate()


async def test_turn_that_is_an_update_ends_with_it_or_with_its_workflow(lives: Lives) -> None:
    handle = await lives.begin()
    chain = first_of(handle)
    turns = {ending: orphan(handle.id, chain, run=f"{chain}/{ending}%21") for ending in ("return", "fail", "stay")}
    for ending in turns:
        # Temporal leaves the type of an update's `args` open.
        await handle.start_update(  # pyright: ignore[reportUnknownMemberType]
            Life.chat, ending, id=f"{ending}!", wait_for_stage=WorkflowUpdateStage.ACCEPTED
        )
    await lives.update(handle, Life.chat, "return")
    stand = {ending: await lives.stands(turn) for ending, turn in turns.items()}
    assert stand == {"return": "complete", "fail": "error", "stay": "goes on"}
    # A turn of another kind is known to its workflow alone.
    assert await lives.stands(orphan(handle.id, chain, run=f"{chain}/0.1")) == "goes on"
    await lives.client.get_workflow_handle(handle.id).cancel()
    async for _ in handle.fetch_history_events(wait_new_event=True):
        pass
    assert await lives.stands(turns["stay"]) == "cancelled"
    assert await lives.stands(orphan(handle.id, chain, run=f"{chain}/0.1")) == "cancelled"


async def test_turn_ends_where_its_workflow_continues_as_new(lives: Lives) -> None:
    handle = await lives.begin()
    chain = first_of(handle)
    whole, turn = orphan(handle.id, chain), orphan(handle.id, chain, run=f"{chain}/0.1")
    assert [await lives.stands(each) for each in (whole, turn)] == ["goes on", "goes on"]
    await lives.tell(handle, "continue")
    assert [await lives.stands(each) for each in (whole, turn)] == ["goes on", "complete"]
    await lives.tell(handle, "return")
