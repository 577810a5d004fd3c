from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from openai import AsyncOpenAI
from temporalio.testing import ActivityEnvironment

from temporal_ably.demo.activities import Agent, ModelFailedError
from temporal_ably.demo.workflows import Question

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

_WORDS = ["Hello", " ", "world", "!"]


class _Model:
    """A model that says the same to everybody, over the API of OpenAI."""

    def __init__(self) -> None:
        self.asked: list[dict[str, object]] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        deltas = [{"role": "assistant"}, *({"content": word} for word in _WORDS)]
        events = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas] + [{"choices": []}]
        body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        return web.Response(content_type="text/event-stream", text=body)


@asynccontextmanager
async def _agent() -> AsyncGenerator[tuple[Agent, _Model]]:
    model, app = _Model(), web.Application()
    app.router.add_post("/v1/chat/completions", model.answer)
    async with (
        TestServer(app) as server,
        AsyncOpenAI(api_key="none", base_url=str(server.make_url("/v1"))) as client,
    ):
        yield Agent(client, "a-model", 7, timedelta(0), {"top_p": 0.5}), model


async def test_the_answer_is_what_the_model_says():
    async with _agent() as (agent, model):
        assert await ActivityEnvironment().run(agent.answer, Question("Hi?")) == "Hello world!"
    asked = model.asked[0]
    assert (asked["model"], asked["max_completion_tokens"], asked["top_p"]) == ("a-model", 7, 0.5)
    assert asked["stream"] is True
    messages = asked["messages"]
    assert isinstance(messages, list)
    assert messages[-1] == {"role": "user", "content": "Hi?"}


async def test_a_failing_model_fails_on_the_first_attempt_only():
    question, environment = Question("Hi?", fail_after=2), ActivityEnvironment()
    async with _agent() as (agent, _):
        with pytest.raises(ModelFailedError, match="after 2 chunks"):
            await environment.run(agent.answer, question)
        environment.info = replace(environment.info, attempt=2)
        assert await environment.run(agent.answer, question) == "Hello world!"
