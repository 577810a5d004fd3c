"""``turn``: a part of a long-lived workflow that is a run of its own.

The rule of the file: light and deterministic, because workflow code calls it in the sandbox. What it
does is done by the interceptor; without one nothing happens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from temporalio import workflow
from temporalio.exceptions import is_cancelled_exception

from temporal_ably._temporal.failures import is_cut
from temporal_ably._temporal.invocation import read_invocation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from temporal_ably._temporal.workflow import Identity
    from temporal_ably._wire.events import RunReason

_CURRENT = "__temporal_ably_current"


def workflow_identity() -> Identity | None:
    """Give the identity of the running workflow, ``None`` where its worker has no ``AblyInterceptor``."""
    # Temporal leaves the type of the functions open.
    functions = cast("Mapping[str, Callable[[], Identity | None]]", workflow.extern_functions())  # pyright: ignore[reportUnknownMemberType]
    return functions[_CURRENT]() if _CURRENT in functions else None


class turn:  # noqa: N801 - it reads as a function, as `asyncio.timeout` does
    """Make what a workflow does within ``async with turn(...)`` a run of its own.

    For a workflow that lives as long as its conversation and works through what signals bring it; an
    update is a turn by itself. Activities and children that are started within, by this task or by those
    that it makes, stream into the turn's run, which ends when the block is left: cancelled by a
    cancellation, in error by another exception, else complete. Several turns may go on at once. Within
    another turn, and in a child workflow, it is a part of that run.

    Args:
        invocation: what the turn answers: an ``Invocation``, or anything of that shape.
        input_event_id: the same, by its event id alone; the session stays that of the workflow.
        client_id: who it is for, where the input does not tell.

        Without either the turn answers what the sender of the signal gave with ``durable_session``, if this
        task handles one, else nothing.

    Raises:
        ValueError: if ``invocation`` has not that shape.
    """

    def __init__(self, invocation: object = None, *, input_event_id: str = "", client_id: str = "") -> None:
        read = read_invocation(invocation) if invocation is not None else None
        if invocation is not None and read is None:
            raise ValueError(
                f"unable to begin a turn; {type(invocation).__name__} has not the shape of an Invocation; give it "
                "inputEventId and sessionName, a channel name"
            )
        session, event_id = read or ("", input_event_id)
        self._asked = (session, event_id, client_id)
        self._identity: Identity | None = None
        self._ends: list[Callable[[RunReason | None], None]] = []

    async def __aenter__(self) -> None:
        """Begin the turn."""
        self._identity = identity = workflow_identity()
        if identity is not None:
            self._ends.append(identity.open_turn(*self._asked))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the turn."""
        if self._identity is None:
            return
        end = self._ends.pop()
        # Where the workflow is torn down this runs outside of its loop, or even in that of another one.
        if workflow.in_workflow() and workflow_identity() is self._identity:
            end(_reason(error))


def _reason(error: BaseException | None) -> RunReason | None:
    if error is None or isinstance(error, workflow.ContinueAsNewError | GeneratorExit):
        return "complete"
    if is_cancelled_exception(error) or is_cut(error):
        return "cancelled"
    return "error" if isinstance(error, Exception) else None
