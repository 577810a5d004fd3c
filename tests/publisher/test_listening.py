from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from temporal_ably._transport.base import Stored
from temporal_ably.errors import PublishError
from tests.publisher.fake import WAIT_S, FakeAbly
from tests.publisher.writer import WHOLE, Writer, deliver

if TYPE_CHECKING:
    from collections.abc import Callable

    from temporal_ably._publisher.publisher import Publisher

DEAF = PublishError("unable to listen to channel ai:wf; no; give it", code=40160, retryable=False, channel="ai:wf")
CANCEL = Stored("1", "ai-cancel", None, {})


class Listener:
    """Listens from the engine's loop; tests wait on it by condition."""

    def __init__(self, publisher: Publisher, channel: str = "ai:wf") -> None:
        self.heard: list[Stored] = []
        self.gaps = 0
        self._publisher = publisher
        self._changed = threading.Condition()
        self._stop: Callable[[], None] = publisher.engine.submit(self._listen(channel)).result(WAIT_S)

    async def _listen(self, channel: str) -> Callable[[], None]:
        return self._publisher.listening.listen(channel, self._hear, self._note_gap)

    def _hear(self, message: Stored) -> None:
        with self._changed:
            self.heard.append(message)
            self._changed.notify_all()

    def _note_gap(self) -> None:
        with self._changed:
            self.gaps += 1
            self._changed.notify_all()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, WAIT_S)

    def stop(self) -> None:
        self._publisher.engine.call(self._stop)
        run_what_waits(self._publisher)


async def _nothing() -> None: ...


def run_what_waits(publisher: Publisher) -> None:
    publisher.engine.submit(_nothing()).result(WAIT_S)


def say(publisher: Publisher, ably: FakeAbly, message: Stored = CANCEL, channel: str = "ai:wf") -> None:
    """Deliver a message on the newest connection."""
    publisher.engine.call(partial(ably.connections[-1].listeners[channel][0], message))


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("temporal_ably._publisher.listening._GAP_PAUSE_S", 0.001)
    monkeypatch.setattr("temporal_ably._publisher.lane._MOMENT_S", 0.0)


def test_listener_is_told_to_read_the_history_and_then_gets_what_comes(publisher: Publisher, ably: FakeAbly) -> None:
    listener = Listener(publisher)
    listener.wait_for(lambda: listener.gaps == 1)
    say(publisher, ably)
    listener.wait_for(lambda: listener.heard == [CANCEL])
    listener.stop()


def test_lane_stays_connected_though_nothing_is_sent(publisher: Publisher, ably: FakeAbly) -> None:
    publisher._timeouts = publisher._lanes._timeouts = replace(publisher._timeouts, idle_s=0.001)
    listener = Listener(publisher)
    listener.wait_for(lambda: listener.gaps == 1)
    assert deliver(publisher, "a") == WHOLE
    ably.wait_for(lambda: ably.sent[-1:] == ["step-end"])
    assert len(ably.connections) == 1
    listener.stop()
    ably.wait_for(lambda: ably.connections[0].closed)
    assert ably.released == ["ai:wf"]


def test_each_new_connection_subscribes_and_has_the_history_read(publisher: Publisher, ably: FakeAbly) -> None:
    listener = Listener(publisher)
    for number in range(1, 4):
        listener.wait_for(lambda number=number: listener.gaps == number)
        say(publisher, ably)
        listener.wait_for(lambda number=number: len(listener.heard) == number)
        publisher.engine.call(ably.break_connections)
    listener.stop()
    assert ably.subscriptions == ["ai:wf"] * len(ably.subscriptions)


def test_gap_has_the_history_read_again_but_not_at_each_of_many(
    publisher: Publisher, ably: FakeAbly, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("temporal_ably._publisher.listening._GAP_PAUSE_S", 1e6)
    listener = Listener(publisher)
    listener.wait_for(lambda: listener.gaps == 1)
    for _ in range(100):
        publisher.engine.call(ably.connections[0].listeners["ai:wf"][1])
    run_what_waits(publisher)
    assert listener.gaps == 1
    for _ in range(2):
        publisher.engine.call(publisher.listening._ears["ai:wf"]._end_pause)
    run_what_waits(publisher)
    assert listener.gaps == 2
    listener.stop()


def test_listeners_of_one_channel_share_a_subscription(publisher: Publisher, ably: FakeAbly) -> None:
    first = Listener(publisher)
    first.wait_for(lambda: first.gaps == 1)
    second = Listener(publisher)
    second.wait_for(lambda: second.gaps == 1)
    first.stop()
    say(publisher, ably)
    second.wait_for(lambda: second.heard == [CANCEL])
    assert first.heard == []
    second.stop()
    assert ably.subscriptions == ["ai:wf"]
    assert ably.connections[0].listeners == {}
    assert ably.released == ["ai:wf"]


def test_who_stops_twice_takes_nothing_from_others(publisher: Publisher, ably: FakeAbly) -> None:
    first, second = Listener(publisher), Listener(publisher)
    first.stop()
    first.stop()
    second.wait_for(lambda: second.gaps == 1)
    say(publisher, ably)
    second.wait_for(lambda: second.heard == [CANCEL])
    second.stop()
    second.stop()


def test_channel_that_is_streamed_to_stays_when_nobody_listens_any_more(publisher: Publisher, ably: FakeAbly) -> None:
    listener = Listener(publisher)
    listener.wait_for(lambda: listener.gaps == 1)
    writer = Writer(publisher)
    writer.write("a")
    ably.wait_for(lambda: len(ably.sent) >= 3)
    listener.stop()
    assert ably.released == []
    assert writer.finish().result(WAIT_S) == WHOLE
    ably.wait_for(lambda: ably.released == ["ai:wf"])


def test_who_comes_while_a_subscription_is_being_given_up_takes_it_over(publisher: Publisher, ably: FakeAbly) -> None:
    ably.holding_subscriptions = True
    first = Listener(publisher)
    ably.wait_for(lambda: ably.in_flight == 1)
    first.stop()
    second = Listener(publisher)
    publisher.engine.call(ably.let_go)
    second.wait_for(lambda: second.gaps == 1)
    assert first.gaps == 0
    assert ably.subscriptions == ["ai:wf"]
    second.stop()


def test_subscription_that_nobody_wants_any_more_is_given_up_once_it_is_there(
    publisher: Publisher, ably: FakeAbly
) -> None:
    ably.holding_subscriptions = True
    listener = Listener(publisher)
    ably.wait_for(lambda: ably.in_flight == 1)
    listener.stop()
    publisher.engine.call(ably.let_go)
    ably.wait_for(lambda: ably.released == ["ai:wf"])
    assert ably.connections[0].listeners == {}
    assert listener.gaps == 0


def test_connection_that_breaks_while_it_subscribes_is_followed_by_the_next(
    publisher: Publisher, ably: FakeAbly
) -> None:
    ably.holding_subscriptions = True
    listener = Listener(publisher)
    ably.wait_for(lambda: ably.in_flight == 1)
    publisher.engine.call(ably.break_connections)
    publisher.engine.call(ably.let_go)
    listener.wait_for(lambda: listener.gaps == 1)
    say(publisher, ably)
    listener.wait_for(lambda: listener.heard == [CANCEL])
    assert len(ably.connections) == 2
    listener.stop()


def test_refused_subscription_is_one_warning_and_publishing_goes_on(
    publisher: Publisher, ably: FakeAbly, caplog: pytest.LogCaptureFixture
) -> None:
    ably.refuse_listening = DEAF
    listeners = [Listener(publisher), Listener(publisher, "ai:other")]
    for listener in listeners:
        listener.wait_for(lambda listener=listener: listener.gaps == 1)
    assert deliver(publisher, "a") == WHOLE
    assert ably.subscriptions == ["ai:wf", "ai:other"]
    publisher.engine.call(ably.break_connections)
    for listener in listeners:
        listener.wait_for(lambda listener=listener: listener.gaps == 2)
    assert ably.subscriptions == ["ai:wf", "ai:other"] * 2
    assert [(record.levelname, "give it" in record.message) for record in caplog.records] == [("WARNING", True)]
    for listener in listeners:
        listener.stop()


def test_listener_that_raises_is_told_of_and_does_no_harm(
    publisher: Publisher, ably: FakeAbly, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Listener):
        def _hear(self, message: Stored) -> None:
            raise ZeroDivisionError(message)

    broken, listener = Broken(publisher), Listener(publisher)
    listener.wait_for(lambda: listener.gaps == 1)
    say(publisher, ably)
    listener.wait_for(lambda: listener.heard == [CANCEL])
    assert "ZeroDivisionError" in caplog.text
    broken.stop()
    listener.stop()


def test_publisher_that_has_closed_listens_to_nothing(publisher: Publisher, ably: FakeAbly) -> None:
    listener = Listener(publisher)
    listener.wait_for(lambda: listener.gaps == 1)
    publisher.engine.submit(publisher.close()).result(WAIT_S)
    assert ably.connections[0].closed
    assert ably.connections[0].listeners == {}
    listener.stop()


def test_what_listens_keeps_its_connection_when_others_have_drained(publisher: Publisher, ably: FakeAbly) -> None:
    listener = Listener(publisher)
    listener.wait_for(lambda: listener.gaps == 1)
    publisher.engine.submit(publisher.drain(WAIT_S)).result(WAIT_S)
    publisher.engine.submit(publisher.close_if_idle()).result(WAIT_S)
    say(publisher, ably)
    listener.wait_for(lambda: listener.heard == [CANCEL])
    listener.stop()
