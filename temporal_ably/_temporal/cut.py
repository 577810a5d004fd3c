"""Stopping the code of a running activity because a client asked for it, and ending it so that nothing is tried again.

Temporal's server takes "cancelled" for the end of an activity only where it asked for the cancel itself. Of one that
says so unasked it refuses the answer, waits for the timeout, and tries again (seen with Temporal server 1.32). So an
activity whose workflow is being cancelled waits a moment until it is asked, and any other fails for good.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import time
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn

from temporalio import activity
from temporalio.client import AsyncActivityCancelledError
from temporalio.exceptions import CancelledError
from temporalio.service import RPCError, RPCStatusCode

from temporal_ably._temporal.failures import from_cut

if TYPE_CHECKING:
    import concurrent.futures

    from temporalio.client import AsyncActivityHandle, Client

    from temporal_ably._temporal.stream import ActivityStream

_ASK_S = (0.02, 0.05, 0.1, 0.2, 0.5)
_RPC = timedelta(seconds=5)


class Cut:
    """Stops the user's code of one attempt, once.

    An async activity is cancelled as Temporal would; it may catch that and return what it has, which stands. In any
    other one the next write or heartbeat raises.

    Args:
        stream: the attempt's.
        is_async: whether it runs as a task of the worker's loop, which is the one that makes this.
    """

    def __init__(self, stream: ActivityStream, *, is_async: bool) -> None:
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task() if is_async else None
        self._context = contextvars.copy_context()
        self._asked = False
        self._over = False
        self._until = 0.0
        self._owner: concurrent.futures.Future[None] | None = None
        self.delivered = False
        """Whether the user's code was stopped."""

    def stop(self, until: float = 0.0, owner: concurrent.futures.Future[None] | None = None) -> None:
        """Stop it. Called from any thread.

        Args:
            until: how long to wait until the server asks for the cancel, as ``time.monotonic()`` has it.
            owner: done once the workflow was asked to cancel, ``None`` where it is not.
        """
        self._until, self._owner, self._asked = until, owner, True
        if self._task is None:
            self._stream.stop(self._error)
            return
        # The worker may be gone, and its loop with it.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._cancel, context=self._context)

    def _cancel(self) -> None:
        if self._task is not None and not (self._over or self.delivered or activity.is_cancelled()):
            self.delivered = True
            self._task.cancel("a client stopped the run")

    def _error(self) -> CancelledError:
        self.delivered = True
        return CancelledError("a client stopped the run")

    def check(self) -> None:
        """Stop the code of a thread where it calls this.

        Raises:
            CancelledError: if it is to stop.
        """
        if self._asked and self._task is None and not self._over:
            raise self._error()

    def over(self) -> None:
        """Note that the user's code has ended: there is nothing to stop any more."""
        self._over = True

    async def end(self, info: activity.Info, client: Client | None) -> NoReturn:
        """End the attempt towards Temporal.

        Raises:
            CancelledError: if the server has asked for that meanwhile.
            ApplicationError: if it did not.
        """
        try:
            await self._wait_for_owner()
            if self._owner is not None and client is not None and not info.is_local:
                handle = client.get_async_activity_handle(task_token=info.task_token)
                if await self._report(handle):
                    # The server knows.
                    activity.raise_complete_async()
        except asyncio.CancelledError:
            if not _server_asked():
                raise from_cut() from None
            raise
        if _server_asked():
            raise CancelledError
        raise from_cut()

    async def _wait_for_owner(self) -> None:
        if self._owner is not None:
            left_s = max(0.0, self._until - time.monotonic())
            await asyncio.wait({asyncio.wrap_future(self._owner)}, timeout=left_s)

    async def _report(self, handle: AsyncActivityHandle) -> bool:
        """Tell the server as soon as it asks, and whether it knows."""
        delays = itertools.chain(_ASK_S, itertools.repeat(_ASK_S[-1]))
        while True:
            if _server_asked():
                return False
            try:
                await handle.heartbeat(rpc_timeout=_RPC)
            except AsyncActivityCancelledError as err:
                if err.details is None or not err.details.cancel_requested:
                    return False
                with suppress(RPCError):
                    await handle.report_cancellation(rpc_timeout=_RPC)
                return True
            except RPCError as err:
                if err.status == RPCStatusCode.NOT_FOUND:
                    # The workflow did not wait.
                    return True
            delay_s = next(delays)
            if time.monotonic() + delay_s > self._until:
                return False
            await asyncio.sleep(delay_s)


def _server_asked() -> bool:
    details = activity.cancellation_details()
    return details is not None and (details.cancel_requested or details.not_found or details.timed_out)
