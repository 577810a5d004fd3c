"""Lets the activities of a story stream more than text: reasoning, a tool call with its result, data.

What they say stays the same, so a story tells of its texts, and of every other kind of part along with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from temporalio.worker import ActivityInboundInterceptor, Interceptor

from temporal_ably._temporal.streaming import active_stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from temporalio.worker import ExecuteActivityInput

    from temporal_ably._temporal.stream import ActivityStream


class Mix(Interceptor):
    """Stands after ours, so that the stream is there."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Mixing(next)


class _Mixing(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        stream = active_stream()
        if stream is not None:
            _mix(stream)
        return await self.next.execute_activity(input)


def _mix(stream: ActivityStream) -> None:
    count = 0
    write = stream.write

    def mixed(chunk: object) -> str:
        nonlocal count
        # What is mixed in is written, too.
        if isinstance(chunk, str):
            count += 1
            extra = _EXTRAS.get(count)
            if extra is not None:
                extra(stream)
        return write(chunk)

    vars(stream)["write"] = mixed


def _think(stream: ActivityStream) -> None:
    stream.reasoning("let me ")
    stream.reasoning("think")


def _look_up(stream: ActivityStream) -> None:
    call = stream.tool_call("lookUp", {"word": "fox", "limit": 3}, title="Look up")
    stream.data("progress", {"done": 1}, id="p")
    stream.tool_result(call, {"found": ["f\u00f6x", None]})


def _compute(stream: ActivityStream) -> None:
    with stream.tool_call_part("compute") as call:
        call.text('{"sum":')
        call.text("[1,2]}")
    stream.tool_error(call.call_id, "out of numbers")
    stream.data("progress", {"done": 2}, id="p")
    stream.data("beat", "now", transient=True)
    stream.source("https://example.com/fox", title="Foxes")
    stream.metadata(mood="calm")


# Before the n-th word.
_EXTRAS: dict[int, Callable[[ActivityStream], None]] = {1: _think, 2: _look_up, 3: _compute}
