"""Which messages belong to which attempt of a step, and which of them no longer count.

The rule of the file: the fold and whoever judges single messages tell attempts apart in the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporal_ably._session.order import NO_TIME, AttemptKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from temporal_ably.envelope import Envelope

_OF_A_STEP = ("step-start", "step-end", "part")


def step_of(envelope: Envelope) -> str | None:
    """Give the step that a message belongs to, ``None`` where it belongs to the run alone."""
    if envelope.event not in _OF_A_STEP:
        return None
    # What names no attempt is never replaced (@ably/ai-transport 0.8.0, src/core/transport/tree.ts).
    unattributed = envelope.event == "part" and not envelope.step_serial and envelope.started is None
    return "" if unattributed else envelope.step


def attempt_keys(envelopes: Sequence[Envelope]) -> list[AttemptKey]:
    """Tell the attempts of one step apart.

    Args:
        envelopes: the step's messages, in the order of their serials.

    Returns:
        For each message the key of its attempt.
    """
    openings: dict[datetime | None, str] = {}
    for each in envelopes:
        if each.step_serial:
            openings[each.started] = each.step_serial
    # A dialect need not name the opening: the start tells attempts apart as well.
    return [
        AttemptKey(each.started or NO_TIME, each.step_serial or openings.get(each.started, "")) for each in envelopes
    ]


def judged(envelopes: Iterable[Envelope]) -> list[Envelope]:
    """Give messages of a channel with ``superseded`` as the canonical rule has it.

    Args:
        envelopes: all that is known of the channel, in any order. Marks decide nothing.
    """
    found = list(envelopes)
    steps: dict[tuple[str, str], list[Envelope]] = {}
    for each in sorted(found, key=lambda each: each.serial):
        step = step_of(each)
        if step is not None and each.session_run and each.action != "delete":
            steps.setdefault((each.session_run, step), []).append(each)
    dead: set[str] = set()
    for own in steps.values():
        keys = attempt_keys(own)
        winner = max(keys)
        dead.update(each.serial for each, key in zip(own, keys, strict=True) if key < winner)
    return [each.model_copy(update={"superseded": each.serial in dead}) for each in found]
