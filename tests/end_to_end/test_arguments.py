"""What only code can give: a say over what leaves the worker, the agent's name, tokens in place of a key."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from temporalio import activity, workflow

from temporal_ably import AblyInterceptor, current_stream, session_name
from tests.end_to_end.checkpoints import checkpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from tests.end_to_end.checkpoints import Checkpoints
    from tests.end_to_end.stage import Stage

SECRET = "4111-1111"  # noqa: S105 - it is to be hidden


@activity.defn
async def order() -> str:
    stream = current_stream()
    stream.text("Your card is ")
    stream.text(SECRET)
    stream.reasoning(f"the card is {SECRET}")
    call = stream.tool_call("charge", {"card": SECRET, "amount": 3})
    stream.tool_result(call, {"receipt": 7})
    stream.data("order", {"card": SECRET})
    stream.metadata(card=SECRET, mood="calm")
    return f"Your card is {SECRET}"


@activity.defn
async def speak_twice() -> str:
    stream = current_stream()
    stream.text("before ")
    await checkpoint("between")
    stream.text("after")
    return "before after"


@workflow.defn
class Run:
    @workflow.run
    async def run(self, name: str) -> str:
        return await workflow.execute_activity(name, start_to_close_timeout=timedelta(seconds=30), result_type=str)


def redact(chunk: Mapping[str, Any]) -> Mapping[str, Any] | None:
    kind = chunk["type"]
    if kind.startswith("reasoning"):
        return None
    if kind == "data-order":
        raise LookupError(f"no rule for {chunk['data']}")
    return json.loads(json.dumps(chunk).replace(SECRET, "****"))


async def test_on_part_decides_what_leaves_the_worker_and_the_result_is_untouched(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    async with stage.worker([Run], [order], interceptor=stage.interceptor(on_part=redact), mixed=False):
        result = await stage.client.execute_workflow(Run.run, "order", id=workflow_id, task_queue=stage.name)
        assert result == f"Your card is {SECRET}"
        await stage.assert_shown(viewer, workflow_id, ["Your card is ****"])
    message = viewer.messages[0]
    assert [part["type"] for part in message.parts] == ["step-start", "text", "tool-charge"]
    assert message.parts[2]["input"] == {"card": "****", "amount": 3}
    assert (message.metadata["card"], message.metadata["mood"]) == ("****", "calm")
    assert SECRET not in json.dumps(stage.server.operations(session_name(workflow_id)))
    errors = [record.getMessage() for record in caplog.records if record.name == "temporal_ably"]
    assert [("data-order" in error, "LookupError" in error) for error in errors] == [(True, True)]
    assert SECRET not in "".join(errors)


async def test_agent_name_is_what_clients_are_told(stage: Stage) -> None:
    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)

    def agent_name(info: activity.Info) -> str:
        return f"agent of {info.activity_type}"

    interceptor = stage.interceptor(agent_name=agent_name)
    async with stage.worker([Run], [order], interceptor=interceptor, mixed=False):
        result = await stage.client.execute_workflow(Run.run, "order", id=workflow_id, task_queue=stage.name)
        await stage.assert_shown(viewer, workflow_id, [result])
    assert viewer.messages[0].metadata["agent"] == "agent of order"
    messages: list[dict[str, Any]] = stage.server.messages(session_name(workflow_id))
    tags: list[dict[str, str]] = [message["extras"]["headers"] for message in messages]
    assert {each["temporal-agent"] for each in tags if "temporal-agent" in each} == {"agent of order"}


async def test_tokens_take_the_place_of_a_key_and_each_connection_asks_for_its_own(
    stage: Stage, checkpoints: Checkpoints
) -> None:
    asked: list[dict[str, object]] = []

    async def give_token(params: dict[str, object]) -> str:
        asked.append(params)
        return stage.server.token(client_id="temporal-ably")

    workflow_id = stage.workflow_id()
    viewer = await stage.view(workflow_id)
    ably = AblyInterceptor(auth_callback=give_token, endpoint=stage.server.endpoint, tls=False)
    async with stage.worker([Run], [speak_twice], interceptor=ably, mixed=False):
        handle = await stage.client.start_workflow(Run.run, "speak_twice", id=workflow_id, task_queue=stage.name)
        between = await checkpoints.reached("between")
        await viewer.wait_for(lambda view: view.texts == ["before "])
        before = len(asked)
        stage.server.faults.cut()
        between.go_on()
        assert await handle.result() == "before after"
        await stage.assert_shown(viewer, workflow_id, ["before after"])
    assert 0 < before < len(asked)
