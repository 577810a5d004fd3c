from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from temporal_ably._publisher.attempt import Attempt
from temporal_ably._publisher.handover import Standing, standing
from temporal_ably._publisher.suspension import Suspension
from temporal_ably._wire.events import PartEmitted, Run, RunSuspended, Step
from temporal_ably._wire.operations import Publish
from temporal_ably._wire.parts import Whole
from tests.publisher.model import PLAN, Channel, headers_of
from tests.publisher.test_recall import flush
from tests.publisher.told import FIRST, call, history, opened, wrote

if TYPE_CHECKING:
    from temporal_ably._wire.operations import Message

RUN = replace(FIRST, id="run")


def messages_of(suspension: Suspension) -> tuple[Message, ...]:
    [ticket] = suspension.ready()
    operation = suspension.take(ticket, 0.0)
    assert isinstance(operation, Publish)
    return operation.messages


def asking() -> Channel:
    """A channel on which a run of ours asks the client something."""
    channel, attempt = Channel(), Attempt(replace(PLAN, run=RUN, answers=True))
    attempt.emit(0, call(), 0.0)
    attempt.finish("complete", 0.0)
    flush(attempt, channel)
    return channel


def test_a_run_is_suspended_once_the_stream_of_its_answer_is_closed() -> None:
    channel = asking()
    found = standing(channel.stored(), RUN, "run")
    suspension = Suspension("ai:wf", found, "handed-over", "wf", "wf-run")
    closing, suspended = messages_of(suspension)
    assert (closing.id, suspended.id) == ("run/suspend/:0", "run/suspend/:1")
    channel.apply(Publish((closing, suspended)))
    *_, last, end = channel.events()
    assert isinstance(last, PartEmitted)
    assert (last.part, last.step.answers, last.message_id) == (
        Whole("finish", {"finishReason": "tool-calls"}),
        True,
        "run/:0:1/0",
    )
    assert end == RunSuspended(replace(RUN, parent=""))
    assert suspension.reason == "handed-over"


def test_what_closes_the_stream_belongs_to_the_attempt_that_asked_and_shows_nowhere() -> None:
    channel = asking()
    before = channel.session.runs[0]
    found = standing(channel.stored(), RUN, "run")
    closing, suspended = messages_of(Suspension("ai:wf", found, "waiting", "wf", "wf-run"))
    channel.apply(Publish((closing, suspended)))
    after = channel.session.runs[0]
    assert (after.steps, after.messages) == (before.steps, before.messages)
    assert (before.status, after.status) == ("active", "suspended")
    own = headers_of(closing)
    assert found.last is not None
    last = {name: value for name, value in own.items() if name not in ("temporal-part", "temporal-status")}
    assert last.items() <= dict(found.last.extras["headers"]).items()  # pyright: ignore[reportArgumentType, reportCallIssue, reportUnknownMemberType]
    assert own["temporal-part"] == '{"type":"finish","finishReason":"tool-calls"}'


def test_the_suspension_has_the_tags_of_the_runs_owner_and_says_why() -> None:
    found = Standing(RUN, "active")
    [suspended] = messages_of(Suspension("ai:wf", found, "waiting", "wf", "wf-run"))
    assert suspended.id == "run/suspend/"
    assert headers_of(suspended) == {
        "temporal-v": "1",
        "temporal-event": "run-suspend",
        "temporal-session-run": "run",
        "temporal-workflow-id": "wf",
        "temporal-run-id": "wf-run",
        "temporal-input": "u1",
        "temporal-reason": "waiting",
    }


def test_a_stream_that_asks_nothing_of_the_client_just_stops() -> None:
    found = standing(history(opened(), wrote(Whole("data-x", {}, {}), serial="01")), FIRST, "R")
    closing, _ = messages_of(Suspension("ai:wf", found, "waiting", "wf", "wf-run"))
    channel = Channel()
    channel.apply(Publish((closing,)))
    [event] = channel.events()
    assert isinstance(event, PartEmitted)
    assert event.part == Whole("finish", {"finishReason": "stop"})
    assert event.step == Step(FIRST, ":0:1", "01", answers=True)


def test_each_wake_up_is_suspended_under_an_id_of_its_own() -> None:
    again = Standing(replace(RUN, invocation="run/+1"), "active")
    [suspended] = messages_of(Suspension("ai:wf", again, "waiting", "wf", "wf-run"))
    assert suspended.id == "run/suspend/run/+1"
    assert (
        Run("run", "", "alice", "u1", "alice", invocation="run/+1") == RunSuspended(replace(again.run, parent="")).run
    )
