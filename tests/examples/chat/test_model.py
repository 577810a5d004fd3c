"""The door to the model: what passes it, and what the switch does to a call."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from openai import APIError, APIStatusError, AsyncOpenAI

from examples.chat.backstage.model import ModelDoor
from temporal_ably.demo.model import Model

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.examples.chat.stand_in import StandIn

PROMPT: Any = [{"role": "system", "content": "You are brief."}, {"role": "user", "content": "Hello"}]


@pytest.fixture
async def door(model: StandIn) -> AsyncGenerator[ModelDoor]:
    hosted = Model("stand-in", "sk-secret", model.environment["OPENAI_BASE_URL"], {"top_k": 3})
    async with ModelDoor(hosted, pace=timedelta(0), fail_after=4) as door:
        yield door


@pytest.fixture
async def client(door: ModelDoor) -> AsyncGenerator[AsyncOpenAI]:
    told = door.environment
    async with AsyncOpenAI(api_key=told["OPENAI_API_KEY"], base_url=told["OPENAI_BASE_URL"], max_retries=0) as client:
        yield client


async def ask(client: AsyncOpenAI, said: list[str]) -> str:
    stream = await client.chat.completions.create(model="stand-in", messages=PROMPT, stream=True)
    async for event in stream:
        said += event.choices[0].delta.content or ""
    return "".join(said)


async def test_a_call_passes_with_the_models_options(client: AsyncOpenAI, model: StandIn) -> None:
    said = await ask(client, [])
    (call,) = model.calls
    assert said == call.text
    assert call.messages == PROMPT
    assert call.options["top_k"] == 3


async def test_the_key_of_the_model_stays_behind_the_door(client: AsyncOpenAI, door: ModelDoor, model: StandIn) -> None:
    await ask(client, [])
    assert model.calls[0].key == "sk-secret"
    assert "sk-secret" not in str(door.environment)


async def test_the_next_call_breaks_off_in_the_middle_and_the_one_after_does_not(
    client: AsyncOpenAI, door: ModelDoor, model: StandIn
) -> None:
    door.fail_next = True
    said: list[str] = []
    with pytest.raises(APIError, match="as you asked"):
        await ask(client, said)
    assert "".join(said) == " ".join(model.calls[0].text.split(" ")[:4])
    assert not door.fail_next
    assert await ask(client, []) == model.calls[1].text


async def test_a_call_that_is_shorter_than_where_it_was_to_fail_fails_at_its_end(model: StandIn) -> None:
    hosted = Model("stand-in", "sk-secret", model.environment["OPENAI_BASE_URL"])
    async with ModelDoor(hosted, pace=timedelta(0), fail_after=10_000) as door:
        told = door.environment
        async with AsyncOpenAI(api_key="none", base_url=told["OPENAI_BASE_URL"], max_retries=0) as client:
            door.fail_next = True
            said: list[str] = []
            with pytest.raises(APIError, match="as you asked"):
                await ask(client, said)
            assert "".join(said) == model.calls[0].text


async def test_a_refusal_of_the_model_passes_as_it_is() -> None:
    async def refuse(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"error": {"message": "no such key"}}, status=401)

    app = web.Application()
    app.router.add_post("/chat/completions", refuse)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hosted = Model("stand-in", "sk-secret", f"http://127.0.0.1:{runner.addresses[0][1]}")
    async with ModelDoor(hosted) as door:
        told = door.environment
        async with AsyncOpenAI(api_key="none", base_url=told["OPENAI_BASE_URL"], max_retries=0) as client:
            with pytest.raises(APIStatusError, match="no such key") as raised:
                await ask(client, [])
    assert raised.value.status_code == 401
    await runner.cleanup()


async def test_a_caller_that_goes_away_in_the_middle_disturbs_nobody(
    client: AsyncOpenAI, model: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    model.stop(after=3)
    stream = await client.chat.completions.create(model="stand-in", messages=PROMPT, stream=True)
    await model.wait_stopped()
    await stream.close()
    model.go()
    assert await ask(client, []) == model.calls[1].text
    assert caplog.records == []
