from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from temporal_ably._dialect import ait08
from temporal_ably._publisher.attempt import Attempt
from temporal_ably._publisher.run_end import RunEnd
from temporal_ably._publisher.unfinished import Unfinished, last_words, unfinished_runs
from temporal_ably._wire import tags
from temporal_ably._wire.events import PartText, Run, RunClosed, RunResumed, RunSuspended, StepClosed
from temporal_ably._wire.operations import Publish
from temporal_ably._wire.parts import Whole
from tests.publisher.model import ORIGIN, PLAN, RUN, TEXT, Channel, headers_of

if TYPE_CHECKING:
    from temporal_ably._publisher.outbox import Outbox
    from temporal_ably._publisher.plan import Plan
    from temporal_ably._transport.base import Stored
    from temporal_ably._wire.events import RunReason

CLIENT = "temporal-ably"


def flush(outbox: Outbox, channel: Channel) -> None:
    tickets = list(outbox.ready())
    while tickets:
        for ticket in tickets:
            outbox.acked(ticket, channel.apply(outbox.take(ticket, 0.0)), 0.0)
        tickets = list(outbox.ready())


def speak(channel: Channel, plan: Plan = PLAN, *, finish: bool = False) -> Attempt:
    """An attempt that says something, and then no more: its process was killed, unless it may finish."""
    attempt = Attempt(plan)
    attempt.open_part(1, 0, TEXT, 0.0)
    attempt.text(1, "half a", 0.0)
    if finish:
        attempt.finish("complete", 0.0)
    flush(attempt, channel)
    return attempt


def publish(channel: Channel, event: RunSuspended | RunResumed, name: tags.EventName, owner: str = "wf") -> None:
    run = event.run
    own = tags.run_tags(run, name, owner, f"{owner}-run")
    message = ait08.encode(event)
    made = replace(message, id=f"{name}{run.invocation}", extras={**message.extras, "headers": own})
    channel.apply(Publish((made,)))


def stored(channel: Channel) -> list[Stored]:
    return [
        replace(each, client_id=CLIENT, timestamp=int(each.serial), id=channel.messages[each.serial].id or "")
        for each in channel.stored()
    ]


def found(channel: Channel) -> list[Unfinished]:
    return unfinished_runs(stored(channel), "ai:wf")


def end(channel: Channel, reason: RunReason = "complete", error: str | None = None, client: str = CLIENT) -> None:
    """Say the last words of the one open run."""
    (dead,) = found(channel)
    closes, last = last_words(dead, "ai:wf", RunClosed(dead.run, reason, error), client)
    for operation in (*closes, last):
        channel.apply(operation)


def test_run_with_an_end_is_not_open() -> None:
    channel = Channel()
    speak(channel, finish=True)
    assert [each.run.id for each in found(channel)] == ["run"]
    flush(RunEnd("ai:wf", RunClosed(RUN, "complete"), "wf", "wf-run"), channel)
    assert found(channel) == []


def test_open_run_knows_its_owner_and_what_was_left_behind() -> None:
    channel = Channel()
    speak(channel)
    (dead,) = found(channel)
    assert dead.run == RUN
    assert (dead.owner_id, dead.owner_run_id, dead.numbered, dead.suspended) == ("wf", "wf-run", True, False)
    assert [each.data for each in dead.streams] == ["half a"]
    assert [each.name for each in dead.steps] == ["ai-step-start"]
    assert dead.written_ms == max(int(serial) for serial in channel.messages)


def test_runs_stand_in_the_order_in_which_they_began_whatever_the_order_of_their_messages() -> None:
    channel = Channel()
    for name in ("first", "second"):
        speak(channel, replace(PLAN, run=Run(name, "")))
    assert [each.run.id for each in unfinished_runs(stored(channel)[::-1], "ai:wf")] == ["first", "second"]
    assert found(channel) == unfinished_runs(stored(channel)[::-1], "ai:wf")


@pytest.mark.parametrize(
    ("reason", "step_reason"), [("complete", "failed"), ("error", "failed"), ("cancelled", "cancelled")]
)
def test_last_words_close_parts_and_attempts_and_end_the_run(reason: RunReason, step_reason: str) -> None:
    channel = Channel()
    speak(channel)
    end(channel, reason, "no money" if reason == "error" else None)
    assert found(channel) == []
    assert [(each.text, each.status) for each in channel.streams()] == [("half a", "cancelled")]
    # It also holds that who was there all along and who comes late see the same.
    (run,) = channel.session.runs
    assert (run.ended, run.text, run.steps[0].canonical.ended) == (reason, "half a", step_reason)
    assert run.error == ("no money" if reason == "error" else None)
    *_, last = channel.events()
    assert isinstance(last, RunClosed)


def test_last_words_bear_the_ids_and_tags_of_those_that_did_not_come() -> None:
    dead, living = Channel(), Channel()
    speak(dead)
    end(dead)
    speak(living, finish=True)
    flush(RunEnd("ai:wf", RunClosed(RUN, "complete"), "wf", "wf-run"), living)
    for one, other in zip(list(dead.messages.values())[-2:], list(living.messages.values())[-2:], strict=True):
        assert one.id == other.id
        expected = dict(headers_of(other))
        if one.name == "ai-step-end":
            expected["temporal-reason"] = "failed"
        assert headers_of(one) == expected


def test_part_keeps_all_that_it_says_of_itself() -> None:
    channel = Channel()
    speak(channel)
    (before,) = channel.streams()
    headers = headers_of(channel.messages[found(channel)[0].streams[0].serial])
    end(channel)
    (after,) = channel.streams()
    assert after == replace(before, status="cancelled")
    (dead,) = [each for each in channel.messages.values() if each.name == "ai-output" and each.data == "half a"]
    assert headers_of(dead) == {**headers, "temporal-status": "cancelled"}


def test_messages_of_somebody_else_are_left_to_him() -> None:
    channel = Channel()
    speak(channel)
    end(channel, client="another")
    assert [each.status for each in channel.streams()] == ["streaming"]
    assert channel.session_from_history.runs[0].ended == "complete"


def test_attempts_that_ended_and_parts_that_were_closed_are_left_as_they_are() -> None:
    channel = Channel()
    speak(channel, finish=True)
    speak(channel, replace(PLAN, step=":0:2", origin=replace(ORIGIN, started_us=2000)))
    end(channel)
    closed = [(each.step.id, each.reason) for each in channel.events() if isinstance(each, StepClosed)]
    assert closed == [(":0:1", "complete"), (":0:2", "failed")]
    assert [each.status for each in channel.events() if isinstance(each, PartText)] == ["complete", "cancelled"]


def test_whole_parts_need_no_close() -> None:
    channel = Channel()
    attempt = Attempt(PLAN)
    attempt.emit(0, Whole("data-x", {}, 1), 0.0)
    flush(attempt, channel)
    assert found(channel)[0].streams == ()


def test_suspended_run_waits_and_a_resumed_one_goes_on() -> None:
    channel = Channel()
    speak(channel, finish=True)
    publish(channel, RunSuspended(RUN), "run-suspend")
    assert found(channel)[0].suspended
    resumed = replace(RUN, invocation="again")
    publish(channel, RunResumed(resumed), "run-resume", "wf-2")
    (unfinished,) = found(channel)
    assert not unfinished.suspended
    assert unfinished.run == replace(resumed, parent=unfinished.run.parent)
    assert (unfinished.owner_id, unfinished.owner_run_id) == ("wf-2", "wf-2-run")
    # What the first invocation says too late suspends nothing.
    publish(channel, RunSuspended(replace(RUN, invocation="late")), "run-suspend")
    assert not found(channel)[0].suspended
    publish(channel, RunSuspended(resumed), "run-suspend")
    assert found(channel)[0].suspended


def test_opening_that_is_repeated_does_not_take_a_resumed_run_back() -> None:
    channel = Channel()
    speak(channel, finish=True)
    publish(channel, RunResumed(replace(RUN, invocation="again")), "run-resume", "wf-2")
    channel.apply(
        Publish((replace(channel.messages[min(channel.messages)], id="more than two minutes later"),)),
    )
    assert found(channel)[0].owner_id == "wf-2"


def test_run_whose_opening_has_expired_is_known_by_its_own_steps() -> None:
    channel = Channel()
    speak(channel)
    channel.messages = {serial: each for serial, each in channel.messages.items() if each.name != "ai-run-start"}
    (dead,) = found(channel)
    assert (dead.owner_id, dead.owner_run_id, dead.run.id) == ("wf", "wf-run", "run")


def test_steps_of_a_child_do_not_tell_the_owner() -> None:
    channel = Channel()
    child = replace(ORIGIN, workflow_id="child", workflow_run_id="child-run")
    speak(channel, replace(PLAN, step="/0.1:0:1", origin=child, opens_run=False))
    (dead,) = found(channel)
    assert (dead.owner_id, dead.owner_run_id) == ("", "")


def test_steps_are_numbered_only_where_the_workflows_worker_has_the_interceptor() -> None:
    channel = Channel()
    speak(channel, replace(PLAN, step=":7"))
    assert not found(channel)[0].numbered


def test_namespace_is_known_where_the_tags_tell_it() -> None:
    channel = Channel()
    speak(channel, replace(PLAN, full_tags=True))
    assert found(channel)[0].namespace == "default"


def test_what_is_not_ours_is_nobodys_run() -> None:
    channel = Channel()
    speak(channel)
    foreign = [replace(each, extras={"ai": each.extras["ai"]}) for each in stored(channel)]
    assert unfinished_runs(foreign, "ai:wf") == []
    odd = [replace(each, extras={}) for each in stored(channel)]
    assert unfinished_runs(odd, "ai:wf") == []
    deleted = [replace(each, action="delete") for each in stored(channel)]
    assert unfinished_runs(deleted, "ai:wf") == []
