"""The fold in Python and that of examples/plain-client, which reads tags alone, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.session.drawn import recordings
from tests.session.recording import fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from temporal_ably._session.model import Message, Session
    from tests.session.folds import OtherFolds


def ours(session: Session) -> list[dict[str, Any]]:
    return [
        {
            "id": run.id,
            "status": run.ended or "active",
            "messages": [message.as_ui() for message in run.messages],
            "missing": missing(run.messages),
            "dead": [
                (step.id, dead.number, dead.ended, [message.as_ui() for message in dead.messages])
                for step in run.steps
                for dead in step.dead
            ],
        }
        for run in session.runs
    ]


def missing(messages: Sequence[Message]) -> int:
    return sum(getattr(part, "missing", 0) for message in messages for part in message.parts)


def theirs(session: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "id": run["id"],
            "status": run["status"],
            "messages": [*map(ui, run["messages"])],
            "missing": sum(gap["missing"] for gap in run["gaps"]),
            "dead": [
                (dead["step"], dead["attempt"], dead.get("ended", ""), [*map(ui, dead["messages"])])
                for dead in run["dead"]
            ],
        }
        for run in session["runs"]
    ]


def ui(message: dict[str, Any]) -> dict[str, Any]:
    return {key: message[key] for key in ("id", "role", "metadata", "parts") if key in message}


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_both_make_the_same_of_any_deliveries(data: st.DataObject, other_folds: OtherFolds):
    channel = data.draw(recordings())
    heard = data.draw(st.permutations([*channel.live, *channel.history.values()]))
    heard = heard[: data.draw(st.integers(0, len(heard)))]
    # Of equal starts the later opening wins, whose serial only the dialect tells on other messages.
    heard += [each for each in channel.live if each.name == "ai-step-start"]
    assert ours(fold(heard)) == theirs(other_folds.plain(heard))
