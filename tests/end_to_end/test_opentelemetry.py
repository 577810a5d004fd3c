"""What OpenTelemetry is told of a story: one trace from the client's start to the stream, links, and metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError
from temporalio.contrib.opentelemetry import OpenTelemetryPlugin, TracingInterceptor, create_tracer_provider
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from temporal_ably import current_stream, session_name, streaming
from temporal_ably.envelope import Envelope
from tests.end_to_end.ask import Ask, Question
from tests.end_to_end.checkpoints import ADDRESS, Checkpoints, checkpoint
from tests.end_to_end.line import Seen
from tests.end_to_end.processes import Workers
from tests.end_to_end.stage import HEARTBEAT_THROTTLE
from tests.hearing import Ear, attributes_of, dump_spans, hearing, linked_from, traceparent_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from temporal_ably import AblyInterceptor
    from tests.end_to_end.stage import Stage
    from tests.real_parts import Temporal

SAID = "the model's own words"


@activity.defn
@streaming
async def speak() -> AsyncIterator[str]:
    yield "two "
    yield "words"


@activity.defn
@streaming
def speak_in_a_thread() -> Iterator[str]:
    yield "two "
    yield "words"


@activity.defn
async def stay_silent() -> str:
    return ""


@activity.defn
@streaming
async def falter() -> AsyncIterator[str]:
    yield "Once upon "
    if activity.info().attempt == 1:
        raise ApplicationError(SAID)
    yield "a time"


@activity.defn
@streaming
async def stand_still() -> AsyncIterator[str]:
    yield "Once upon "
    if activity.info().attempt == 1:
        await checkpoint("standing", beating=True)
    yield "a time"


@activity.defn
async def fall_silent() -> str:
    if activity.info().attempt == 1:
        current_stream().text("Once upon ")
        raise ApplicationError(SAID)
    current_stream()
    return ""


@activity.defn
async def leave_it_to_others() -> str:
    current_stream().text("Once upon ")
    activity.raise_complete_async()


@activity.defn
@streaming
async def be_cancelled() -> AsyncIterator[str]:
    yield "Once upon "
    await checkpoint("cancelled here", beating=True)


ACTIVITIES = [fall_silent, leave_it_to_others, speak, speak_in_a_thread, stay_silent, falter, stand_still]


@pytest.fixture
def ear() -> Iterator[Ear]:
    with hearing() as ear:
        yield ear


async def ask(
    stage: Stage, question: Question, *, client: Client | None = None, interceptors: Sequence[Any] = ()
) -> str:
    """Run `Ask` on a worker with interceptors, and give the workflow's id."""
    client = client or stage.client
    workflow_id = stage.workflow_id()
    with ThreadPoolExecutor(2) as executor:
        async with Worker(
            client,
            task_queue=stage.name,
            workflows=[Ask],
            activities=ACTIVITIES,
            activity_executor=executor,
            interceptors=interceptors,
        ):
            await client.execute_workflow(Ask.run, question, id=workflow_id, task_queue=stage.name)
    return workflow_id


def traceparents(stage: Stage, workflow_id: str) -> list[str | None]:
    """What the wire says of each attempt's stream."""
    envelopes = [Envelope.of(each, channel="") for each in stage.server.messages(session_name(workflow_id))]
    return [each.traceparent for each in envelopes if each.event == "step-start"]


# One trace.


async def tracing_outside(temporal: Temporal, ably: AblyInterceptor) -> tuple[Client, list[Any]]:
    return await temporal.connect([TracingInterceptor()]), [ably]


async def tracing_inside(temporal: Temporal, ably: AblyInterceptor) -> tuple[Client, list[Any]]:
    return await temporal.connect([ably, TracingInterceptor()]), []


async def ours_on_both(temporal: Temporal, ably: AblyInterceptor) -> tuple[Client, list[Any]]:
    return await temporal.connect([TracingInterceptor(), ably]), [ably]


@pytest.mark.parametrize("name", ["speak", "speak_in_a_thread"])
@pytest.mark.parametrize("placed", [tracing_outside, tracing_inside, ours_on_both])
async def test_trace_leads_from_the_clients_start_to_the_stream_with_the_tracing_interceptor(
    stage: Stage, temporal: Temporal, ear: Ear, placed: Callable[..., Any], name: str
) -> None:
    async with stage.interceptor() as ably:
        client, interceptors = await placed(temporal, ably)
        workflow_id = await ask(stage, Question(name), client=client, interceptors=interceptors)
    assert dump_spans(ear) == [
        "StartWorkflow:Ask",
        "  RunWorkflow:Ask",
        f"  StartActivity:{name}",
        f"    RunActivity:{name}",
        f"      Stream:{name}",
        "  CompleteWorkflow:Ask",
    ]
    assert traceparents(stage, workflow_id) == [traceparent_of(ear.named(f"Stream:{name}")[0])]


@pytest.mark.parametrize("outside", [True, False], ids=["plugin outside", "plugin inside"])
async def test_trace_leads_from_the_clients_start_to_the_stream_with_the_plugin(
    stage: Stage, temporal: Temporal, *, outside: bool
) -> None:
    with hearing(tracers=create_tracer_provider()) as ear:
        async with stage.interceptor() as ably:
            client = await Client.connect(
                temporal.address,
                interceptors=[] if outside else [ably],
                plugins=[OpenTelemetryPlugin(add_temporal_spans=True)],
            )
            workflow_id = await ask(stage, Question("speak"), client=client, interceptors=[ably] if outside else [])
    assert dump_spans(ear) == [
        "StartWorkflow:Ask",
        "  RunWorkflow:Ask",
        "    StartActivity:speak",
        "      RunActivity:speak",
        "        Stream:speak",
    ]
    assert traceparents(stage, workflow_id) == [traceparent_of(ear.named("Stream:speak")[0])]


async def test_span_names_where_the_stream_goes_and_comes_from(stage: Stage, ear: Ear) -> None:
    async with stage.interceptor() as ably:
        workflow_id = await ask(stage, Question("speak"), interceptors=[ably])
    run_id = (await stage.client.get_workflow_handle(workflow_id).describe()).run_id
    assert attributes_of(ear.named("Stream:speak")[0]) == {
        "messaging.system": "ably",
        "messaging.destination.name": session_name(workflow_id),
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        "temporalWorkflowID": workflow_id,
        "temporalRunID": run_id,
        "temporalActivityID": "1",
        "temporal_ably.run": run_id,
        "temporal_ably.step": ":0:1",
        "temporal_ably.attempt": 1,
        "temporal_ably.chunks": 2,
        "temporal_ably.characters": 9,
        "temporal_ably.reason": "complete",
        "temporal_ably.delivery": "delivered",
        "temporal_ably.lost": 0,
    }


async def test_activity_that_does_not_stream_has_no_span_of_ours(stage: Stage, ear: Ear) -> None:
    async with stage.interceptor() as ably:
        await ask(stage, Question("stay_silent"), interceptors=[ably])
    assert dump_spans(ear) == []


async def test_silent_retry_has_no_span_of_ours_and_leaves_that_of_its_activity_on_the_wire(
    stage: Stage, temporal: Temporal, ear: Ear
) -> None:
    async with stage.interceptor() as ably:
        client = await temporal.connect([TracingInterceptor()])
        workflow_id = await ask(stage, Question("fall_silent"), client=client, interceptors=[ably])
    (stream,) = ear.named("Stream:fall_silent")
    _, retry = ear.named("RunActivity:fall_silent")
    assert traceparents(stage, workflow_id) == [traceparent_of(stream), traceparent_of(retry)]
    assert dump_spans(ear).count("      Stream:fall_silent") == 1


async def test_span_ends_with_the_function_of_an_activity_that_is_completed_from_elsewhere(
    stage: Stage, ear: Ear
) -> None:
    async with (
        stage.interceptor() as ably,
        Worker(
            stage.client,
            task_queue=stage.name,
            workflows=[Ask],
            activities=[leave_it_to_others],
            interceptors=[ably],
        ),
    ):
        handle = await stage.client.start_workflow(
            Ask.run, Question("leave_it_to_others"), id=stage.workflow_id(), task_queue=stage.name
        )
        await stage.server.wait_for(lambda _: "Once upon " in stage.written(handle.id))
        await stage.client.get_async_activity_handle(
            workflow_id=handle.id, run_id=handle.first_execution_run_id, activity_id="1"
        ).complete("done")
        assert await handle.result() == "done"
    (span,) = ear.spans
    assert attributes_of(span)["temporal_ably.chunks"] == 1
    assert "temporal_ably.reason" not in attributes_of(span)
    assert span.status.is_unset


async def test_cancelled_attempt_is_no_error(stage: Stage, checkpoints: Checkpoints, ear: Ear) -> None:
    async with (
        stage.interceptor() as ably,
        Worker(
            stage.client,
            task_queue=stage.name,
            workflows=[Ask],
            activities=[be_cancelled],
            interceptors=[ably],
            max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        ),
    ):
        question = Question("be_cancelled", heartbeat=10, wait_for_cancellation=True)
        handle = await stage.client.start_workflow(Ask.run, question, id=stage.workflow_id(), task_queue=stage.name)
        await checkpoints.reached("cancelled here")
        await handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await handle.result()
    (span,) = ear.spans
    assert attributes_of(span)["temporal_ably.reason"] == "cancelled"
    assert span.status.is_unset


# Links.


async def test_stream_of_a_retry_links_to_the_one_that_it_replaces(stage: Stage, temporal: Temporal, ear: Ear) -> None:
    async with stage.interceptor() as ably:
        client = await temporal.connect([TracingInterceptor()])
        workflow_id = await ask(stage, Question("falter"), client=client, interceptors=[ably])
    first, second = ear.named("Stream:falter")
    assert linked_from(second) == [traceparent_of(first)]
    assert linked_from(first) == []
    assert traceparents(stage, workflow_id) == [traceparent_of(first), traceparent_of(second)]


async def test_span_of_a_failed_attempt_names_its_error_and_never_what_it_says(stage: Stage, ear: Ear) -> None:
    async with stage.interceptor() as ably:
        await ask(stage, Question("falter"), interceptors=[ably])
    first, second = ear.named("Stream:falter")
    assert not first.status.is_ok
    assert attributes_of(first)["error.type"] == "ApplicationError"
    assert attributes_of(first)["temporal_ably.reason"] == "failed"
    assert second.status.is_unset
    assert "error.type" not in attributes_of(second)
    told = first.to_json() + second.to_json()
    assert SAID not in told
    assert "Once upon" not in told


async def test_stream_links_to_the_one_that_it_replaces_of_a_process_that_was_killed(
    stage: Stage, checkpoints: Checkpoints, ear: Ear
) -> None:
    workers = Workers(stage, {ADDRESS: checkpoints.address, "OTEL_PYTHON_TRACER_PROVIDER": "sdk_tracer_provider"})
    other = await workers.start(stand_still)
    try:
        async with stage.interceptor() as ably:
            handle = await stage.client.start_workflow(
                Ask.run, Question("stand_still", heartbeat=1.5), id=stage.workflow_id(), task_queue=stage.name
            )
            await checkpoints.reached("standing")
            await stage.server.wait_for(lambda _: "Once upon " in stage.written(handle.id))
            await other.kill()
            async with Worker(
                stage.client, task_queue=stage.name, workflows=[Ask], activities=[stand_still], interceptors=[ably]
            ):
                await handle.result()
    finally:
        await workers.kill_all()
    span = ear.named("Stream:stand_still")[0]
    dead, new = traceparents(stage, handle.id)
    assert dead is not None
    assert linked_from(span) == [dead]
    assert new == traceparent_of(span)


# Metrics.


async def test_metrics_of_a_retry_over_a_lost_connection(stage: Stage, ear: Ear) -> None:
    cut = Seen(lambda message: message.get("action") == 5)
    async with stage.interceptor() as ably:
        stage.server.faults.cut(match=cut, apply=False)
        await ask(stage, Question("falter", retry_after=0.5), interceptors=[ably])
    assert cut.met
    heard = ear.metrics()
    who = ("falter", "Ask")
    assert heard["temporal_ably.chunks"] == {who: 3}
    assert heard["temporal_ably.characters"] == {who: len("Once upon " * 2 + "a time")}
    assert heard["temporal_ably.first_chunk.duration"] == {who: 2}
    assert heard["temporal_ably.superseded"] == {who: 1}
    assert heard["temporal_ably.recoveries"] == {("connection",): 1, ("falter", "operation", "Ask"): 1}
    failures = heard["temporal_ably.failures"]
    # The next connection is there to be lost, too: on a busy machine the channel cannot be listened to in time.
    assert failures.pop(("ConnectionLostError", "connect")) >= 1
    assert failures == {("falter", "ConnectionLostError", "append", "Ask"): 1}
    operations = heard["temporal_ably.operations"]
    # Opening, message and end of each attempt, the run's opening; its end; the marks on what was replaced.
    assert operations["falter", "publish", "Ask"] == 7
    assert operations["publish",] == 1
    assert operations["update",] == 3
    assert heard["temporal_ably.outbox.wait"][who] >= 4
    assert heard["temporal_ably.buffered"] == {(): 0}
    assert "temporal_ably.lost" not in heard
