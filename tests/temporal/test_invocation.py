from __future__ import annotations

from dataclasses import asdict, dataclass
from types import SimpleNamespace

import pytest
from pydantic import BaseModel
from temporalio.converter import DataConverter

from temporal_ably import Invocation
from temporal_ably._temporal.invocation import read_invocation

BODY = {"inputEventId": "e1", "sessionName": "ai:chat-42"}


class Model(BaseModel):
    input_event_id: str
    session_name: str


@dataclass
class Question:
    inputEventId: str  # noqa: N815
    sessionName: str  # noqa: N815
    mode: str = "team"


class Stubborn(dict[str, str]):
    def get(self, *_: object) -> str:
        raise RuntimeError("not now")


class Awkward:
    sessionName = "ai:chat-42"  # noqa: N815

    @property
    def inputEventId(self) -> str:  # noqa: N802
        raise RuntimeError("not now")

    def __repr__(self) -> str:
        return "Awkward()"


@pytest.mark.parametrize(
    "value",
    [
        Invocation("e1", "ai:chat-42"),
        BODY,
        BODY | {"mode": "team"},
        Question("e1", "ai:chat-42"),
        Model(input_event_id="e1", session_name="ai:chat-42"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_has_the_shape_of_an_invocation_asks(value: object) -> None:
    assert read_invocation(value) == ("ai:chat-42", "e1")


@pytest.mark.parametrize(
    "value",
    [
        None,
        "e1",
        7,
        ["e1", "ai:chat-42"],
        {},
        {"inputEventId": "e1"},
        {"sessionName": "ai:chat-42"},
        BODY | {"inputEventId": 7},
        BODY | {"inputEventId": ""},
        BODY | {"sessionName": "two words"},
        BODY | {"sessionName": "[meta]chat"},
        {"inputEventId": "e1", "session_name": "ai:chat-42"},
        SimpleNamespace(),
        Awkward(),
        Stubborn(),
        BODY | {"inputEventId": "e" * 2000},
        BODY | {"sessionName": "s" * 2000},
    ],
    ids=lambda value: repr(value)[:60],
)
def test_whatever_has_not_asks_nothing(value: object) -> None:
    assert read_invocation(value) is None


def test_invocation_is_the_body_of_ablys_clients_for_temporals_converter() -> None:
    converter = DataConverter.default.payload_converter
    [payload] = converter.to_payloads([Invocation(**BODY)])
    assert converter.from_payload(payload, dict) == BODY
    assert converter.from_payload(payload, Invocation) == Invocation(**BODY)
    assert asdict(Invocation(**BODY)) == BODY
