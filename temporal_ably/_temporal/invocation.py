"""``Invocation``: the body that Ably's clients post to start a run, and whoever has its shape.

The rule of the file: light, because a workflow's sandbox loads it afresh for each workflow.
Source: @ably/ai-transport 0.8.0, ``src/core/transport/invocation.ts``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from temporal_ably._wire.names import is_channel_name

_NAMES = (("inputEventId", "sessionName"), ("input_event_id", "session_name"))
# What is longer is neither: an end user may send it, and it would go into the history with each activity.
_LIMIT_CHARS = 1024


@dataclass(frozen=True)
class Invocation:
    """What Ably's clients post to an agent, as they write it.

    A workflow whose first argument has this shape answers that input in that session: an
    ``Invocation``, any other class or mapping with these two names (or in snake case), and whatever
    more it holds. It is a plain dataclass, which Temporal's default converter takes as it is.
    """

    inputEventId: str  # noqa: N815 - as it is in JSON
    """Identifies the user's message, or whatever else is to be answered, on the channel."""

    sessionName: str  # noqa: N815 - as it is in JSON
    """The channel."""


def read_invocation(value: object) -> tuple[str, str] | None:
    """Read session and input off a value that has the shape of an ``Invocation``, ``None`` off any other."""
    for names in _NAMES:
        event_id, session = (_get(value, name) for name in names)
        if not (isinstance(event_id, str) and isinstance(session, str)):
            continue
        if 0 < len(event_id) <= _LIMIT_CHARS and len(session) <= _LIMIT_CHARS and is_channel_name(session):
            return session, event_id
    return None


def _get(value: object, name: str) -> object:
    try:
        if isinstance(value, Mapping):
            return cast("Mapping[object, object]", value).get(name)
        return getattr(value, name, None)
    except Exception:  # noqa: BLE001 - the user's code, which must not fail the workflow
        return None
