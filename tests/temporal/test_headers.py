from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload

from temporal_ably import Invocation
from temporal_ably._temporal.headers import NAME, asked_by_first, extract, inject
from temporal_ably._wire.identity import Binding, Header, Reset, Sweep

texts = st.text(max_size=8)
counts = st.integers(min_value=0, max_value=2**53)
ODD_SWEEPS: tuple[list[object], ...] = ([7], [["", 1, list[int]()]])


@st.composite
def headers(draw: st.DrawFn) -> Header:
    session = draw(texts)
    bindings = st.builds(
        Binding,
        session=st.just(session),
        run=texts,
        owner_id=texts,
        owner_chain=st.none() | texts,
        node=texts,
        segment=counts,
        reset=st.none() | st.builds(Reset, texts, texts, texts),
        sweeps=st.lists(st.builds(Sweep, texts, counts, st.tuples(counts, counts)), max_size=3).map(tuple),
        input=texts,
        client_id=texts,
        turn=texts.filter(bool),
        update=texts,
        resumed=counts,
        heard=st.lists(texts, max_size=3).map(tuple),
    )
    bound, asked = draw(st.none() | bindings), (draw(texts), draw(texts))
    header = Header(session, bound, draw(st.none() | counts), draw(st.none() | texts))
    return header if bound is not None else replace(header, input=asked[0], client_id=asked[1])


def payload(value: object) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(value).encode())


@given(headers())
def test_what_is_injected_is_extracted(header: Header) -> None:
    assert extract(inject({}, header)) == header


def test_injecting_keeps_the_headers_of_others() -> None:
    others = {"tracer": payload("span")}
    injected = inject(others, Header("ai:wf"))
    assert injected["tracer"] == others["tracer"]
    assert set(injected) == {"tracer", NAME}
    assert set(others) == {"tracer"}


def test_header_is_small_json_by_the_default_converter() -> None:
    written = inject({}, Header("ai:wf", Binding("ai:wf", "run", "wf", "run"), ordinal=1))[NAME]
    assert written.metadata["encoding"] == b"json/plain"
    assert json.loads(written.data) == {
        "v": 1,
        "session": "ai:wf",
        "n": 1,
        "run": "run",
        "owner": "wf",
        "chain": "run",
        "node": "",
        "segment": 0,
    }


def test_header_of_a_client_says_session_and_input() -> None:
    written = inject({}, Header("ai:chat", input="e1", client_id="alice"))[NAME]
    assert json.loads(written.data) == {"v": 1, "session": "ai:chat", "input": "e1", "client": "alice"}


def test_absent_header_is_none() -> None:
    assert extract({"tracer": payload("span")}) is None


@pytest.mark.parametrize(
    "unreadable",
    [
        Payload(metadata={"encoding": b"binary/encrypted"}, data=b"?"),
        Payload(metadata={"encoding": b"json/plain"}, data=b"{"),
        Payload(),
        payload({"v": 1}),
        payload({"v": 1, "session": "ai:wf", "run": "run"}),
    ]
    + [
        payload(
            {
                "v": 1,
                "session": "ai:wf",
                "run": "r",
                "owner": "w",
                "chain": "r",
                "node": "",
                "segment": 0,
                "sweeps": sweeps,
            }
        )
        for sweeps in ODD_SWEEPS
    ]
    + [
        Payload(metadata={"encoding": b"binary/null"}),
        payload({"v": 1, "session": 7}),
    ],
    ids=[
        "encrypted",
        "no JSON",
        "empty",
        "no session",
        "half a binding",
        "odd sweeps",
        "odder sweeps",
        "null",
        "odd session",
    ],
)
def test_unreadable_header_is_none_because_nothing_of_ours_fails_a_users_task(unreadable: Payload) -> None:
    assert extract({NAME: unreadable}) is None


@pytest.mark.parametrize("value", [None, "text", [1], {}, {"v": 2, "session": "ai:wf"}, {"session": "ai:wf"}])
def test_header_of_a_version_that_is_not_known_is_none(value: object) -> None:
    assert extract({NAME: payload(value)}) is None


def test_only_the_first_argument_asks() -> None:
    invocation = Invocation("e1", "ai:chat-42")
    assert asked_by_first([invocation, "words"]) == Header("ai:chat-42", input="e1")
    assert asked_by_first(["words", invocation]) is None
    assert asked_by_first([]) is None
