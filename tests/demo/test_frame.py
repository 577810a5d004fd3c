from __future__ import annotations

import pytest

from temporal_ably._session.model import Session
from temporal_ably.demo.frame import caption, compare, texts
from tests.demo.sessions import attempt, frame, session


@pytest.mark.parametrize(
    ("seen", "returned", "lost", "doubled"),
    [
        ({"a": "same"}, {"a": "same"}, 0, 0),
        ({"a": "sam"}, {"a": "same"}, 1, 0),
        ({"a": "samesame"}, {"a": "same"}, 0, 4),
        ({"a": "sXme"}, {"a": "same"}, 1, 1),
        ({}, {"a": "same"}, 4, 0),
        ({"a": "same", "b": "more"}, {"a": "same"}, 0, 4),
        ({"a": "one", "b": "two"}, {"a": "two", "b": "one"}, 4, 4),
    ],
)
def test_what_is_lost_and_what_is_doubled_is_counted_for_each_agent(
    seen: dict[str, str], returned: dict[str, str], lost: int, doubled: int
):
    verdict = compare(seen, returned)
    assert (verdict.lost, verdict.doubled) == (lost, doubled)
    assert verdict.equal == (seen == returned)
    assert ("NOT equal" in str(verdict)) != verdict.equal


def test_only_canonical_text_counts():
    shown = session(attempt("dead", ended="failed", dead_by=2), attempt("alive", number=2))
    assert texts(shown) == {"answer": "alive"}
    assert texts(Session()) == {}


@pytest.mark.parametrize(
    ("shown", "status"),
    [(Session(), "waiting"), (session(attempt("x")), "running"), (session(attempt("x"), ended="error"), "error")],
)
def test_status_of_the_newest_run(shown: Session, status: str):
    assert frame(shown).status == status


def test_caption_tells_of_failure_and_replacement():
    assert caption(Session()) == caption(session(attempt("x"))) == ""
    assert "attempt 1 failed" in caption(session(attempt("x", ended="failed")))
    replaced = session(attempt("dead", ended="failed", dead_by=2), attempt("x", number=2))
    assert caption(replaced) == "attempt 2 replaces 4 characters of attempt 1"
