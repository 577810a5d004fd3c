"""The workflow side: gives each activity, child and continuation its identity.

The rule of the file: deterministic. It counts starts, reads ``workflow.info()`` and writes headers;
it issues no command of its own, so histories are the same with and without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NoReturn

from temporalio import workflow
from temporalio.worker import (
    ContinueAsNewInput,
    ExecuteWorkflowInput,
    HandleSignalInput,
    HandleUpdateInput,
    StartActivityInput,
    StartChildWorkflowInput,
    StartLocalActivityInput,
    WorkflowInboundInterceptor,
    WorkflowOutboundInterceptor,
)

from temporal_ably._temporal.headers import NAME, asked_by_first, extract, inject
from temporal_ably._wire.identity import (
    Binding,
    Header,
    Sweep,
    WorkflowFacts,
    bind,
    child_binding,
    resumed_binding,
    turn_binding,
    turn_name,
    update_name,
    with_sweep,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from temporal_ably._wire.events import RunReason

CLOSED_HINT = "__temporal_ably_closed"
TURN_HINT = "__temporal_ably_turn_ended"
SUSPENDED_HINT = "__temporal_ably_suspended"
TEMPLATE = "__temporal_ably_template"
CURRENT = "__temporal_ably_current"

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

# Inputs that are remembered: one of them may be why a run goes on.
_HEARD = 8

ClosedHint = Callable[[Binding, str, str], None]


@dataclass(frozen=True)
class TurnEnded:
    """A turn that a workflow says is over: true once the workflow task is completed that said so.

    ``history_length`` is that of the workflow run at the task's start, in events.
    """

    binding: Binding
    run_id: str
    workflow_type: str
    history_length: int
    reason: RunReason


@dataclass(frozen=True)
class Suspended:
    """A run of which a workflow says that it waits for a client. Otherwise as ``TurnEnded``."""

    binding: Binding
    run_id: str
    history_length: int


TurnHint = Callable[[TurnEnded], None]
SuspendedHint = Callable[[Suspended], None]


def microseconds(moment: datetime) -> int:
    """Give a moment in microseconds since the epoch, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


@dataclass
class Turn:
    """A turn of a workflow: the run that it is, and how it is told from others.

    ``task`` is the one that began it, where it ends before that. ``waits`` counts what waits for a client in it,
    ``resumed`` how often it has gone on, ``heard`` is what had come to the workflow until then.
    """

    name: str
    asked: Header | None
    update: str = ""
    task: asyncio.Task[Any] | None = field(default=None, compare=False)
    over: bool = field(default=False, compare=False)
    waits: int = field(default=0, compare=False)
    resumed: int = field(default=0, compare=False)
    heard: tuple[Header, ...] = field(default=(), compare=False)

    def going_on(self, bound: Binding) -> Binding:
        """Give the binding of what is done now; ``bound`` is that of the beginning."""
        heard = tuple(each.input for each in self.heard if each.session == bound.session)
        return resumed_binding(bound, self.resumed, heard)


# Host and sandbox have modules of their own, and so variables of their own: what runs in the sandbox comes by
# these through an extern function.
_turn: ContextVar[Turn | None] = ContextVar("temporal_ably_turn", default=None)
_asked: ContextVar[Header | None] = ContextVar("temporal_ably_asked", default=None)
_identity: ContextVar[Identity | None] = ContextVar("temporal_ably_identity", default=None)


def current_identity() -> Identity | None:
    """Give the identity of the workflow whose code is running."""
    return _identity.get()


class Identity:
    """What one workflow run has started so far, and whom it answers.

    Args:
        template: the session template.
        turn_hint: told when a turn seems to be over.
        suspended_hint: told when a run seems to wait for a client.
    """

    def __init__(self, template: str, turn_hint: TurnHint, suspended_hint: SuspendedHint) -> None:
        self._template = template
        self._turn_hint = turn_hint
        self._suspended_hint = suspended_hint
        # What it does outside of turns.
        self._itself = Turn("", None)
        self._heard: list[Header] = []
        self._bound: Binding | None = None
        self._asked: Header | None = None
        self._began = False
        self._ordinal = 0
        self._turns = 0
        self._swept = False

    def begin(self, asked: Header | None) -> None:
        """Note the workflow's own function beginning. ``asked``: what its first argument says."""
        self._began, self._asked = True, asked

    @property
    def binding(self) -> Binding:
        """Where the run's output goes."""
        return self._itself.going_on(self._first_binding)

    @property
    def _first_binding(self) -> Binding:
        # Taken from its facts at first need.
        if self._bound is not None:
            return self._bound
        info = workflow.info()
        # A signal or update may come before the workflow's own function has shown its argument.
        asked = self._asked if self._began else _asked_early()
        bound = bind(_facts(info), extract(info.headers), self._template, asked)
        if self._began or asked is not None:
            self._bound = bound
        return bound

    @property
    def owns_run(self) -> bool:
        """Whether the run is this workflow's own, as it is not for a child."""
        bound = self.binding
        return bound.node == "" and bound.owner_id == workflow.info().workflow_id

    @property
    def _current(self) -> Binding:
        turn = _open_turn()
        return self.binding if turn is None else self._of(turn)

    def _of(self, turn: Turn) -> Binding:
        return turn.going_on(turn_binding(self._first_binding, turn.name, turn.asked, update=turn.update))

    @contextmanager
    def updating(self, update: str, asked: Header | None) -> Generator[None]:
        """Make what this task and its children do a turn that an update is; the server tells when it is over."""
        if not self.owns_run:
            yield
            return
        turn = Turn(update_name(self.binding.segment, workflow.info().attempt, update), asked, update=update)
        _turn.set(turn)
        try:
            yield
        finally:
            turn.over = True

    def count(self) -> int:
        """Count a start and give its ordinal."""
        self._ordinal += 1
        self._note_reset()
        return self._ordinal

    def _note_reset(self) -> None:
        # The first start that is not replayed is where a reset run leaves the old path.
        bound, info = self._first_binding, workflow.info()
        if self._swept or info.run_id == info.original_execution_run_id or workflow.unsafe.is_replaying():
            return
        self._swept = True
        sweep = Sweep(bound.node, microseconds(workflow.now()), (bound.segment, self._ordinal))
        self._bound = with_sweep(bound, sweep)

    def activity(self) -> Header:
        """Give the header of an activity that is being started."""
        ordinal = self.count()
        return Header(self._current.session, self._current, ordinal=ordinal)

    def child(self, *, detached: bool) -> Header:
        """Give the header of a child workflow that is being started."""
        ordinal = self.count()
        return Header(self._current.session, None if detached else child_binding(self._current, ordinal))

    def continuation(self) -> Header:
        """Give the header of the next run of a workflow that continues as new."""
        following = replace(self.binding, segment=self.binding.segment + 1)
        return Header(following.session, following, continued_from=workflow.info().run_id)

    def hear(self, *told: Header | None) -> None:
        """Note the input that comes to the workflow by a signal or an update: the first that is told."""
        asked = [each for each in told if each is not None and each.input]
        self._heard = [*self._heard, *asked[:1]][-_HEARD:]

    def suspend(self) -> Callable[[], None]:
        """Begin to wait for a client in the current turn, or outside of turns.

        Returns:
            What goes on.
        """
        if not self.owns_run:
            return lambda: None
        turn = _open_turn() or self._itself
        if turn.waits == 0:
            self._hint_suspended()
        turn.waits += 1

        def go_on() -> None:
            turn.waits -= 1
            turn.resumed += 1
            turn.heard = tuple(self._heard)

        return go_on

    def _hint_suspended(self) -> None:
        if not workflow.unsafe.is_replaying():
            info = workflow.info()
            self._suspended_hint(Suspended(self._current, info.run_id, info.get_current_history_length()))

    def open_turn(self, session: str, event_id: str, client_id: str) -> Callable[[RunReason | None], None]:
        """Begin a turn: what this task and its children do belongs to it.

        Args:
            session: its session, empty for that of the workflow.
            event_id: identifies its input.
            client_id: its client. Where nothing of this is said, the signal that is being handled tells.

        Returns:
            What ends it; given ``None`` it is over without a word.
        """
        around = _turn.get()
        if (around is not None and not around.over) or not self.owns_run:
            # A part of the turn or run that it is in.
            return lambda _: None
        self._turns += 1
        name = turn_name(self.binding.segment, workflow.info().attempt, self._turns)
        said = Header(session or self.binding.session, input=event_id, client_id=client_id)
        asked = said if session or event_id or client_id else _asked.get()
        turn = Turn(name, asked, task=asyncio.current_task())
        _turn.set(turn)
        # What it answers, nobody else goes on with.
        self._heard = [each for each in self._heard if asked is None or each.input != asked.input]

        def end(reason: RunReason | None) -> None:
            if reason is not None and not turn.over:
                # Another task may have left it, whose variables are its own.
                turn.over = True
                self._hint_turn(self._of(turn), reason)

        return end

    def _hint_turn(self, bound: Binding, reason: RunReason) -> None:
        # While a workflow is evicted it counts as replaying, too.
        if workflow.unsafe.is_replaying():
            return
        info = workflow.info()
        length = info.get_current_history_length()
        self._turn_hint(TurnEnded(bound, info.run_id, info.workflow_type, length, reason))


def _open_turn() -> Turn | None:
    """Give the turn that this task is in; one that outlives the turn in which it was made stays a part of it."""
    turn = _turn.get()
    return None if turn is not None and turn.over and turn.task is asyncio.current_task() else turn


def _asked_early() -> Header | None:
    """Read off the workflow's first argument what it asks, before its function is called with it.

    Temporal has no name for it then. Where it could not be read, what is bound by its argument would not be yet.
    """
    started: object = getattr(asyncio.get_running_loop(), "_workflow_input", None)
    return asked_by_first(started.args) if isinstance(started, ExecuteWorkflowInput) else None


def _facts(info: workflow.Info) -> WorkflowFacts:
    return WorkflowFacts(
        namespace=info.namespace,
        workflow_id=info.workflow_id,
        workflow_type=info.workflow_type,
        run_id=info.run_id,
        first_execution_run_id=info.first_execution_run_id,
        original_execution_run_id=info.original_execution_run_id,
        continued_run_id=info.continued_run_id,
        root_workflow_id=info.root.workflow_id if info.root else info.workflow_id,
        attempt=info.attempt,
        cron=bool(info.cron_schedule),
        started_us=microseconds(info.workflow_start_time),
    )


def _extern_functions() -> Mapping[str, Callable[..., Any]]:
    # Temporal leaves the type of the functions open.
    return workflow.extern_functions()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


class WorkflowInbound(WorkflowInboundInterceptor):
    """Counts starts, tells turns apart, and hints at the workflow's end."""

    def __init__(self, next: WorkflowInboundInterceptor) -> None:
        super().__init__(next)
        functions = _extern_functions()
        self._hint: ClosedHint = functions[CLOSED_HINT]
        self._identity = Identity(functions[TEMPLATE](), functions[TURN_HINT], functions[SUSPENDED_HINT])

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        """Put the outbound side in."""
        self.next.init(_WorkflowOutbound(outbound, self._identity))

    async def handle_signal(self, input: HandleSignalInput) -> None:
        """Handle a signal; a turn that it begins answers what its sender asked."""
        _identity.set(self._identity)
        asked = extract(input.headers)
        _asked.set(asked)
        self._identity.hear(asked, asked_by_first(input.args))
        await self.next.handle_signal(input)

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:
        """Handle an update, which is a turn of its own."""
        _identity.set(self._identity)
        asked = extract(input.headers) or asked_by_first(input.args)
        self._identity.hear(asked, asked_by_first(input.args))
        with self._identity.updating(input.id, asked):
            return await self.next.handle_update_handler(input)

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
        """Run the workflow; hint when it seems to have closed, which only the server can decide."""
        _identity.set(self._identity)
        self._identity.begin(asked_by_first(input.args))
        try:
            result = await self.next.execute_workflow(input)
        except workflow.ContinueAsNewError:
            raise
        except asyncio.CancelledError:
            # At eviction a waiting workflow sees this too, then without a reason.
            if workflow.cancellation_reason() is not None:
                self._closing()
            raise
        except Exception as err:
            if workflow.is_failure_exception(err):
                self._closing()
            raise
        self._closing()
        return result

    def _closing(self) -> None:
        if self._identity.owns_run and not workflow.unsafe.is_replaying():
            info = workflow.info()
            self._hint(self._identity.binding, info.run_id, info.workflow_type)


class _WorkflowOutbound(WorkflowOutboundInterceptor):
    def __init__(self, next: WorkflowOutboundInterceptor, identity: Identity) -> None:
        super().__init__(next)
        self._identity = identity

    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        if NAME not in input.headers:
            input.headers = inject(input.headers, self._identity.activity())
        return self.next.start_activity(input)

    def start_local_activity(self, input: StartLocalActivityInput) -> workflow.ActivityHandle[Any]:
        if NAME not in input.headers:
            input.headers = inject(input.headers, self._identity.activity())
        return self.next.start_local_activity(input)

    async def start_child_workflow(self, input: StartChildWorkflowInput) -> workflow.ChildWorkflowHandle[Any, Any]:
        if NAME not in input.headers:
            # A child that may outlive its parent, or runs again and again, has runs of its own.
            abandoned = input.parent_close_policy == workflow.ParentClosePolicy.ABANDON
            detached = abandoned or bool(input.cron_schedule)
            input.headers = inject(input.headers, self._identity.child(detached=detached))
        return await self.next.start_child_workflow(input)

    def continue_as_new(self, input: ContinueAsNewInput) -> NoReturn:
        if NAME not in input.headers:
            input.headers = inject(input.headers, self._identity.continuation())
        self.next.continue_as_new(input)
