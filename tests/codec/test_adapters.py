from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from temporal_ably.codec import adapters
from temporal_ably.codec.adapters import adapter_factory, register_adapter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from temporal_ably.codec.table import Chunk


class Token:
    def __init__(self, text: str) -> None:
        self.text = text


class Loud(Token):
    pass


class Counter:
    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, token: Token) -> Iterable[str | Chunk]:
        self.seen += 1
        yield f"{self.seen}{token.text}"


@pytest.fixture(autouse=True)
def _no_adapters_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapters, "_factories", {})


def plain(token: Token) -> Iterable[str | Chunk]:
    yield token.text


def loud(token: Loud) -> Iterable[str | Chunk]:
    yield token.text.upper()


def adapt(chunk: object) -> list[str | Chunk]:
    factory = adapter_factory(chunk)
    assert factory is not None
    return list(factory()(chunk))


def test_class_that_nobody_registered_has_no_adapter() -> None:
    assert adapter_factory(Token("x")) is None


def test_registered_class_is_adapted() -> None:
    register_adapter(Token, lambda: plain)
    assert adapt(Token("hi")) == ["hi"]


def test_subclass_is_taken_for_its_base() -> None:
    register_adapter(Token, lambda: plain)
    assert adapt(Loud("hi")) == ["hi"]


def test_nearest_class_wins_in_any_order_of_registration() -> None:
    register_adapter(Loud, lambda: loud)
    register_adapter(Token, lambda: plain)
    assert adapt(Loud("hi")) == ["HI"]


def test_registering_a_class_again_replaces_its_adapter() -> None:
    register_adapter(Token, lambda: plain)
    register_adapter(Token, Counter)
    assert adapt(Token("hi")) == ["1hi"]


def test_each_stream_has_an_adapter_with_state_of_its_own() -> None:
    register_adapter(Token, Counter)
    factory = adapter_factory(Token("hi"))
    assert factory is not None
    first, second = factory(), factory()
    assert [list(first(Token("a"))), list(first(Token("b"))), list(second(Token("c")))] == [["1a"], ["2b"], ["1c"]]


def test_registrations_of_many_threads_are_all_kept() -> None:
    classes = [type(f"Token{n}", (Token,), {}) for n in range(200)]
    ready = threading.Barrier(4)

    def register(mine: list[type[Token]]) -> None:
        ready.wait()
        for each in mine:
            register_adapter(each, lambda: plain)

    threads = [threading.Thread(target=register, args=(classes[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    factories: list[Callable[[], object] | None] = [adapter_factory(each("x")) for each in classes]
    assert None not in factories
