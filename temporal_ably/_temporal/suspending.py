"""``suspended`` and ``wait_for_approval``: a workflow that waits for a client says so.

The rule of the file: light and deterministic, because workflow code calls it in the sandbox. What it
does is done by the interceptor; without one nothing happens but the waiting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from temporalio import workflow

from temporal_ably._temporal.turns import workflow_identity

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta
    from types import TracebackType

T = TypeVar("T")


class suspended:  # noqa: N801 - it reads as a function, as `asyncio.timeout` does
    """Say that the run waits for a client within ``async with suspended()``.

    ::

        async with suspended():
            await workflow.wait_condition(lambda: self.approved is not None)

    Clients see the run as suspended, and whoever asked gets the end of the stream of its answer, as the AI SDK's
    chat needs before it sends anything. After the block the run goes on with its next output. What brings the workflow
    on, a signal or an update, may carry the input that a client published: the body of Ably's clients as its first
    argument, or ``durable_session`` around the call. Then the output answers that input.

    It holds for the turn that it stands in, else for the workflow's own run; in a child workflow it does nothing, as
    the run is not the child's. It adds nothing to the workflow's history.
    """

    def __init__(self) -> None:
        self._go_on: Callable[[], None] | None = None

    async def __aenter__(self) -> None:
        """Begin to wait."""
        identity = workflow_identity()
        if identity is not None:
            self._go_on = identity.suspend()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Go on."""
        # Where the workflow is torn down this runs outside of its loop.
        if self._go_on is not None and workflow.in_workflow():
            self._go_on()


async def wait_for_approval(given: Callable[[], T | None], *, timeout: timedelta | float | None = None) -> T:
    """Wait for what a client has to say, while the run is suspended.

    ::

        answer = await wait_for_approval(lambda: self.answer, timeout=timedelta(days=1))

    Args:
        given: gives what a signal or an update has brought, ``None`` as long as nothing has.
        timeout: how long to wait; in seconds if it is a number.

    Returns:
        What ``given`` gives at last.

    Raises:
        asyncio.TimeoutError: if nothing came in time.
    """
    async with suspended():
        await workflow.wait_condition(lambda: given() is not None, timeout=timeout)
    return cast("T", given())
