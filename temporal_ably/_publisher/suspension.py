"""The outbox that suspends a run. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from temporal_ably._dialect import ait08
from temporal_ably._publisher.notice import Notice
from temporal_ably._publisher.recall import event_of, tags_of
from temporal_ably._wire import tags
from temporal_ably._wire.events import PartEmitted, PartText, RunSuspended
from temporal_ably._wire.parts import Whole
from temporal_ably.codec.vercel import CODEC

if TYPE_CHECKING:
    from temporal_ably._publisher.handover import Standing
    from temporal_ably._transport.base import Stored
    from temporal_ably._wire.operations import Message


class Suspension(Notice):
    """Publish that a run waits for a client.

    The client that asked gets the answer as a stream, which is closed first: until then an AI SDK's chat sends
    nothing. What closes it is one more part of the last message, in its own attempt, so that it shows nowhere; and both
    go out as one, because a client may answer at once. Source: @ably/ai-transport 0.8.0, ``run-output-stream.ts``.

    Args:
        channel: the session's channel.
        standing: how the run stands.
        reason: why it waits.
        owner_id: workflow id of the run's owner.
        owner_run_id: Temporal run id of the workflow run that waits, or waited.
    """

    def __init__(self, channel: str, standing: Standing, reason: tags.Pause, owner_id: str, owner_run_id: str) -> None:
        self.reason = reason
        run = standing.run
        message = ait08.encode(RunSuspended(run))
        own = tags.run_tags(run, "run-suspend", owner_id, owner_run_id) | tags.end_tags(reason)
        suspended = replace(message, extras={**message.extras, "headers": own})
        base = ait08.run_suspend_id(run)
        closing = _closing(standing.last, "tool-calls" if standing.calls else "stop") if standing.last else None
        made = (suspended,) if closing is None else (closing, suspended)
        named = tuple(replace(each, id=f"{base}:{n}" if len(made) > 1 else base) for n, each in enumerate(made))
        super().__init__(channel, run.id, named)


def _closing(last: Stored, reason: str) -> Message | None:
    event = event_of(last)
    if not isinstance(event, PartEmitted | PartText):
        return None
    part = Whole("finish", {"finishReason": reason})
    message = ait08.encode(PartEmitted(event.step, event.message_id, part))
    return replace(message, extras={**message.extras, "headers": _tags(last, part)})


def _tags(last: Stored, part: Whole) -> dict[str, str]:
    """Give the tags: those of the part that was the last, but for what they say of the part itself."""
    kept = {name: value for name, value in tags_of(last).items() if name in _KEPT}
    number = kept.get(tags.MESSAGE, "0")
    if not number.isdecimal():
        return {}
    return kept | {tags.LENGTH: "0", **tags.part_tags(int(number), CODEC.describe(part.kind, part.fields))}


_KEPT = (
    tags.VERSION,
    tags.EVENT,
    tags.SESSION_RUN,
    tags.WORKFLOW_ID,
    tags.RUN_ID,
    tags.ACTIVITY_ID,
    tags.ATTEMPT,
    tags.STARTED,
    tags.STEP,
    tags.MESSAGE,
)
