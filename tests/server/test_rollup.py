from __future__ import annotations

from typing import TYPE_CHECKING

from temporal_ably.server.rollup import Held, Rollup

if TYPE_CHECKING:
    from temporal_ably.server.wire import Wire


class Recorder:
    def __init__(self, window_ms: int) -> None:
        self.out: list[tuple[int, object, list[str]]] = []
        self.messages: list[Wire] = []
        self.rollup = Rollup[str](window_ms, self._publish)

    def _publish(self, held: Held[str], now: int) -> None:
        self.out.append((now, held.message.get("data"), held.tickets))
        self.messages.append(held.message)

    def append(self, data: str | bytes, now: int, serial: str = "s", **fields: object) -> None:
        self.rollup.append("ch", {"serial": serial, "data": data, **fields}, f"{data!r}", now)


def test_without_a_window_every_append_passes_at_once() -> None:
    recorder = Recorder(0)
    recorder.append("a", 0)
    recorder.append("b", 0)
    assert [data for _, data, _ in recorder.out] == ["a", "b"]
    assert recorder.rollup.next_due() is None


def test_the_first_append_passes_and_the_rest_of_the_window_leaves_as_one() -> None:
    recorder = Recorder(40)
    for now, data in enumerate("abcd"):
        recorder.append(data, now)
    assert recorder.out == [(0, "a", ["'a'"])]
    assert recorder.rollup.next_due() == 40
    recorder.rollup.tick(39)
    recorder.rollup.tick(40)
    assert recorder.out[1:] == [(40, "bcd", ["'b'", "'c'", "'d'"])]


def test_a_window_that_held_something_is_followed_by_another() -> None:
    recorder = Recorder(40)
    recorder.append("a", 0)
    recorder.append("b", 10)
    recorder.rollup.tick(40)
    recorder.append("c", 50)
    assert [data for _, data, _ in recorder.out] == ["a", "b"]
    recorder.rollup.tick(80)
    assert [data for _, data, _ in recorder.out] == ["a", "b", "c"]


def test_after_a_quiet_window_an_append_passes_at_once() -> None:
    recorder = Recorder(40)
    recorder.append("a", 0)
    recorder.append("b", 40)
    assert [now for now, _, _ in recorder.out] == [0, 40]


def test_only_the_last_name_and_extras_survive() -> None:
    recorder = Recorder(40)
    recorder.append("a", 0)
    recorder.append("b", 1, extras={"status": "complete"})
    recorder.append("c", 2)
    recorder.rollup.flush(3)
    assert recorder.messages[1] == {"serial": "s", "data": "bc"}


def test_messages_are_rolled_up_apart() -> None:
    recorder = Recorder(40)
    recorder.append("a", 0, serial="s")
    recorder.append("b", 0, serial="t")
    assert [data for _, data, _ in recorder.out] == ["a", "b"]


def test_bytes_join_bytes() -> None:
    recorder = Recorder(40)
    recorder.append(b"", 0)
    recorder.append(b"a", 1)
    recorder.append(b"b", 2)
    recorder.rollup.flush(3)
    assert recorder.out[1][1] == b"ab"


def test_data_of_another_kind_pushes_out_what_is_held() -> None:
    recorder = Recorder(40)
    recorder.append("a", 0)
    recorder.append("b", 1)
    recorder.append(b"c", 2)
    assert [data for _, data, _ in recorder.out] == ["a", "b"]
    recorder.append(b"d", 3, encoding="utf-8")
    assert [data for _, data, _ in recorder.out] == ["a", "b", b"c"]


def test_flush_publishes_one_channel_only() -> None:
    recorder = Recorder(40)
    for channel in ("one", "two"):
        for data in "ab":
            recorder.rollup.append(channel, {"serial": "s", "data": channel + data}, "", 0)
    recorder.rollup.flush(1, "one")
    assert [data for _, data, _ in recorder.out] == ["onea", "twoa", "oneb"]
    recorder.rollup.flush(1)
    assert recorder.out[-1][1] == "twob"
    assert recorder.rollup.next_due() is None
