from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_ably._session.fold import Fold
from temporal_ably._wire.events import Run, StepReason
from tests.session.recording import Recording

if TYPE_CHECKING:
    from temporal_ably._session.model import Delivery, Session


def _fold(deliveries: list[Delivery]) -> Session:
    fold = Fold()
    for delivery in deliveries:
        fold.apply(delivery)
    return fold.session


def _picture(session: Session) -> list[str]:
    """Draw a session as indented lines."""
    lines: list[str] = []
    for run in session.runs:
        lines.append(f"{run.id} {run.ended or 'open'}")
        for step in run.steps:
            for attempt in step.attempts:
                dead = f" dead by {attempt.superseded_by}" if attempt.superseded_by else ""
                lines.append(f"  {step.id} attempt {attempt.number} {attempt.ended or 'open'}{dead}")
                lines += [f"    {message.id}: {message.text}" for message in attempt.messages]
    return lines


def test_a_plain_stream():
    channel = Recording()
    channel.open_run()
    attempt = channel.attempt(":0:1")
    attempt.start("m")
    attempt.text().append("Hello", " world").close()
    attempt.end()
    channel.close_run()
    assert _picture(_fold(channel.live)) == [
        "run-1 complete",
        "  :0:1 attempt 1 complete",
        "    m: Hello world",
    ]
    assert _fold(list(channel.history.values())) == _fold(channel.live)


def test_an_attempt_is_attributed_from_tags_of_which_some_stand_on_its_first_message_only():
    channel = Recording()
    channel.attempt(":0:1").text().append("x")
    attempt = _fold(channel.live).runs[0].steps[0].canonical
    assert (attempt.agent, attempt.activity_type, attempt.workflow_id) == ("writer", "answer", "wf-1")
    late = _fold(channel.live[1:]).runs[0].steps[0].canonical
    assert (late.agent, late.activity_type, late.workflow_id) == ("", "", "wf-1")


@pytest.mark.parametrize("reason", ["failed", "cancelled", None])
def test_a_retry_replaces_the_output_of_the_attempt_before(reason: StepReason | None):
    channel = Recording()
    first = channel.attempt(":0:1")
    first.text().append("wrong").close("cancelled")
    if reason:
        first.end(reason)
    assert _picture(_fold(channel.live)) == ["run-1 open", f"  :0:1 attempt 1 {reason or 'open'}", "    m: wrong"]
    channel.attempt(":0:1", number=2, started_us=2000).text().append("right")
    assert _picture(_fold(channel.live)) == [
        "run-1 open",
        f"  :0:1 attempt 1 {reason or 'open'} dead by 2",
        "    m: wrong",
        "  :0:1 attempt 2 open",
        "    m: right",
    ]


def test_a_zombie_that_opens_after_the_retry_stays_dead():
    channel = Recording()
    channel.attempt(":0:1", number=2, started_us=2000).text().append("right")
    channel.attempt(":0:1", number=1, started_us=1000).text().append("zombie")
    step = _fold(channel.live).runs[0].steps[0]
    assert [attempt.text for attempt in step.dead] == ["zombie"]
    assert step.canonical.text == "right"


def test_an_attempt_number_that_comes_twice_is_two_attempts():
    channel = Recording()
    channel.attempt(":0:1", number=1, started_us=1000).text().append("before the reset")
    channel.attempt(":0:1", number=1, started_us=2000).text().append("after it")
    step = _fold(channel.live).runs[0].steps[0]
    assert [attempt.text for attempt in step.attempts] == ["before the reset", "after it"]


def test_steps_keep_the_place_where_they_first_appeared():
    channel = Recording()
    channel.attempt("/0.1:0:1")
    channel.attempt("/0.2:0:1")
    channel.attempt("/0.1:0:1", number=2, started_us=2000)
    assert [step.id for step in _fold(channel.live).runs[0].steps] == ["/0.1:0:1", "/0.2:0:1"]


def test_runs_stand_in_the_order_in_which_they_began():
    channel = Recording()
    channel.open_run(Run("z", ""))
    channel.open_run(Run("a", ""))
    channel.close_run(Run("z", ""))
    assert [(run.id, run.ended) for run in _fold(channel.live).runs] == [("z", "complete"), ("a", "")]


def test_parallel_parts_and_messages_of_one_attempt_keep_apart():
    channel = Recording()
    attempt = channel.attempt(":0:1")
    one, two = attempt.text("m1", "t0"), attempt.text("m1", "t1")
    other = attempt.text("m2", "t0")
    two.append("B")
    other.append("C")
    one.append("A").close("cancelled")
    messages = _fold(channel.live).runs[0].steps[0].canonical.messages
    assert [[(part.text, part.status) for part in message.parts] for message in messages] == [
        [("A", "cancelled"), ("B", "streaming")],
        [("C", "streaming")],
    ]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"name": "chat"}, id="another application's"),
        pytest.param({"name": "ai-step-end"}, id="a header is missing"),
        pytest.param({"extras": None}, id="no extras"),
        pytest.param({"extras": {"ai": "text", "headers": ["list"]}}, id="extras of another shape"),
    ],
)
def test_a_message_that_means_nothing_here_is_passed_over(changes: dict[str, object]):
    channel = Recording()
    channel.attempt(":0:1").text().append("x")
    stray = replace(channel.live[0], serial="9", version="9", **changes)  # pyright: ignore[reportArgumentType] # a table
    assert not Fold().apply(stray)
    assert _fold([*channel.live, stray]) == _fold(channel.live)


def test_a_foreign_attempt_without_tags_is_ordered_by_its_opening():
    channel = Recording()
    channel.attempt(":0:1", number=1).text().append("old")
    channel.attempt(":0:1", number=2).text().append("new")
    bare = [replace(each, extras={"ai": cast("dict[str, object]", each.extras)["ai"]}) for each in channel.live]
    assert _fold(bare).runs[0].steps[0].canonical.text == "new"


def test_a_deleted_message_takes_its_text_along():
    channel = Recording()
    text = channel.attempt(":0:1").text().append("secret")
    fold = Fold()
    for delivery in channel.live:
        fold.apply(delivery)
    channel.update(text.serial, "", action="delete")
    assert fold.apply(channel.live[-1])
    assert _picture(fold.session) == ["run-1 open", "  :0:1 attempt 1 open"]


_OPERATION = st.tuples(
    st.integers(0, 5), st.sampled_from(["open", "append", "update", "close", "end"]), st.text(max_size=3)
)


@st.composite
def _recordings(draw: st.DrawFn) -> Recording:
    """Draw what up to six attempts of two steps do, interleaved in any way, sensible or not."""
    channel = Recording()
    channel.open_run()
    attempts = [
        channel.attempt(f":0:{place % 2}", number=place, started_us=draw(st.integers(1, 3)))
        for place in range(draw(st.integers(1, 6)))
    ]
    texts = [attempt.text() for attempt in attempts]
    for place, operation, chunk in draw(st.lists(_OPERATION, max_size=12)):
        attempt, text = attempts[place % len(attempts)], texts[place % len(texts)]
        if operation == "open":
            texts[place % len(texts)] = attempt.text(part_id=chunk)
        elif operation == "append":
            text.append(chunk)
        elif operation == "update":
            channel.update(text.serial, chunk)
        elif operation == "close":
            text.close()
        else:
            attempt.end()
    return channel


@given(st.data())
def test_any_interleaving_and_repetition_of_deliveries_gives_the_same_session(data: st.DataObject):
    channel = data.draw(_recordings())
    # A delivery may come live, as the whole text up to it, or both; history repeats the newest ones.
    extra = data.draw(st.lists(st.sampled_from(channel.live), max_size=10))
    repeats = [channel.whole(each) if each.action == "append" else each for each in extra]
    deliveries = data.draw(st.permutations([*channel.live, *repeats, *channel.history.values()]))
    fold = Fold()
    for delivery in deliveries:
        fold.apply(delivery)
        _ = fold.session  # fills the cache that the next delivery has to clear
    assert fold.session == _fold(channel.live) == _fold(list(channel.history.values()))


@given(_recordings())
def test_a_session_read_after_each_delivery_equals_one_folded_afresh(channel: Recording):
    fold = Fold()
    for count, delivery in enumerate(channel.live, start=1):
        fold.apply(delivery)
        assert fold.session == _fold(channel.live[:count])
