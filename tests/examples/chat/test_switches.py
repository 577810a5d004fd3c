"""The switches, as the page turns them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientConnectionError

from tests.examples.chat.saying import say

if TYPE_CHECKING:
    from aiohttp import ClientSession

    from examples.chat.backstage.services import Chat
    from tests.examples.chat.stand_in import StandIn


async def turn(http: ClientSession, **switches: object) -> dict[str, Any]:
    async with http.post("/api/switches", json=switches) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def test_a_users_page_is_told_where_everything_is(http: ClientSession, chat: Chat) -> None:
    async with http.get("/api/config", params={"user": "alice"}) as response:
        alice = await response.json()
    async with http.get("/api/config", params={"user": "bob"}) as response:
        bob = await response.json()
    assert alice["port"] != bob["port"]
    assert alice | {"port": 0} == {
        "endpoint": "127.0.0.1",
        "port": 0,
        "tls": False,
        "temporalUi": None,
        "namespace": "default",
        "agentClientId": "temporal-ably",
        "switches": {"failNextCall": True, "killWorker": True, "cutNetwork": True},
    }
    # Through that port is Ably.
    assert chat.ably is not None
    async with http.get(f"http://127.0.0.1:{alice['port']}/time") as response:
        assert response.status == 200


async def test_the_next_model_call_fails_once_and_temporal_retries(
    http: ClientSession, chat: Chat, model: StandIn
) -> None:
    assert (await turn(http, failNextCall=True))["failNextCall"]
    assert not (await turn(http, failNextCall=False))["failNextCall"]
    assert (await turn(http, failNextCall=True))["failNextCall"]
    async with http.post("/api/chat", json=await say(http, chat.ably, "fails", "Will you fail?")) as response:
        workflow_id = (await response.json())["workflowId"]
    result = await chat.temporal.get_workflow_handle(workflow_id).result()
    assert [call.text for call in model.calls][1:] == [result]
    async with http.get("/api/switches") as response:
        assert not (await response.json())["failNextCall"]


async def test_a_worker_that_is_killed_in_the_middle_is_replaced_and_the_turn_goes_on(
    http: ClientSession, chat: Chat, model: StandIn
) -> None:
    await chat.switches.worker.wait_running()
    model.stop(after=5)
    async with http.post("/api/chat", json=await say(http, chat.ably, "dies", "Will you die?")) as response:
        workflow_id = (await response.json())["workflowId"]
    await model.wait_stopped()
    state = await turn(http, killWorker=True)
    assert (state["workerRunning"], state["workerKills"]) == (False, 1)
    model.go()
    result = await chat.temporal.get_workflow_handle(workflow_id).result()
    assert [call.text for call in model.calls][1:] == [result]
    async with http.get("/api/switches") as response:
        assert (await response.json())["workerRunning"]


async def test_a_users_network_is_cut_and_mended(http: ClientSession) -> None:
    async with http.get("/api/config", params={"user": "alice"}) as response:
        port = (await response.json())["port"]
    assert (await turn(http, cutNetwork={"user": "alice", "seconds": 120}))["cutNetwork"] == {"alice": True}
    with pytest.raises(ClientConnectionError):
        await http.get(f"http://127.0.0.1:{port}/time")
    assert (await turn(http, cutNetwork={"user": "alice", "seconds": 0}))["cutNetwork"] == {}
    async with http.get(f"http://127.0.0.1:{port}/time") as response:
        assert response.status == 200


@pytest.mark.parametrize(
    "cut", [None, {}, {"user": "alice"}, {"user": "alice", "seconds": -1}, {"user": "alice", "seconds": 1e9}]
)
async def test_a_cut_that_names_nobody_or_no_time_is_refused_and_turns_nothing(
    http: ClientSession, cut: object
) -> None:
    async with http.post("/api/switches", json={"cutNetwork": cut, "failNextCall": True}) as response:
        assert response.status == 400
        assert "cutNetwork" in (await response.json())["error"]
    async with http.get("/api/switches") as response:
        assert not (await response.json())["failNextCall"]


async def test_a_page_for_nobody_is_refused(http: ClientSession) -> None:
    async with http.get("/api/config") as response:
        assert response.status == 400
