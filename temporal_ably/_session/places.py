"""Where a message of a channel belongs within a session.

The rule of the file: it follows from the message alone, never from what came before.

Source: @ably/ai-transport 0.8.0, ``src/core/transport/tree.ts``, ``applyMessage``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from temporal_ably.envelope import Envelope

Kind = Literal["run", "prompt", "fork", "wish"]
CLIENT_EVENTS = frozenset({"input", "cancel"})


class Place(NamedTuple):
    """What a message belongs to.

    ``run``: a run, by its id. ``prompt``: a user's message that goes before a run, by the message's id. ``fork``: the
    result of a tool that begins a run of its own, by the message's id; which run that is, the run says. ``wish``: an
    input that shows nothing, by its message's id.
    """

    kind: Kind
    id: str


def place_of(envelope: Envelope) -> Place | None:
    """Give the place of a message, ``None`` where it has none.

    It has none where it says nothing, only asks a run to stop, or is for who is connected: it is not in history.
    """
    if envelope.part is not None and envelope.part.ephemeral:
        return None
    if envelope.event == "input":
        return _place_of_input(envelope)
    if envelope.event == "cancel" or not envelope.session_run:
        return None
    return Place("run", envelope.session_run)


def _place_of_input(envelope: Envelope) -> Place | None:
    if envelope.session_run:
        return Place("run", envelope.session_run)
    if not envelope.message_id:
        return None
    if envelope.part is None or envelope.part.kind == "regenerate":
        return Place("wish", envelope.message_id)
    if is_said(envelope):
        # Whatever it says its role is: it comes from a client.
        return Place("prompt", envelope.message_id)
    return Place("fork" if envelope.role != "user" else "wish", envelope.message_id)


def is_said(envelope: Envelope) -> bool:
    """Tell whether a message is a part of a user's message."""
    part = envelope.part
    return (
        envelope.event == "input"
        and part is not None
        and (part.kind in ("text", "file") or part.kind.startswith("data-"))
    )
