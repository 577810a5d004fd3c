"""Marking on a publisher: when it reads, what it then marks, and that nobody waits for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from temporal_ably._publisher import marking
from temporal_ably._publisher.run_end import RunEnd
from temporal_ably._wire.events import RunClosed
from temporal_ably.errors import HistoryError, PublishError
from tests.publisher.fake import UNREACHABLE, WAIT_S, FakeAbly
from tests.publisher.model import ORIGIN, PLAN, RUN, Fate, headers_of
from tests.publisher.test_recall import write
from tests.publisher.writer import WHOLE, Writer, deliver

if TYPE_CHECKING:
    from temporal_ably._publisher.plan import Plan
    from temporal_ably._publisher.publisher import Publisher

NO_HISTORY = HistoryError("unable to read the history of ai:wf; no; check that the key has the history capability")
NO_UPDATES = PublishError("unable to publish; no; give the key message-update-own", code=40160, retryable=False)


def retry(step: str = ":0:1") -> Plan:
    return replace(PLAN, step=step, origin=replace(ORIGIN, attempt=2, started_us=2000), replaces=True)


def drain(publisher: Publisher) -> None:
    publisher.engine.submit(publisher.drain(WAIT_S)).result(WAIT_S)


def marked(ably: FakeAbly) -> dict[str, list[str]]:
    """The texts that are marked, by the start of the attempt that replaced them."""
    found: dict[str, list[str]] = {}
    for message in ably.channels["ai:wf"].messages.values():
        by = headers_of(message).get("temporal-superseded-by")
        if by is not None and isinstance(message.data, str) and message.data:
            found.setdefault(by, []).append(message.data)
    return found


def test_output_of_the_replaced_attempt_is_marked_once_the_retry_shows_something(
    publisher: Publisher, ably: FakeAbly
) -> None:
    write(ably.channels["ai:wf"], ":0:1", 1000)
    assert deliver(publisher, "alive", plan=retry()) == WHOLE
    drain(publisher)
    assert marked(ably) == {"2000": ["text"]}
    session = ably.channels["ai:wf"].session
    assert session.text == "alive"
    assert session == ably.channels["ai:wf"].session_from_history


def test_retry_that_ends_without_output_marks_all_the_same(publisher: Publisher, ably: FakeAbly) -> None:
    write(ably.channels["ai:wf"], ":0:1", 1000)
    writer = Writer(publisher, retry(), silent=True)
    assert writer.finish().result(WAIT_S) == WHOLE
    drain(publisher)
    assert marked(ably) == {"2000": ["text"]}


def test_first_attempt_reads_and_marks_nothing(publisher: Publisher, ably: FakeAbly) -> None:
    assert deliver(publisher, "hello") == WHOLE
    drain(publisher)
    assert ably.history_reads == 0


def test_one_page_is_read_for_all_attempts_that_ask_meanwhile(publisher: Publisher, ably: FakeAbly) -> None:
    steps = [f":0:{number}" for number in range(4)]
    for step in steps:
        write(ably.channels["ai:wf"], step, 1000)
    ably.holding_history = True
    writers = [Writer(publisher, retry(step)) for step in steps]
    for writer in writers:
        writer.write("alive")
        writer.finish().result(WAIT_S)
    publisher.engine.call(ably.let_go)
    drain(publisher)
    ably.wait_for(lambda: len(marked(ably).get("2000", [])) == 4)
    assert ably.history_reads <= 2


def test_only_one_page_is_read_of_a_long_channel(
    publisher: Publisher, ably: FakeAbly, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marking, "_PAGE", 8)
    for step in (":0:1", ":0:2", ":0:3"):
        write(ably.channels["ai:wf"], step, 1000)
    for step in (":0:3", ":0:1"):
        assert deliver(publisher, "alive", plan=retry(step)) == WHOLE
        drain(publisher)
    assert marked(ably) == {"2000": ["text"]}


@pytest.mark.parametrize("error", [NO_HISTORY, HistoryError("unable to read; no", retryable=False)])
def test_history_that_cannot_be_read_is_silent_and_costs_nothing(
    publisher: Publisher, ably: FakeAbly, error: HistoryError, caplog: pytest.LogCaptureFixture
) -> None:
    write(ably.channels["ai:wf"], ":0:1", 1000)
    ably.history_script.append(error)
    assert deliver(publisher, "alive", plan=retry()) == WHOLE
    drain(publisher)
    assert marked(ably) == {}
    assert caplog.records == []


def test_attempt_after_one_whose_history_could_not_be_read_marks_again(publisher: Publisher, ably: FakeAbly) -> None:
    for step in (":0:1", ":0:2"):
        write(ably.channels["ai:wf"], step, 1000)
    ably.history_script.append(NO_HISTORY)
    for step in (":0:1", ":0:2"):
        deliver(publisher, "alive", plan=retry(step))
        drain(publisher)
    assert len(marked(ably)["2000"]) == 1


def test_mark_that_is_refused_is_given_up_silently_and_the_channel_goes_on(
    publisher: Publisher, ably: FakeAbly, caplog: pytest.LogCaptureFixture
) -> None:
    write(ably.channels["ai:wf"], ":0:1", 1000)
    ably.refuse_marks = NO_UPDATES
    assert deliver(publisher, "alive", plan=retry()) == WHOLE
    drain(publisher)
    assert len([each for each in ably.sent if each.startswith("mark")]) == 1
    assert deliver(publisher, "more", plan=replace(PLAN, step=":0:2")) == WHOLE
    assert caplog.records == []


def test_mark_whose_outcome_is_in_doubt_is_sent_again(publisher: Publisher, ably: FakeAbly) -> None:
    write(ably.channels["ai:wf"], ":0:1", 1000)
    writer = Writer(publisher, retry(), silent=True)
    ably.script.extend([Fate.ACKED, Fate.ACKED, Fate.ACKED, Fate.LOST])
    assert writer.finish().result(WAIT_S) == WHOLE
    drain(publisher)
    ably.wait_for(lambda: marked(ably) == {"2000": ["text"]})


def test_end_of_the_run_does_not_wait_for_marks(publisher: Publisher, ably: FakeAbly) -> None:
    write(ably.channels["ai:wf"], ":0:1", 1000)
    ably.holding_marks = True
    assert deliver(publisher, "alive", plan=retry()) == WHOLE
    ably.wait_for(lambda: ably.in_flight == 1)
    end = RunEnd(PLAN.channel, RunClosed(RUN, "complete"), "wf", "wf-run")
    publisher.post(lambda now: publisher.end_run(end, now))
    ably.wait_for(lambda: ably.sent[-1:] == ["run-end"])
    publisher.engine.call(ably.let_go)
    drain(publisher)
    assert marked(ably) == {"2000": ["text"]}


def test_connection_that_is_away_keeps_nobody_waiting_for_marks(publisher: Publisher, ably: FakeAbly) -> None:
    write(ably.channels["ai:wf"], ":0:1", 1000)
    ably.holding_marks = True
    assert deliver(publisher, "alive", plan=retry()) == WHOLE
    ably.wait_for(lambda: ably.in_flight == 1)
    ably.unreachable = UNREACHABLE
    publisher.engine.call(ably.break_connections)
    publisher.engine.call(ably.let_go)
    drain(publisher)
    assert ably.channels["ai:wf"].session.text == "alive"


def test_an_error_that_nobody_foresaw_does_not_end_marking(publisher: Publisher, ably: FakeAbly) -> None:
    write(ably.channels["ai:wf"], ":0:1", 1000)
    ably.history_script.append(cast("HistoryError", RuntimeError("no")))
    deliver(publisher, "alive", plan=retry())
    drain(publisher)
    deliver(publisher, "again", plan=replace(retry(), origin=replace(ORIGIN, attempt=3, started_us=3000)))
    drain(publisher)
    assert marked(ably).keys() == {"3000"}
