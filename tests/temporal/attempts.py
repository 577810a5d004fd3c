"""Attempts of activities without a server, for the tests of this folder."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, cast

from temporalio.testing import ActivityEnvironment

from temporal_ably._temporal.runtime import Runtime
from temporal_ably.settings import load

if TYPE_CHECKING:
    from temporalio import activity

MOMENT = datetime(2026, 1, 1, tzinfo=timezone.utc)
LONG = timedelta(hours=1)
MADE: list[Runtime] = []
OVER = timedelta(seconds=-1)


def info(**changes: object) -> activity.Info:
    """What an activity of a workflow is told."""
    known = dataclasses.replace(
        ActivityEnvironment.default_info(), scheduled_time=MOMENT, started_time=MOMENT, heartbeat_timeout=None
    )
    limits: dict[str, object] = {"start_to_close_timeout": LONG, "schedule_to_close_timeout": None}
    return dataclasses.replace(known, **cast("Any", limits | changes))


def runtime(**settings: object) -> Runtime:
    """A runtime that reaches nobody."""
    nowhere = {"api_key": "app.id:secret", "endpoint": "127.0.0.1:1", "tls": False, "flush_timeout": 0}
    made = Runtime(load(None, nowhere | settings))
    MADE.append(made)
    return made
