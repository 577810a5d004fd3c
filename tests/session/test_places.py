from __future__ import annotations

import pytest

from temporal_ably._session.places import Place, is_said, place_of
from temporal_ably.envelope import Envelope, EnvelopePart


def message(event: str, kind: str = "", **facts: str) -> Envelope:
    part = EnvelopePart(kind=kind, ephemeral=kind == "data-passing") if kind else None
    return Envelope.model_validate(
        {"channel": "c", "serial": "1", "version": "1", "action": "create", "event": event, "part": part, **facts}
    )


def said(kind: str, role: str = "user", **facts: str) -> Envelope:
    return message("input", kind, message_id="m", role=role, **facts)


@pytest.mark.parametrize(
    ("envelope", "place"),
    [
        (message("run-start", session_run="r"), Place("run", "r")),
        (message("part", "text", session_run="r", message_id="m"), Place("run", "r")),
        (message("part", "data-passing", session_run="r", message_id="m"), None),
        (message("step-paused", session_run="r"), Place("run", "r")),
        (message("part", "text", message_id="m"), None),
        (message("cancel", session_run="r"), None),
        (said("text"), Place("prompt", "m")),
        (said("file"), Place("prompt", "m")),
        (said("data-x"), Place("prompt", "m")),
        (said("text", "assistant"), Place("prompt", "m")),
        (said("text", session_run="r"), Place("run", "r")),
        (said("tool-result", session_run="r"), Place("run", "r")),
        (said("tool-result", "assistant"), Place("fork", "m")),
        (said("tool-result-error", "assistant"), Place("fork", "m")),
        (said("tool-result"), Place("wish", "m")),
        (said("regenerate"), Place("wish", "m")),
        (said("regenerate", "assistant"), Place("wish", "m")),
        (said(""), Place("wish", "m")),
        (said("hologram"), Place("wish", "m")),
        (message("input", "text", role="user"), None),
    ],
)
def test_where_a_message_belongs(envelope: Envelope, place: Place | None):
    assert place_of(envelope) == place


@pytest.mark.parametrize(
    ("envelope", "expected"),
    [
        (said("text"), True),
        (said("file", session_run="r"), True),
        (said("data-x"), True),
        (said("tool-result"), False),
        (said(""), False),
        (message("part", "text", session_run="r"), False),
    ],
)
def test_what_is_a_part_of_a_users_message(envelope: Envelope, expected: bool):  # noqa: FBT001
    assert is_said(envelope) is expected
