from __future__ import annotations

import pytest

from temporal_ably._publisher import courier
from temporal_ably._publisher.attempt import Attempt
from temporal_ably._publisher.courier import Courier
from temporal_ably._publisher.run_end import RunEnd
from temporal_ably._wire.events import RunClosed
from temporal_ably._wire.operations import Message, Publish
from temporal_ably.errors import ConnectionLostError, HistoryError, PublishError
from tests.publisher.fake import UNREACHABLE, FakeAbly
from tests.publisher.model import PLAN, RUN, TEXT, Fate

ONE = Publish((Message("one", None, {"headers": {"temporal-v": "1"}}, id="one"),))
LIMITED = PublishError("too fast", code=42911)
REFUSED = PublishError("not allowed", code=40160, retryable=False)


@pytest.fixture
def ably() -> FakeAbly:
    return FakeAbly()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "_AGAIN_S", (0.0, 0.0))


def new(ably: FakeAbly) -> Courier:
    return Courier(ably.connect, per_s=1e6)


async def test_connection_is_made_at_first_need_and_serves_all(ably: FakeAbly) -> None:
    sending = new(ably)
    assert ably.connections == []
    for _ in range(2):
        await sending.send("ai:wf", ONE)
    await sending.close()
    assert [connection.closed for connection in ably.connections] == [True]
    await sending.close()


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.LOST_BUT_APPLIED])
async def test_what_is_in_doubt_is_sent_again_on_a_new_connection(ably: FakeAbly, fate: Fate) -> None:
    ably.script.append(fate)
    assert await new(ably).send("ai:wf", ONE) == ("000001",)
    assert [connection.closed for connection in ably.connections] == [True, False]
    assert ably.channels["ai:wf"].names() == ["one"]


async def test_rate_limit_makes_it_slower_and_stops_it_not(ably: FakeAbly, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "_AGAIN_S", (0.0, 0.0, 0.0))
    ably.script.extend([LIMITED, LIMITED])
    await new(ably).send("ai:wf", ONE)
    assert ably.channels["ai:wf"].names() == ["one"]
    assert len(ably.connections) == 1


async def test_rate_limit_without_end_is_told(ably: FakeAbly) -> None:
    ably.script.extend([LIMITED] * 3)
    with pytest.raises(PublishError, match="too fast"):
        await new(ably).send("ai:wf", ONE)


async def test_refusal_is_told_at_once_and_the_next_goes_on(ably: FakeAbly) -> None:
    ably.script.append(REFUSED)
    sending = new(ably)
    with pytest.raises(PublishError, match="not allowed"):
        await sending.send("ai:wf", ONE)
    await sending.send("ai:wf", ONE)
    assert len(ably.connections) == 1


async def test_who_is_out_of_reach_is_not_tried_for_each_operation_anew(ably: FakeAbly) -> None:
    ably.unreachable = UNREACHABLE
    sending = new(ably)
    for _ in range(2):
        with pytest.raises(ConnectionLostError, match="nobody answers"):
            await sending.send("ai:wf", ONE)
    assert ably.open_attempts == 3


async def test_outbox_is_emptied_in_order(ably: FakeAbly) -> None:
    attempt = Attempt(PLAN)
    attempt.open_part(1, 0, TEXT, 0.0)
    attempt.text(1, "text", 0.0)
    attempt.finish("complete", 0.0)
    sending = new(ably)
    await sending.deliver(attempt)
    await sending.deliver(RunEnd(PLAN.channel, RunClosed(RUN, "complete"), "wf", "wf-run"))
    assert attempt.done
    (run,) = ably.channels[PLAN.channel].session.runs
    assert (run.text, run.ended) == ("text", "complete")


async def test_history_is_read_whole_without_a_connection(ably: FakeAbly) -> None:
    sending = new(ably)
    await sending.send("ai:wf", ONE)
    assert [each.name for each in await sending.history("ai:wf")] == ["one"]
    ably.history_script.append(HistoryError("unreadable"))
    with pytest.raises(HistoryError, match="unreadable"):
        await sending.history("ai:wf")
    assert ably.open_attempts == 1
