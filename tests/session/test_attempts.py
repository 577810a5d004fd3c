from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from temporal_ably._session.attempts import attempt_keys, judged, step_of
from temporal_ably._session.order import NO_TIME
from temporal_ably._wire import tags
from tests.session.drawn import recordings
from tests.session.recording import Delivery, Recording, fold

if TYPE_CHECKING:
    from collections.abc import Iterable

    from temporal_ably._session.model import Message


def superseded(deliveries: Iterable[Delivery]) -> list[bool]:
    return [each.superseded for each in judged(each.envelope for each in deliveries)]


def serials(messages: Iterable[Message]) -> set[str]:
    return {part.serial for message in messages for part in message.parts}


def test_all_messages_of_a_replaced_attempt_are_superseded_and_no_others():
    channel = Recording()
    channel.open_run()
    channel.attempt().text()
    channel.attempt(number=2, started_us=2000).text()
    channel.attempt(":0:2").end()
    channel.close_run()
    assert superseded(channel.live) == [False, True, True, False, False, False, False, False]


def test_of_a_zombie_that_wakes_late_it_is_the_zombie():
    channel = Recording()
    channel.attempt(number=2, started_us=2000).text()
    channel.attempt(number=1, started_us=1000).text()
    assert superseded(channel.live) == [False, False, True, True]


def test_of_equal_starts_the_later_opening_stays():
    channel = Recording()
    channel.attempt(number=1).text()
    channel.attempt(number=2).text()
    assert superseded(channel.live) == [True, True, False, False]


def test_a_mark_is_neither_needed_nor_believed():
    channel = Recording()
    channel.attempt().text()
    opening, text = channel.live
    headers = {**text.extras["headers"], tags.SUPERSEDED_BY: "9000"}
    marked = replace(text, extras={**text.extras, "headers": headers})
    assert marked.envelope.superseded
    assert superseded([opening, marked]) == [False, False]


def test_judging_keeps_the_order_that_was_given_and_needs_none():
    channel = Recording()
    channel.attempt().text()
    channel.attempt(number=2, started_us=2000).text()
    assert superseded(reversed(channel.live)) == [False, False, True, True]


def test_tags_alone_suffice_where_only_the_opening_names_itself():
    channel = Recording()
    channel.attempt().text()
    channel.attempt(number=2, started_us=2000).text()
    bare = [each.without_dialect().envelope for each in channel.live]
    assert [each.step_serial != "" for each in bare] == [True, False, True, False]
    assert [key.serial for key in attempt_keys(bare)] == ["00000001", "00000001", "00000003", "00000003"]
    assert [each.superseded for each in judged(bare)] == [True, True, False, False]


def test_what_names_no_attempt_is_never_superseded():
    channel = Recording()
    channel.attempt().text()
    channel.attempt(number=2, started_us=2000)
    text = channel.live[1]
    ai = text.extras["ai"]
    transport = {name: value for name, value in ai["transport"].items() if name != "step-start-serial"}
    loose = replace(text, extras={"ai": {**ai, "transport": transport}})
    assert attempt_keys([loose.envelope]) == [(NO_TIME, "")]
    assert step_of(loose.envelope) == ""
    assert superseded([channel.live[0], loose, channel.live[2]]) == [True, False, False]


def test_a_deleted_message_neither_replaces_nor_is_replaced():
    channel = Recording()
    channel.attempt().text()
    later = channel.attempt(number=2, started_us=2000)
    channel.delete(later.step.serial)
    assert superseded(channel.history.values()) == [False, False, False]


def test_the_run_and_events_to_come_belong_to_no_step():
    channel = Recording()
    channel.open_run()
    channel.attempt()
    odd = channel.live[1].extras
    newer = {**odd, "headers": {**odd["headers"], tags.EVENT: "step-paused"}}
    assert step_of(channel.live[0].envelope) is None
    assert step_of(channel.live[1].envelope) == ":0:1"
    assert step_of(replace(channel.live[1], name="ai-step-paused", extras=newer).envelope) is None


@given(recordings(), st.booleans())
def test_what_is_judged_superseded_is_what_the_fold_holds_for_dead(channel: Recording, live: bool):  # noqa: FBT001
    deliveries = channel.live if live else list(channel.history.values())
    judgement = {each.serial: each.superseded for each in judged(each.envelope for each in deliveries)}
    for run in fold(deliveries).runs:
        assert not any(judgement[serial] for serial in serials(run.messages))
        for step in run.steps:
            assert not judgement[step.canonical.serial]
            for dead in step.dead:
                assert judgement[dead.serial]
                assert all(judgement[serial] for serial in serials(dead.messages))
