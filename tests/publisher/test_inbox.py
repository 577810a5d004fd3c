from __future__ import annotations

import threading

import pytest

from temporal_ably._publisher.inbox import Inbox


class Wakes:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def test_batch_of_commands_wakes_once_and_runs_in_order() -> None:
    wakes, ran = Wakes(), list[tuple[str, float]]()
    inbox = Inbox(wakes, 10)
    for name in "abc":
        inbox.post(lambda now, name=name: ran.append((name, now)))
    assert wakes.count == 1
    inbox.run(5.0)
    assert ran == [("a", 5.0), ("b", 5.0), ("c", 5.0)]
    inbox.run(6.0)
    assert len(ran) == 3


def test_command_after_a_run_wakes_again() -> None:
    wakes = Wakes()
    inbox = Inbox(wakes, 10)
    inbox.post(lambda now: None)
    inbox.run(0.0)
    inbox.post(lambda now: None)
    assert wakes.count == 2


def test_end_of_an_attempt_wakes_even_where_a_wake_was_lost() -> None:
    wakes = Wakes()
    inbox = Inbox(wakes, 10)
    inbox.post(lambda now: None)
    inbox.post_surely(lambda now: None)
    assert wakes.count == 2


def test_command_posted_by_a_command_runs_in_the_same_run() -> None:
    inbox, ran = Inbox(Wakes(), 10), list[float]()
    inbox.post(lambda now: inbox.post(ran.append))
    inbox.run(1.0)
    assert ran == [1.0]


def test_command_that_fails_is_told_and_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    inbox, ran = Inbox(Wakes(), 10), list[float]()
    inbox.post(lambda now: ran.append(1 / 0))
    inbox.post(ran.append)
    inbox.run(2.0)
    assert ran == [2.0]
    assert "unable to take in what an activity streams" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_text_is_counted_in_until_there_is_no_room() -> None:
    inbox = Inbox(Wakes(), 10)
    assert inbox.reserve(6)
    assert not inbox.reserve(5)
    assert inbox.reserve(4)
    inbox.release(4)
    assert not inbox.reserve(5)
    assert inbox.reserve(4)


def test_room_is_never_given_twice_to_several_threads() -> None:
    inbox, given = Inbox(Wakes(), 1000), list[bool]()

    def reserve() -> None:
        given.extend([inbox.reserve(1) for _ in range(500)])

    threads = [threading.Thread(target=reserve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert given.count(True) == 1000


@pytest.mark.parametrize("posts", [1, 3])
def test_nothing_runs_before_the_engine_looks(posts: int) -> None:
    inbox, ran = Inbox(Wakes(), 10), list[float]()
    for _ in range(posts):
        inbox.post(ran.append)
    assert ran == []
