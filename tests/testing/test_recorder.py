from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from temporal_ably._wire.operations import Message, Publish
from temporal_ably.errors import ChannelRuleError, ConnectionLostError, PublishError
from temporal_ably.testing import AblyRecorder, UnknownChannelError
from tests.testing.writing import Writer, connected, end_run

if TYPE_CHECKING:
    from temporal_ably.testing import Envelope, Session

CHANNEL = "ai:wf"
PLAIN = Publish((Message("plain", "text", {"headers": {"temporal-v": "1"}}),))
MOMENT = timedelta(milliseconds=20)


@pytest.fixture
def recorder() -> AblyRecorder:
    return AblyRecorder()


async def tell_twice(recorder: AblyRecorder, channel: str = CHANNEL) -> None:
    """Tell a story whose first attempt breaks off."""
    connection = await connected(recorder)
    first, second = Writer(connection, channel), Writer(connection, channel, 2)
    await first.begin()
    await first.say("Bye, ")
    await first.emit("data-progress", {"percent": 50})
    await first.end("failed")
    await second.begin()
    await second.say("Hello, ", "Ada!")
    await second.end()


def told(envelopes: list[Envelope]) -> list[tuple[int | None, str, object]]:
    """Attempt, kind and content of parts."""
    parts = [(each.attempt, each.part) for each in envelopes]
    return [(attempt, part.kind, part.text or part.data) for attempt, part in parts if part is not None]


# Reading.


async def test_session_is_the_canonical_text(recorder: AblyRecorder) -> None:
    await tell_twice(recorder)
    assert recorder.session(CHANNEL).text == "Hello, Ada!"
    (run,) = recorder.session(CHANNEL).runs
    assert [attempt.text for attempt in run.steps[0].attempts] == ["Bye, ", "Hello, Ada!"]


async def test_session_follows_what_is_published(recorder: AblyRecorder) -> None:
    await tell_twice(recorder)
    before = recorder.session(CHANNEL)
    third = Writer(await connected(recorder), CHANNEL, 3)
    await third.begin()
    await third.say("Hi.")
    assert before.text == "Hello, Ada!"
    assert recorder.session(CHANNEL).text == "Hi."


async def test_superseded_are_the_parts_of_dead_attempts_that_say_something(recorder: AblyRecorder) -> None:
    await tell_twice(recorder)
    assert told(recorder.superseded) == [(1, "text", "Bye, "), (1, "data-progress", {"percent": 50})]
    assert told(recorder.canonical) == [(2, "text", "Hello, Ada!")]
    assert {each.superseded for each in recorder.superseded} == {True}
    assert {each.superseded for each in recorder.canonical} == {False}


async def test_part_of_a_zombie_is_superseded_although_it_came_last(recorder: AblyRecorder) -> None:
    connection = await connected(recorder)
    zombie, successor = Writer(connection, CHANNEL), Writer(connection, CHANNEL, 2)
    await successor.begin()
    await successor.say("new")
    await zombie.begin()
    await zombie.say("dead")
    assert told(recorder.superseded) == [(1, "text", "dead")]
    assert told(recorder.canonical) == [(2, "text", "new")]


async def test_replaced_attempt_is_superseded_by_one_that_says_nothing(recorder: AblyRecorder) -> None:
    connection = await connected(recorder)
    first = Writer(connection, CHANNEL)
    await first.begin()
    await first.say("Bye")
    await Writer(connection, CHANNEL, 2).begin()
    assert told(recorder.superseded) == [(1, "text", "Bye")]
    assert recorder.canonical == []


async def test_envelopes_are_the_messages_as_they_are_now(recorder: AblyRecorder) -> None:
    await tell_twice(recorder)
    events = [each.event for each in recorder.envelopes]
    attempt = ["step-start", "part", "part", "part"]
    assert events == [*attempt, "part", "step-end", *attempt, "step-end"]
    assert [each.serial for each in recorder.envelopes] == sorted({each.serial for each in recorder.operations})
    assert recorder.envelopes_of(CHANNEL) == recorder.envelopes
    assert [each.superseded for each in recorder.envelopes] == [True] * 6 + [False] * 5


async def test_operations_are_what_was_sent_in_order(recorder: AblyRecorder) -> None:
    await Writer(await connected(recorder), CHANNEL).say("Hel", "lo")
    assert [(each.action, each.part and each.part.text) for each in recorder.operations] == [
        ("create", ""),
        ("append", "Hel"),
        ("append", "lo"),
    ]
    assert [each.version for each in recorder.operations] == sorted({each.version for each in recorder.operations})


async def test_operations_are_judged_as_the_envelopes_are(recorder: AblyRecorder) -> None:
    await tell_twice(recorder)
    judgement = {each.serial: each.superseded for each in recorder.envelopes}
    assert [each.superseded for each in recorder.operations] == [judgement[each.serial] for each in recorder.operations]
    assert {each.superseded for each in recorder.operations} == {True, False}


async def test_text_of_what_says_something_else_is_empty(recorder: AblyRecorder) -> None:
    await tell_twice(recorder)
    said: list[str] = [each.text for each in recorder.canonical]
    assert said == ["Hello, Ada!"]
    assert [each.text for each in recorder.superseded] == ["Bye, ", ""]


async def test_channels_are_apart_and_envelopes_of_all_stand_in_order(recorder: AblyRecorder) -> None:
    connection = await connected(recorder)
    for channel in ("ai:b", "ai:a"):
        writer = Writer(connection, channel)
        await writer.begin()
        await writer.say(channel)
    assert recorder.channels == ["ai:b", "ai:a"]
    assert [recorder.session(channel).text for channel in recorder.channels] == ["ai:b", "ai:a"]
    assert [each.channel for each in recorder.canonical] == ["ai:b", "ai:a"]
    assert [each.channel for each in recorder.operations] == ["ai:b"] * 5 + ["ai:a"] * 5


async def test_unknown_channel_is_an_error_that_names_the_known_ones(recorder: AblyRecorder) -> None:
    with pytest.raises(UnknownChannelError, match="there is no channel yet"):
        recorder.session(CHANNEL)
    await Writer(await connected(recorder), CHANNEL).begin()
    for read in (recorder.session, recorder.transcript, recorder.envelopes_of):
        with pytest.raises(LookupError, match=r"unable to find channel ai:typo; .* there is ai:wf$"):
            read("ai:typo")


async def test_transcript_and_text_of_the_recorder_show_the_session(recorder: AblyRecorder) -> None:
    assert str(recorder) == "nothing was published"
    await tell_twice(recorder)
    await end_run(await connected(recorder), CHANNEL)
    assert recorder.transcript(CHANNEL) == [
        "run run complete",
        "  step :0:1 answer",
        "    attempt 1 failed, superseded by attempt 2",
        '      text "Bye, " (streaming)',
        '      data-progress {"percent":50}',
        "    attempt 2 complete",
        '      text "Hello, Ada!" (streaming)',
    ]
    assert str(recorder).splitlines() == [CHANNEL, *(f"  {line}" for line in recorder.transcript(CHANNEL))]
    assert str(recorder) in repr(recorder)


async def test_message_of_another_kind_is_shown_without_a_word(recorder: AblyRecorder) -> None:
    await (await connected(recorder)).send(CHANNEL, PLAIN)
    assert recorder.session(CHANNEL).runs == ()
    assert recorder.canonical == []


async def test_other_threads_may_read(recorder: AblyRecorder) -> None:
    await tell_twice(recorder)
    assert await asyncio.to_thread(lambda: recorder.session(CHANNEL).text) == "Hello, Ada!"


async def test_cleared_recorder_begins_anew(recorder: AblyRecorder) -> None:
    await tell_twice(recorder)
    recorder.clear()
    assert (recorder.channels, recorder.envelopes, recorder.operations) == ([], [], [])
    await tell_twice(recorder)
    assert recorder.session(CHANNEL).text == "Hello, Ada!"


# Waiting.


async def test_wait_is_over_at_once_where_the_condition_holds(recorder: AblyRecorder) -> None:
    await tell_twice(recorder)
    session = await recorder.wait_for(lambda session: session.text.endswith("Ada!"), channel=CHANNEL, timeout=MOMENT)
    assert session == recorder.session(CHANNEL)


async def test_wait_ends_with_the_operation_that_fulfils_the_condition(recorder: AblyRecorder) -> None:
    asked = asyncio.Event()

    def complete(session: Session) -> bool:
        asked.set()
        return session.text == "Hello, Ada!"

    waiting = asyncio.create_task(recorder.wait_for(complete, channel=CHANNEL))
    await asked.wait()
    # As the engine does: on another thread and loop.
    await asyncio.to_thread(lambda: asyncio.run(tell_twice(recorder)))
    assert (await waiting).text == "Hello, Ada!"


async def test_wait_in_vain_shows_what_there_is(recorder: AblyRecorder) -> None:
    await tell_twice(recorder)
    with pytest.raises(TimeoutError) as caught:
        await recorder.wait_for(lambda _: False, channel="ai:other", timeout=MOMENT)
    assert "on ai:other within 0:00:00.020000" in str(caught.value)
    assert str(recorder) in str(caught.value)


async def test_error_of_a_condition_comes_out_and_nobody_waits_on(recorder: AblyRecorder) -> None:
    with pytest.raises(IndexError):
        await recorder.wait_for(lambda session: bool(session.runs[0]), channel=CHANNEL)
    assert recorder._memory._listeners == []


async def test_wait_ended_returns_when_the_newest_run_has_ended(recorder: AblyRecorder) -> None:
    connection = await connected(recorder)
    await tell_twice(recorder)
    with pytest.raises(TimeoutError):
        await recorder.wait_ended(CHANNEL, timeout=MOMENT)
    waiting = asyncio.create_task(recorder.wait_ended(CHANNEL))
    await end_run(connection, CHANNEL, "cancelled")
    assert (await waiting).runs[-1].ended == "cancelled"


def test_wait_works_from_any_event_loop(recorder: AblyRecorder) -> None:
    writer = threading.Thread(target=lambda: asyncio.run(tell_twice(recorder)))
    writer.start()
    session = asyncio.run(recorder.wait_for(lambda session: session.text == "Hello, Ada!", channel=CHANNEL))
    writer.join()
    assert session.text == "Hello, Ada!"


# Faults.


async def test_failed_publish_is_refused_once_with_the_code_that_was_asked_for(recorder: AblyRecorder) -> None:
    connection = await connected(recorder)
    recorder.fail_publish(2)
    recorder.fail_publish(3, code=93002)
    await connection.send(CHANNEL, PLAIN)
    with pytest.raises(PublishError) as caught:
        await connection.send(CHANNEL, PLAIN)
    assert (caught.value.code, caught.value.retryable) == (40000, True)
    with pytest.raises(ChannelRuleError):
        await connection.send(CHANNEL, PLAIN)
    await connection.send(CHANNEL, PLAIN)
    assert len(recorder.operations) == 2


async def test_fault_of_a_channel_leaves_the_others_alone(recorder: AblyRecorder) -> None:
    connection = await connected(recorder)
    recorder.fail_publish(channel=CHANNEL)
    await connection.send("ai:other", PLAIN)
    with pytest.raises(PublishError):
        await connection.send(CHANNEL, PLAIN)


@pytest.mark.parametrize("applied", [True, False])
async def test_lost_publish_breaks_the_connection_whether_applied_or_not(
    recorder: AblyRecorder, *, applied: bool
) -> None:
    connection = await connected(recorder)
    recorder.lose_publish(applied=applied)
    with pytest.raises(ConnectionLostError):
        await connection.send(CHANNEL, PLAIN)
    assert connection.lost.done()
    assert len(recorder.operations) == int(applied)


async def test_away_the_recorder_takes_nothing_and_back_it_does(recorder: AblyRecorder) -> None:
    connection = await connected(recorder)
    with recorder.away():
        await connection.lost
        with pytest.raises(ConnectionLostError):
            await connected(recorder)
    async with recorder.away():
        with pytest.raises(ConnectionLostError):
            await connected(recorder)
    await (await connected(recorder)).send(CHANNEL, PLAIN)
    assert recorder.channels == [CHANNEL]


# Closing.


async def test_closed_recorder_lets_go_of_interceptors_once_and_can_still_be_read() -> None:
    closed: list[str] = []
    async with AblyRecorder() as recorder:
        recorder.on_close(lambda: closed.append("a"))
        recorder.on_close(lambda: closed.append("b"))
        await tell_twice(recorder)
    recorder.close()
    assert sorted(closed) == ["a", "b"]
    assert recorder.session(CHANNEL).text == "Hello, Ada!"


def test_recorder_is_a_plain_context_manager_too() -> None:
    closed: list[str] = []
    with AblyRecorder() as recorder:
        recorder.on_close(lambda: closed.append("a"))
    assert closed == ["a"]
