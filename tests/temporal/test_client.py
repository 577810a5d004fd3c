"""What a client sends: the header of the block around the call, and nothing else is changed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from temporalio.client import OutboundInterceptor

from temporal_ably import AblyInterceptor, durable_session
from temporal_ably._temporal.client import ClientOutbound
from temporal_ably._temporal.headers import extract, inject
from temporal_ably._wire.identity import Header
from temporal_ably.testing import AblyRecorder

if TYPE_CHECKING:
    from temporalio.api.common.v1 import Payload

CALLS = ("start_workflow", "signal_workflow", "start_workflow_update")
ASKED = Header("ai:chat-42", input="e1", client_id="alice")


class Last(OutboundInterceptor):
    """The end of the chain: it keeps what would be sent."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    async def start_workflow(self, input: Any) -> Any:
        self.sent.append(input)

    signal_workflow = start_workflow_update = start_update_with_start_workflow = start_workflow


@pytest.fixture
def last() -> Last:
    return Last()


def call(headers: dict[str, Payload] | None = None) -> SimpleNamespace:
    return SimpleNamespace(headers=headers or {}, args=["words"])


async def send(outbound: OutboundInterceptor, name: str, input: object) -> None:
    await getattr(outbound, name)(input)


@pytest.mark.parametrize("name", CALLS)
async def test_call_within_a_block_carries_what_it_says(last: Last, name: str) -> None:
    with durable_session("ai:chat-42", input_event_id="e1", client_id="alice"):
        await send(ClientOutbound(last), name, call())
    assert extract(last.sent[0].headers) == ASKED
    assert last.sent[0].args == ["words"]


@pytest.mark.parametrize("name", CALLS)
async def test_call_outside_of_a_block_is_left_as_it_is(last: Last, name: str) -> None:
    await send(ClientOutbound(last), name, call())
    assert last.sent[0].headers == {}


async def test_update_answers_the_input_and_the_workflow_that_it_starts_does_not(last: Last) -> None:
    both = SimpleNamespace(update_workflow_input=call(), start_workflow_input=call())
    with durable_session("ai:chat-42", input_event_id="e1", client_id="alice"):
        await send(ClientOutbound(last), "start_update_with_start_workflow", both)
    assert extract(both.update_workflow_input.headers) == ASKED
    assert extract(both.start_workflow_input.headers) == Header("ai:chat-42", client_id="alice")


async def test_header_that_is_there_already_stays(last: Last) -> None:
    theirs = inject({}, Header("ai:theirs"))
    with durable_session("ai:chat-42"):
        # Two of our instances: the second finds the first one's header.
        await send(ClientOutbound(ClientOutbound(last)), "start_workflow", call(theirs))
    assert last.sent[0].headers == theirs


def test_interceptor_that_is_off_stays_out_of_the_way(last: Last) -> None:
    on, off = AblyInterceptor(recorder=AblyRecorder()), AblyInterceptor(enabled=False)
    assert isinstance(on.intercept_client(last), ClientOutbound)
    assert off.intercept_client(last) is last
