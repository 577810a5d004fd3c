"""The outbox that ends a run. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from temporal_ably._dialect import ait08
from temporal_ably._publisher.notice import Notice
from temporal_ably._wire import tags

if TYPE_CHECKING:
    from temporal_ably._wire.events import RunClosed


class RunEnd(Notice):
    """Publish one run-end.

    The schedule lets it wait until no other outbox of its run is left.

    Args:
        channel: the session's channel.
        event: the run and how it ended.
        owner_id: workflow id of the run's owner.
        owner_run_id: Temporal run id of the workflow run that ended.
    """

    def __init__(self, channel: str, event: RunClosed, owner_id: str, owner_run_id: str) -> None:
        message = ait08.encode(event)
        own = tags.run_tags(event.run, "run-end", owner_id, owner_run_id)
        extras = {**message.extras, "headers": own | tags.end_tags(event.reason, event.error)}
        made = replace(message, extras=extras, id=ait08.run_end_id(event.run))
        super().__init__(channel, event.run.id, (made,))
