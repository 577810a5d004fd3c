from __future__ import annotations

import threading

import pytest

from temporal_ably._wire.operations import Append, Message, Publish
from temporal_ably.errors import ConnectionLostError, PublishError
from temporal_ably.testing.faults import Fate, Fault
from temporal_ably.testing.memory import Memory

TEXT = Publish((Message("ai-output", "text", {}),))


def test_channels_stand_in_the_order_of_their_first_publish() -> None:
    memory = Memory()
    for name in ("b", "a", "b"):
        memory.send(name, TEXT)
    assert memory.names == ["b", "a"]


def test_serials_grow_over_all_channels() -> None:
    memory = Memory()
    given = [memory.send(name, TEXT)[0] for name in ("b", "a", "b")]
    assert given == sorted(set(given))


def test_refused_or_lost_operation_makes_no_channel() -> None:
    memory = Memory()
    memory.order(Fault(Fate.REFUSED, 1, 40000))
    memory.order(Fault(Fate.LOST, 1))
    for error in (PublishError, ConnectionLostError):
        with pytest.raises(error):
            memory.send("a", TEXT)
    with pytest.raises(PublishError):
        memory.send("a", Append("unknown", TEXT.messages[0]))
    assert memory.names == []
    assert memory.messages("a") == memory.log("a") == memory.history("a") == []


def test_listener_hears_of_what_was_applied_also_where_the_outcome_is_lost() -> None:
    memory = Memory()
    heard: list[int] = []

    def listen() -> None:
        heard.append(len(memory.log("a")))

    memory.listen(listen)
    memory.send("a", TEXT)
    memory.order(Fault(Fate.APPLIED, 1))
    with pytest.raises(ConnectionLostError):
        memory.send("a", TEXT)
    memory.unlisten(listen)
    memory.send("a", TEXT)
    assert heard == [1, 2]


def test_log_can_be_read_from_where_one_stopped() -> None:
    memory = Memory()
    memory.send("a", TEXT)
    memory.send("a", TEXT)
    assert memory.log("a", 1) == memory.log("a")[1:]


def test_who_left_twice_is_back_after_coming_back_twice() -> None:
    memory = Memory()
    memory.leave()
    memory.leave()
    memory.come_back()
    with pytest.raises(ConnectionLostError):
        memory.send("a", TEXT)
    memory.come_back()
    memory.send("a", TEXT)


def test_cleared_memory_keeps_nothing_and_reuses_no_serial() -> None:
    memory = Memory()
    (before,) = memory.send("a", TEXT)
    memory.order(Fault(Fate.LOST, 1))
    memory.clear()
    assert memory.names == []
    assert memory.send("a", TEXT) > (before,)


def test_many_threads_may_write_and_read_at_once() -> None:
    memory = Memory()

    def write(name: str) -> None:
        for _ in range(200):
            memory.send(name, TEXT)
            memory.messages(name)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    serials = [each["serial"] for name in "ab" for each in memory.messages(name)]
    assert len(serials) == len(set(serials)) == 800
