"""Where the stream of one activity attempt goes: its identity, its place, its end."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from temporalio import activity

from temporal_ably._publisher.attempt import Attempt
from temporal_ably._publisher.outcome import Delivery, Outcome
from temporal_ably._publisher.plan import Plan
from temporal_ably._publisher.preparation import Wanted
from temporal_ably._publisher.recollection import Turn
from temporal_ably._publisher.requests import as_conversation
from temporal_ably._publisher.telemetry import error_type, telemetry
from temporal_ably._publisher.wakeups import is_own, wake_up_name
from temporal_ably._temporal.fence import Fence
from temporal_ably._temporal.runtime import Runtime, Shared, owned_by
from temporal_ably._temporal.workflow import microseconds
from temporal_ably._wire.identity import Binding, Header, render_session, repeated_since, step_id
from temporal_ably._wire.tags import Origin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from temporalio.client import Client

    from temporal_ably._publisher.telemetry import Account
    from temporal_ably._session.conversation import Conversation
    from temporal_ably._session.model import Session
    from temporal_ably._temporal.cut import Cut
    from temporal_ably._temporal.following import Owned
    from temporal_ably._temporal.runtime import AgentName
    from temporal_ably._wire.events import StepReason
    from temporal_ably._wire.parts import Json, Status, Streamed, Whole

logger = logging.getLogger("temporal_ably")

# After a cancel the worker waits for us; do not make it wait long.
_CANCEL_FLUSH_S = 2.0
_SHARE_OF_DEADLINE = 5


class AttemptSink:
    """Where the stream of one activity attempt goes; registers with the publisher at first need.

    Args:
        runtime: options and publisher.
        info: the attempt.
        header: our header, ``None`` where the workflow's worker lacks the interceptor.
        client: the worker's client, for the watcher of the run.
    """

    def __init__(self, runtime: Runtime, info: activity.Info, header: Header | None, client: Client | None) -> None:
        self.fence = Fence(info)
        self._began = time.monotonic()
        self._runtime = runtime
        self._info = info
        self.client = client
        self.cut: Cut | None = None
        self._binding = _binding(info, header, runtime.options.template)
        self._step = (
            step_id(self._binding, header.ordinal)
            if header is not None and header.binding is not None and header.ordinal is not None
            else f":{info.activity_id}"
        )
        self._attempt: Attempt | None = None
        self._account: Account | None = None
        self._touched = False
        self._heeded: set[str] = set()
        self._lock = threading.Lock()

    @property
    def _owned(self) -> Owned:
        return _owned(self._binding, self._info)

    @property
    def replaces_something(self) -> bool:
        """Whether an earlier attempt or workflow run may have written this step."""
        # Where its worker died a local activity runs again as a first attempt, and cannot know.
        tried = self._was_tried or self._info.is_local
        return tried or bool(self._binding.sweeps) or self._binding.reset is not None

    @property
    def _was_tried(self) -> bool:
        info = self._info
        # Who resets an activity has its attempts counted from 1 again, but it keeps its first schedule time.
        return info.attempt > 1 or info.current_attempt_scheduled_time > info.scheduled_time

    def open_early(self) -> None:
        """Publish the opening now, to hide its round trip; of what replaces output, only with its own."""
        if not self.replaces_something:
            self.open()

    def open(self, *, traced: bool = True) -> None:
        """Publish the opening now. ``traced``: whether there is to be a span."""
        shared, attempt = self._registered(traced=traced)
        shared.publisher.post(attempt.open)

    def begin(self, key: int, message: int, part: Streamed) -> None:
        """Begin a streamed part."""
        shared, attempt = self._registered()
        shared.publisher.post(partial(attempt.open_part, key, message, part))

    def extend(self, key: int, text: str) -> None:
        """Extend a part."""
        shared, attempt = self._registered()
        if self.fence.allows():
            shared.publisher.post_text(attempt, key, text)

    def close(self, key: int, fields: Mapping[str, str], status: Status) -> None:
        """End a part."""
        shared, attempt = self._registered()
        shared.publisher.post(partial(attempt.close_part, key, fields, status))

    def emit(self, message: int, part: Whole) -> None:
        """Add a whole part."""
        shared, attempt = self._registered()
        if self.fence.allows():
            shared.publisher.post_part(attempt, message, part)

    def set_metadata(self, message: int, values: Mapping[str, Json]) -> None:
        """Add to the metadata of a message."""
        shared, attempt = self._registered()
        shared.publisher.post(partial(attempt.set_metadata, message, dict(values)))

    def name_call(self, number: int) -> str:
        """Name a tool call: the same in each attempt, so that results find it."""
        return f"{self._step}/call-{number}"

    def touched(self) -> None:
        """Note that the activity asked for its stream: from now on it is stopped with its run, whatever it writes."""
        shared, cut = self._runtime.active, self.cut
        if not self._touched and shared is not None and cut is not None:
            shared.publisher.post(lambda _: shared.open_runs.touch(self._owned.place, cut))
        self._touched = True

    def heed(self, message: int, steers: Sequence[str]) -> None:
        """Say that a message, of which nothing is there yet, heeds what users said meanwhile."""
        shared, attempt = self._registered()
        self._heeded.update(steers)
        shared.publisher.post(partial(attempt.heed, message, tuple(steers)))
        shared.publisher.post(lambda _: shared.open_runs.heed(self._owned.place, steers, attempt))

    async def steers(self) -> Conversation:
        """Give what users have said to the run meanwhile and nothing heeds yet."""
        shared, attempt = self._registered()
        asking = shared.open_runs.steers(self._owned.place, attempt)
        found = await asyncio.wrap_future(shared.publisher.engine.submit(asking))
        return as_conversation([each for each in found if each.id not in self._heeded], self._binding.session)

    async def conversation(self) -> tuple[Conversation, frozenset[str]]:
        """Give what was said up to the input that the run answers, and since, by the steps before this one.

        With it goes which messages of users the run has still to heed.

        Raises:
            HistoryError: if it cannot be read.
        """
        bound, shared = self._binding, self._runtime.shared()
        reading = shared.recollection.session(Turn(bound.session, bound.run, bound.input), self._began)
        session = await asyncio.wrap_future(shared.publisher.engine.submit(reading))
        # In a run that goes on by another workflow, steps are told apart by that.
        asked, own_run = _asked(session, bound)
        others = (each.run for each in session.inputs if asked and each.event_id == asked)
        run_id = next((run for run in others if run), own_run)
        step = self._step if is_own(run_id, bound.run) else f"{bound.run}{self._step}"
        found = session.conversation(input_id=asked, run_id=own_run, without_step=step)
        own = (message for run in session.runs if run.id == run_id for message in run.messages)
        # Where nobody said anything meanwhile, as nearly always, there is nothing to ask.
        unheeded = await self.steers() if any(message.role == "user" for message in own) else ()
        return found, frozenset(message.id for message in unheeded)

    def _registered(self, *, traced: bool = True) -> tuple[Shared, Attempt]:
        shared = self._runtime.shared()
        with self._lock:
            if self._attempt is None:
                self._attempt = self._register(shared, traced=traced)
            return shared, self._attempt

    def _register(self, shared: Shared, *, traced: bool) -> Attempt:
        self._runtime.streamed_activities.add(self._info.activity_type)
        bound, owned = self._binding, self._owned
        plan = Plan(
            channel=bound.session,
            run=owned.run,
            step=self._step,
            origin=_origin(bound, self._info, self._runtime.options.agent_name),
            owner_id=owned.owner_id,
            owner_run_id=owned.tagged_run_id,
            full_tags=self._runtime.options.full_tags,
            since_us=repeated_since(self._step, bound.sweeps),
            replaces=self._was_tried,
            answers=bound.node == "",
        )
        # Whether a retried workflow has written this step, its history will tell.
        maybe = replace(plan, replaces=plan.replaces or bool(bound.sweeps))
        traceparent, account = telemetry.begin(maybe, self._began, traced=traced)
        attempt = Attempt(replace(plan, traceparent=traceparent), self.fence.allows)
        self._account = account
        tried_us = plan.origin.started_us if self._was_tried else 0
        wanted = Wanted(bound.reset, bound.sweeps, bound.input, tried_us, bound.heard, bool(bound.turn))
        if wanted.anything:
            attempt.hold()

        def add(now: float) -> None:
            shared.publisher.add_attempt(attempt, now, account)
            if wanted.anything:
                shared.open_runs.enter(owned, self.client, self.cut, resumed=bound.resumed)
                shared.publisher.spawn(self._prepare(shared, attempt, owned, wanted))
            else:
                self._watch(shared, owned)
                shared.open_runs.enter(owned, self.client, self.cut, resumed=bound.resumed)
                shared.open_runs.located(owned)

        shared.publisher.post(add)
        return attempt

    async def _prepare(self, shared: Shared, attempt: Attempt, owned: Owned, wanted: Wanted) -> None:
        reset = wanted.reset
        learnt = await shared.preparation.prepare(attempt, wanted)
        owned = replace(owned, run=learnt.place.run)
        if reset is not None and learnt.beside:
            own_run = reset.run_id if reset.workflow_id == self._info.workflow_id else None
            owned = replace(owned, owner_id=reset.workflow_id, owner_run_id=own_run, chain=reset.chain)
        self._watch(shared, owned)
        shared.open_runs.located(owned, learnt.requests)

    def _watch(self, shared: Shared, owned: Owned) -> None:
        shared.watchers.streamed_types.add(self._info.workflow_type or "")
        if self.client is not None:
            shared.watchers.watch(owned, self.client, self._binding.sweeps)

    async def succeed(self) -> Outcome | None:
        """End the attempt as complete; without output, make an earlier attempt's dead text go.

        Returns:
            What became of the output, ``None`` if there was none.
        """
        known = self._touched or self._info.activity_type in self._runtime.streamed_activities
        if self._attempt is None and not (self.replaces_something and known):
            return None
        if not self.fence.allows():
            return await self.fail(fenced=True)
        # Where nothing was streamed, the span that it would have been part of may be over.
        self.open(traced=False)
        if self._is_cut:
            # Its code returned what it had.
            return await self._finish("cancelled", cancelled=True, patient=False)
        return await self._finish("complete", cancelled=activity.is_cancelled(), patient=self._runtime.options.fail)

    @property
    def _is_cut(self) -> bool:
        return self.cut is not None and self.cut.delivered

    async def fail(
        self, reason: StepReason = "failed", *, fenced: bool = False, cause: BaseException | None = None
    ) -> Outcome | None:
        """End the attempt as failed or cancelled, if it wrote anything.

        Args:
            reason: how it ended.
            fenced: whether its time is over.
            cause: what the user's code raised.
        """
        if fenced:
            self.fence.close()
        if self._attempt is None:
            return None
        return await self._finish(reason, cancelled=True, patient=False, cause=cause)

    def leave(self) -> None:
        """Let go of the run, and end what telemetry tells of the attempt, if nothing else did.

        Nothing else does of one that will be completed from elsewhere.
        """
        shared, cut = self._runtime.active, self.cut
        if shared is not None and cut is not None and (self._touched or self._attempt is not None):
            shared.publisher.post(lambda _: shared.open_runs.leave(self._owned.place, cut))
        if self._account is not None and not self._account.ended:
            # Behind the chunks that are on their way, which nobody has waited for.
            self._registered()[0].publisher.post(lambda _: self._end_account({}, ""))

    def _end_account(self, attributes: Mapping[str, str | int], error: str) -> None:
        shared, attempt = self._registered()
        if self._account is not None:
            self._account.end(attributes, error)
            shared.publisher.post_told(attempt)

    async def _finish(
        self, reason: StepReason, *, cancelled: bool, patient: bool, cause: BaseException | None = None
    ) -> Outcome:
        shared, attempt = self._registered()
        future = asyncio.wrap_future(shared.publisher.post_finish(attempt, reason, patient=patient))
        allowance_s = self._allowance_s(cancelled=cancelled)
        try:
            await asyncio.wait({future}, timeout=allowance_s)
        except asyncio.CancelledError:
            # The user's code is over, and its result or its own exception stands: a cancel comes too late.
            await _wait_out({future}, 0.0 if cancelled else self._allowance_s(cancelled=True))
        outcome = future.result() if future.done() else Outcome(Delivery.HELD, attempt.lost)
        self._end_account(_ended(reason, outcome), _error_type(reason, cause or outcome.error))
        return outcome

    def _allowance_s(self, *, cancelled: bool) -> float:
        allowance_s = min(self._runtime.options.flush_timeout.total_seconds(), self.fence.left_s / _SHARE_OF_DEADLINE)
        return min(allowance_s, _CANCEL_FLUSH_S) if cancelled else allowance_s


def _asked(session: Session, bound: Binding) -> tuple[str, str]:
    """Give the event id of the input that is answered now, and the run that does, unless it is another's."""
    heard = [
        each
        for each in session.inputs
        if each.event_id in bound.heard and is_own(each.run or each.supersedes, bound.run)
    ]
    if heard and not heard[-1].run:
        # It has a run of its own, which need not be there yet.
        return heard[-1].event_id, wake_up_name(bound.run, bound.resumed)
    runs = [run.id for run in session.runs if is_own(run.id, bound.run)]
    return heard[-1].event_id if heard else bound.input, [bound.run, *runs][-1]


async def _wait_out(futures: set[asyncio.Future[Outcome]], timeout_s: float) -> None:
    with suppress(asyncio.CancelledError):
        await asyncio.wait(futures, timeout=timeout_s)


def _ended(reason: StepReason, outcome: Outcome) -> dict[str, str | int]:
    return {
        "temporal_ably.reason": reason,
        "temporal_ably.delivery": outcome.delivery.value,
        "temporal_ably.lost": outcome.lost,
    }


def _error_type(reason: StepReason, cause: BaseException | None) -> str:
    if reason == "cancelled":
        return ""
    if cause is not None:
        return error_type(cause)
    # What failed without an error came too late.
    return "timeout" if reason == "failed" else ""


def _binding(info: activity.Info, header: Header | None, template: str) -> Binding:
    if header is not None and header.binding is not None:
        return header.binding
    workflow_id, run_id = info.workflow_id or "", info.workflow_run_id or ""
    variables = {
        "root_workflow_id": workflow_id,
        "workflow_id": workflow_id,
        "workflow_type": info.workflow_type or "",
        "namespace": info.namespace,
    }
    return Binding(render_session(template, variables), run_id, workflow_id, None)


def _agent(bound: Binding, info: activity.Info, name: AgentName | None) -> str:
    # A sub-agent is a child workflow; in the root the activity speaks for itself.
    default = (info.workflow_type or "") if bound.node else info.activity_type
    if name is None or isinstance(name, str):
        return name or default
    try:
        # Half a surrogate pair could not be sent.
        return str(name(info) or default).encode(errors="replace").decode()
    except Exception as err:  # noqa: BLE001 - the user's function, which must not fail the activity
        logger.error("unable to name the agent of activity %s; agent_name raised %r", info.activity_type, err)
        return default


def _owned(bound: Binding, info: activity.Info) -> Owned:
    owner_run_id = info.workflow_run_id if bound.node == "" and bound.owner_id == info.workflow_id else None
    return owned_by(bound, owner_run_id)


def _origin(bound: Binding, info: activity.Info, agent_name: AgentName | None) -> Origin:
    return Origin(
        workflow_id=info.workflow_id or "",
        workflow_run_id=info.workflow_run_id or "",
        workflow_type=info.workflow_type or "",
        activity_id=info.activity_id,
        activity_type=info.activity_type,
        attempt=info.attempt,
        started_us=microseconds(info.started_time),
        agent=_agent(bound, info, agent_name),
        namespace=info.namespace,
        task_queue=info.task_queue,
    )
