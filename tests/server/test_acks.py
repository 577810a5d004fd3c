from __future__ import annotations

from temporal_ably.server.acks import AckQueue, Ledger, Outcome, merge
from temporal_ably.server.wire import AblyError, Action, Wire


def ack(msg_serial: int, serial: str) -> Wire:
    return {"action": 1, "msgSerial": msg_serial, "count": 1, "res": [{"serials": [serial]}]}


def test_acknowledgements_leave_in_the_order_of_arrival() -> None:
    queue = AckQueue()
    first, second = Outcome(0, 0), Outcome(1, 0, serials=["b"])
    queue.add(first)
    queue.add(second)
    assert list(queue.release(0)) == []
    assert queue.next_due() is None
    first.serials = ["a"]
    assert list(queue.release(0)) == [ack(0, "a"), ack(1, "b")]


def test_an_acknowledgement_that_is_held_back_holds_back_those_behind_it() -> None:
    queue = AckQueue()
    queue.add(Outcome(0, 0, serials=["a"], not_before=500))
    queue.add(Outcome(1, 0, serials=["b"]))
    assert list(queue.release(499)) == []
    assert queue.next_due() == 500
    assert [frame["msgSerial"] for frame in queue.release(500)] == [0, 1]


def test_a_refused_frame_gets_a_nack_with_its_error() -> None:
    queue = AckQueue()
    error = AblyError(42911, 429, "unable")
    queue.add(Outcome(3, 0, error=error))
    assert list(queue.release(0)) == [
        {"action": int(Action.NACK), "msgSerial": 3, "count": 1, "error": error.to_wire()}
    ]


def test_consecutive_acks_merge() -> None:
    frame = ack(4, "a")
    assert merge(frame, ack(5, "b"))
    assert frame == {"action": 1, "msgSerial": 4, "count": 2, "res": [{"serials": ["a"]}, {"serials": ["b"]}]}


def test_acks_never_merge_across_a_jump_nor_with_other_frames() -> None:
    assert not merge(ack(4, "a"), ack(6, "b"))
    assert not merge(ack(4, "a"), ack(4, "a"))
    assert not merge(ack(4, "a"), {"action": 2, "msgSerial": 5, "count": 1, "error": {}})
    assert not merge({"action": 15}, ack(5, "b"))


def test_the_ledger_knows_a_frame_by_its_serial_and_content() -> None:
    ledger = Ledger()
    done = Outcome(1, 77, serials=["a"])
    ledger.remember(done)
    assert ledger.earlier(Outcome(1, 77)) is done
    assert ledger.earlier(Outcome(1, 78)) is None
    assert ledger.earlier(Outcome(2, 77)) is None


def test_a_refused_frame_may_be_tried_again() -> None:
    ledger = Ledger()
    ledger.remember(Outcome(1, 77, error=AblyError(42911, 429, "unable")))
    assert ledger.earlier(Outcome(1, 77)) is None


def test_the_ledger_is_bounded() -> None:
    ledger = Ledger()
    for number in range(10_001):
        ledger.remember(Outcome(number, 0, serials=[]))
    assert ledger.earlier(Outcome(0, 0)) is None
    assert ledger.earlier(Outcome(10_000, 0)) is not None
