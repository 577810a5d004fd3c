"""What a client of a session publishes, for tests: as Ably's own client frames it, in its simplest form. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporal_ably._dialect import ait08
from temporal_ably._wire.events import CancelRequested, Input
from temporal_ably._wire.operations import Publish
from temporal_ably._wire.parts import Whole

if TYPE_CHECKING:
    from temporal_ably._session.model import Session
    from temporal_ably._wire.operations import Operation


def say(session: Session, text: str, name: str, *, client_id: str, run_id: str = "") -> Operation:
    """Give the publish of a user's message.

    Args:
        session: what is shown so far; the message follows it.
        text: what the user says.
        name: names the input and its message, unlike any other.
        client_id: who says it.
        run_id: the run that it is said to, empty for what begins one.
    """
    before = session.messages[-1].id if session.messages and not run_id else ""
    part = Whole("user-message", {"partType": "text", "messageId": name}, text)
    return Publish((ait08.encode(Input(name, name, "user", client_id, run_id, before, part=part)),))


def cancel(run_id: str, name: str) -> Operation:
    """Give the publish of a wish that a run stops. ``name``: unlike any other."""
    return Publish((ait08.encode(CancelRequested(name, run_id)),))


def newest_run(session: Session, channel: str) -> str:
    """Give the id of the run that began last.

    Raises:
        LookupError: if there is none.
    """
    if not session.runs:
        raise LookupError(f"unable to find a run on {channel}; none has begun; wait for one with wait_for()")
    return session.runs[-1].id
