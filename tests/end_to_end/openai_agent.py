"""A workflow with an agent of OpenAI's SDK, whose tool is an activity that streams."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

from agents import Agent, Runner
from temporalio import activity, workflow
from temporalio.contrib import openai_agents

from temporal_ably import streaming

FOUND = "sunny with a breeze"


@activity.defn
@streaming
async def look_up_weather(city: str) -> AsyncIterator[str]:
    """Look up the weather of a city."""
    assert city == "Oslo"
    for word in ("sunny ", "with ", "a breeze"):
        yield word


@workflow.defn
class AskAgent:
    @workflow.run
    async def run(self, prompt: str) -> str:
        # The SDK leaves the type of activities open.
        as_tool = openai_agents.workflow.activity_as_tool  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        tool = as_tool(look_up_weather, start_to_close_timeout=timedelta(seconds=60))
        result = await Runner.run(Agent[None](name="Weatherman", tools=[tool]), prompt)
        return str(result.final_output)
