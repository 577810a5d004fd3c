"""The sessions of workflows that a real server lists."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from temporalio.client import Client
from temporalio.converter import DataConverter, PayloadCodec
from temporalio.service import RPCError

from temporal_ably import AblyInterceptor, Invocation, durable_session
from temporal_ably._temporal.sessions_of import sessions_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from temporalio.api.common.v1 import Payload

    from tests.real_parts import Temporal

TEMPLATE = "x:{workflow_type}:{root_workflow_id}"


class Locked(PayloadCodec):
    """A codec whose key is not here."""

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return list(payloads)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        raise RuntimeError(f"no key for {len(payloads)} payloads")


@pytest.fixture
def name() -> str:
    return f"sessions-{uuid.uuid4().hex[:8]}"


async def start(client: Client, name: str, suffix: str, *args: object) -> None:
    """Start a workflow that nobody serves."""
    await client.start_workflow("Anything", args=args, id=f"{name}-{suffix}", task_queue=name)


async def listed(client: Client, name: str, count: int) -> list[str]:
    """The sessions of all workflows of a test, without their common beginning; a list shows new ones after a while."""
    query = f'TaskQueue = "{name}"'

    async def are_listed() -> None:
        while (await client.count_workflows(query)).count < count:  # noqa: ASYNC110 - there is nothing to wait on
            await asyncio.sleep(0.05)

    await asyncio.wait_for(are_listed(), 60)
    return sorted(each.replace(name, "") for each in await sessions_of(client, query, TEMPLATE))


async def test_session_is_that_of_the_starter_else_of_the_argument_else_by_template(
    temporal: Temporal, name: str
) -> None:
    client = await temporal.connect([AblyInterceptor(api_key="app.key:secret")])
    await start(client, name, "plain", "some argument")
    await start(client, name, "nothing")
    await start(client, name, "asked", Invocation("event", f"ai:asked{name}"))
    await start(client, name, "asked-again", {"inputEventId": "event", "sessionName": f"ai:asked{name}"})
    with durable_session(f"ai:bound{name}"):
        await start(client, name, "bound", Invocation("event", f"ai:other{name}"))
    found = await listed(await temporal.connect(), name, 5)
    assert found == ["ai:asked", "ai:bound", "x:Anything:-nothing", "x:Anything:-plain"]


async def test_argument_that_cannot_be_read_says_nothing(temporal: Temporal, name: str) -> None:
    client = await temporal.connect()
    await start(client, name, "locked", Invocation("event", "ai:secret"))
    converter = replace(DataConverter.default, payload_codec=Locked())
    without_key = Client(client.service_client, data_converter=converter)
    assert await listed(without_key, name, 1) == ["x:Anything:-locked"]


async def test_query_that_is_none_is_told(temporal: Temporal) -> None:
    with pytest.raises(RPCError, match="Nonsense"):
        await sessions_of(await temporal.connect(), "Nonsense = 1", TEMPLATE)
