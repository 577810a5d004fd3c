from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from temporal_ably._dialect import ait08
from temporal_ably._publisher.attempt import Attempt
from temporal_ably._publisher.recall import Recalled, find_input, recall, resolve_run, tombstones
from temporal_ably._publisher.run_end import RunEnd
from temporal_ably._transport.base import Stored
from temporal_ably._wire.events import Input, Run, RunClosed
from temporal_ably._wire.identity import Reset, Sweep
from tests.publisher.model import ORIGIN, PLAN, RUN, TEXT, Channel

if TYPE_CHECKING:
    from temporal_ably._publisher.outbox import Outbox

RESET = Reset("run-2", "wf", "run-1")


def flush(outbox: Outbox, channel: Channel) -> None:
    tickets = list(outbox.ready())
    while tickets:
        for ticket in tickets:
            outbox.acked(ticket, channel.apply(outbox.take(ticket, 0.0)), 0.0)
        tickets = list(outbox.ready())


def write(channel: Channel, step: str, started_us: int, run: Run = RUN) -> None:
    attempt = Attempt(replace(PLAN, step=step, run=run, origin=replace(ORIGIN, started_us=started_us)))
    attempt.open_part(1, 0, TEXT, 0.0)
    attempt.text(1, "text", 0.0)
    attempt.finish("failed", 0.0)
    flush(attempt, channel)


def test_newest_attempt_of_each_step_of_the_run_is_recalled() -> None:
    channel = Channel()
    write(channel, ":0:1", 100)
    write(channel, ":0:1", 200)
    write(channel, ":0:2", 150)
    write(channel, ":0:3", 300, Run("other", ""))
    assert recall(channel.stored(), "run") == Recalled(ended=False, newest={":0:1": 200, ":0:2": 150}, opened=RUN)


def test_zombie_that_opened_late_is_not_the_newest() -> None:
    channel = Channel()
    write(channel, ":0:1", 200)
    write(channel, ":0:1", 100)
    assert recall(channel.stored(), "run").newest == {":0:1": 200}


@pytest.mark.parametrize(("ended", "expected"), [("run", True), ("other", False)])
def test_end_of_the_run_is_recalled(ended: str, expected: bool) -> None:  # noqa: FBT001
    channel = Channel()
    flush(RunEnd("ai:wf", RunClosed(Run(ended, ""), "complete"), "wf", "wf-run"), channel)
    assert recall(channel.stored(), "run").ended is expected


@pytest.mark.parametrize(
    "extras",
    [
        {},
        {"headers": {"temporal-started": "9"}},
        {"ai": {"transport": {"run-id": "run"}}},
        {"ai": "odd"},
        {"ai": {"transport": {"run-id": "run", "step-id": ":0:9"}}, "headers": "odd"},
        {"ai": {"transport": {"run-id": "run", "step-id": ":0:9", b"odd": "x"}}},
    ],
)
def test_message_of_another_shape_does_not_stop_the_reading(extras: dict[str, object]) -> None:
    channel = Channel()
    write(channel, ":0:1", 100)
    odd = Stored("9", "ai-step-start", None, extras)
    assert recall([odd, *channel.stored()], "run").newest[":0:1"] == 100


def test_run_is_kept_unless_a_reset_finds_it_ended() -> None:
    ended, going = Recalled(ended=True, newest={}), Recalled(ended=False, newest={})
    assert resolve_run(RUN, None, ended) == RUN
    assert resolve_run(RUN, RESET, going) == RUN


def test_reset_of_an_ended_run_goes_on_beside_it() -> None:
    beside = resolve_run(RUN, RESET, Recalled(ended=True, newest={}))
    assert beside == Run("run/rrun-2", RUN.parent)
    again = resolve_run(replace(RUN, invocation="run/+1"), RESET, Recalled(ended=True, newest={}))
    assert again == replace(beside, invocation="run/rrun-2/+1")
    by_another = resolve_run(replace(RUN, invocation="W2"), RESET, Recalled(ended=True, newest={}))
    assert by_another == beside


def test_each_swept_step_gets_a_tombstone() -> None:
    newest = {":0:1": 100, ":0:2": 200, ":0:3": 900, "/0.4:0:1": 300, ":1:1": 100}
    made = tombstones(PLAN, (Sweep("", 500, (0, 0)),), Recalled(ended=False, newest=newest))
    assert [tomb.plan.step for tomb in made] == [":0:1", ":0:2", "/0.4:0:1", ":1:1"]


def test_step_before_the_first_replaced_one_stays() -> None:
    made = tombstones(PLAN, (Sweep("", 500, (0, 2)),), Recalled(ended=False, newest={":0:0": 1, ":0:2": 1, ":1:0": 1}))
    assert [tomb.plan.step for tomb in made] == [":0:2", ":1:0"]


def test_tombstone_is_younger_than_what_it_replaces_and_older_than_what_does_so_really() -> None:
    sweeps = (Sweep("", 500, (0, 0)), Sweep("", 700, (0, 0)))
    [tomb] = tombstones(PLAN, sweeps, Recalled(ended=False, newest={":0:2": 100}))
    assert tomb.plan.origin.started_us == 700
    assert tomb.plan.tombstone


def test_tombstone_never_takes_the_place_of_what_a_later_try_writes() -> None:
    sweeps = (Sweep("", 700, (0, 0)),)
    newest = {":0:2": 100, ":0:2@500": 600, ":0:2@700": 800}
    made = tombstones(PLAN, sweeps, Recalled(ended=False, newest=newest))
    assert [tomb.plan.wire_step for tomb in made] == [":0:2", ":0:2@500"]
    assert [tomb.plan.step for tomb in made] == [":0:2", ":0:2"]


@pytest.mark.parametrize("tried", ["", "x", "\u0661", "9" * 5000])
def test_step_that_somebody_named_oddly_gets_a_tombstone_too(tried: str) -> None:
    newest = {f":0:2@{tried}": 100}
    [tomb] = tombstones(PLAN, (Sweep("", 500, (0, 0)),), Recalled(ended=False, newest=newest))
    assert tomb.plan.wire_step == ":0:2"


def test_tombstone_takes_the_dead_text_away_and_adds_none() -> None:
    channel = Channel()
    write(channel, ":0:2", 100)
    before = len(channel.messages)
    [tomb] = tombstones(PLAN, (Sweep("", 500, (0, 0)),), recall(channel.stored(), "run"))
    tomb.open(0.0)
    tomb.finish("complete", 0.0)
    flush(tomb, channel)
    assert channel.names()[before:] == ["ai-step-start", "ai-step-end"]
    assert recall(channel.stored(), "run").newest == {":0:2": 500}
    assert tomb.done


def test_first_of_the_inputs_that_bear_an_event_id_counts_in_whatever_order_they_come() -> None:
    asked = [Input(name, "e", "user", parent=parent) for name, parent in (("u1", "m1"), ("u2", "m2"))]
    said = [
        Stored(serial, "ai-input", "", ait08.encode(event).extras, client_id=serial)
        for serial, event in zip("12", asked, strict=True)
    ]
    for stored in (said, said[::-1]):
        found = find_input(stored, "e")
        assert found is not None
        assert (found[0].id, found[1]) == ("u1", "1")
    assert find_input(said, "another") is None
