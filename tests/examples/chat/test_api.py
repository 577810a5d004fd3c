"""The chat's API: a post starts one workflow, once; a token is for one chat and one user; what is wrong is refused."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.end_to_end.stage import new_name
from tests.examples.chat.saying import say

if TYPE_CHECKING:
    from aiohttp import ClientSession

    from examples.chat.backstage.services import Chat
    from tests.examples.chat.stand_in import StandIn


def body(**changes: object) -> dict[str, object]:
    return {"inputEventId": new_name(), "sessionName": "ai:chat-api", **changes}


async def started(http: ClientSession, asked: dict[str, object]) -> str:
    """Post; gives the workflow's id."""
    async with http.post("/api/chat", json=asked) as response:
        assert response.status == 202
        return (await response.json())["workflowId"]


async def test_a_post_starts_the_workflow_that_answers(chat: Chat, http: ClientSession, model: StandIn) -> None:
    asked = await say(http, chat.ably, "api", "Hello")
    workflow_id = await started(http, asked)
    assert workflow_id == f"chat-api-{asked['inputEventId']}"
    assert await chat.temporal.get_workflow_handle(workflow_id).result() == model.calls[0].text
    assert model.calls[0].question == "Hello"


async def test_a_post_that_is_sent_again_starts_nothing(chat: Chat, http: ClientSession, model: StandIn) -> None:
    asked = await say(http, chat.ably, "api", "Hello")
    first = await started(http, asked)
    assert await started(http, asked) == first
    await chat.temporal.get_workflow_handle(first).result()
    assert await started(http, asked) == first
    assert len(model.calls) == 1


async def test_the_team_is_three_child_workflows_and_one_that_sums_up(
    chat: Chat, http: ClientSession, model: StandIn
) -> None:
    workflow_id = await started(http, await say(http, chat.ably, "api", "Hello") | {"mode": "team"})
    result = await chat.temporal.get_workflow_handle(workflow_id).result()
    said = [call.text for call in model.calls]
    assert result == said[3]
    notes = [message["content"] for message in model.calls[3].messages]
    assert set(said[:3]) <= set(notes)
    for agent in ("researcher", "critic", "writer"):
        assert await chat.temporal.get_workflow_handle(f"{workflow_id}-{agent}").result() in said[:3]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"inputEventId": None}, "inputEventId"),
        ({"inputEventId": "a b"}, "inputEventId"),
        ({"inputEventId": "x" * 65}, "inputEventId"),
        ({"sessionName": "ai:somebody-elses"}, "sessionName"),
        ({"sessionName": "ai:chat-"}, "sessionName"),
        ({"sessionName": "ai:chat-a\n"}, "sessionName"),
        ({"sessionName": 7}, "sessionName"),
        ({"mode": "sudo"}, "mode"),
        ({"mode": ["team"]}, "mode"),
    ],
)
async def test_a_wrong_field_is_refused_by_name(http: ClientSession, wrong: dict[str, object], named: str) -> None:
    async with http.post("/api/chat", json=body(**wrong)) as response:
        assert response.status == 400
        assert (await response.json())["error"].startswith(f"unable to use {named}; ")


@pytest.mark.parametrize("sent", [b"", b"{", b"[]", b'"text"', b"\xff", b"x" * 100_000])
async def test_what_is_no_json_object_is_refused(http: ClientSession, sent: bytes) -> None:
    async with http.post("/api/chat", data=sent, headers={"Content-Type": "application/json"}) as response:
        assert response.status == 400
        assert (await response.json())["error"].startswith("unable to read the request; ")


async def test_a_form_of_another_site_is_refused(http: ClientSession) -> None:
    async with http.post("/api/chat", data=json.dumps(body()), headers={"Content-Type": "text/plain"}) as response:
        assert response.status == 400


async def test_a_name_that_leads_here_from_elsewhere_reaches_nothing(http: ClientSession) -> None:
    async with http.get("/api/switches", headers={"Host": "evil.example"}) as response:
        assert response.status == 400


async def test_a_token_is_for_one_chat_one_user_and_a_short_time(http: ClientSession, chat: Chat) -> None:
    async with http.get("/api/token", params={"chat": "api", "user": "alice"}) as response:
        assert response.status == 200
        assert response.headers["Cache-Control"] == "no-store"
        token = await response.text()
    claims = read_claims(token)
    assert claims["x-ably-clientId"] == "alice"
    assert list(json.loads(claims["x-ably-capability"])) == ["ai:chat-api"]
    assert "*" not in claims["x-ably-capability"]
    assert claims["exp"] - claims["iat"] <= 3600
    assert chat.ably is not None
    assert chat.ably.key.partition(":")[2] not in token


@pytest.mark.parametrize(
    "query",
    [
        {"chat": "api"},
        {"user": "alice"},
        {"chat": "a:*", "user": "alice"},
        {"chat": "api", "user": "*"},
        {"chat": "api", "user": "temporal-ably"},  # nobody is the agent
    ],
)
async def test_a_token_for_nobody_or_for_everything_is_refused(http: ClientSession, query: dict[str, str]) -> None:
    async with http.get("/api/token", params=query) as response:
        assert response.status == 400
        assert "error" in await response.json()


def read_claims(token: str) -> dict[str, Any]:
    claims = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
