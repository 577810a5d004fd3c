"""The plugin on clients and workers, beside other plugins and interceptors, in any order: each chunk goes out once."""

from __future__ import annotations

import inspect
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.contrib.openai_agents import ModelActivityParameters, OpenAIAgentsPlugin
from temporalio.contrib.openai_agents.testing import ResponseBuilders, TestModel, TestModelProvider
from temporalio.contrib.opentelemetry import OpenTelemetryPlugin, TracingInterceptor, create_tracer_provider
from temporalio.worker import Worker

from temporal_ably import AblyInterceptor, AblyPlugin, session_name
from temporal_ably.testing import AblyRecorder
from tests.end_to_end.openai_agent import FOUND, AskAgent, look_up_weather
from tests.end_to_end.poem import WHOLE, Poem, Verse
from tests.end_to_end.stage import new_name
from tests.end_to_end.telling import TIMEOUT, Narrator
from tests.hearing import hearing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from agents import ModelResponse

    from tests.real_parts import Temporal

# How many there are depends on what happens to arrive together.
WORKFLOW_TASKS = {
    EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
}
SAID = "one two threeasidefour"


MAKERS: dict[str, Callable[..., Any]] = {"other": AblyInterceptor, "ours": AblyPlugin}


@dataclass
class Parts:
    """What one placement puts where."""

    client_plugins: list[Any] = field(default_factory=list[Any])
    client_interceptors: list[Any] = field(default_factory=list[Any])
    worker_plugins: list[Any] = field(default_factory=list[Any])
    worker_interceptors: list[Any] = field(default_factory=list[Any])


def openai_plugin(*responses: ModelResponse) -> OpenAIAgentsPlugin:
    """Temporal's plugin for OpenAI's agents, with a model that gives these responses."""
    return OpenAIAgentsPlugin(
        model_params=ModelActivityParameters(start_to_close_timeout=TIMEOUT),
        model_provider=TestModelProvider(TestModel.returning_responses(list(responses))),
    )


def on_the_client(ours: AblyPlugin, **_: Any) -> Parts:
    return Parts(client_plugins=[ours])


def on_the_worker(ours: AblyPlugin, **_: Any) -> Parts:
    return Parts(worker_plugins=[ours])


def on_both(ours: AblyPlugin, **_: Any) -> Parts:
    return Parts(client_plugins=[ours], worker_plugins=[ours])


def twice_on_the_client(ours: AblyPlugin, **_: Any) -> Parts:
    return Parts(client_plugins=[ours, ours])


def twice_on_the_worker(ours: AblyPlugin, **_: Any) -> Parts:
    return Parts(worker_plugins=[ours, ours])


def beside_the_client_s_interceptor(other: AblyInterceptor, ours: AblyPlugin, **_: Any) -> Parts:
    return Parts(client_interceptors=[other], client_plugins=[ours])


def on_a_worker_whose_client_has_the_interceptor(other: AblyInterceptor, ours: AblyPlugin, **_: Any) -> Parts:
    return Parts(client_interceptors=[other], worker_plugins=[ours])


def beside_the_worker_s_interceptor(other: AblyInterceptor, ours: AblyPlugin, **_: Any) -> Parts:
    return Parts(worker_interceptors=[other], worker_plugins=[ours])


def on_the_client_of_a_worker_with_the_interceptor(ours: AblyPlugin, other: AblyInterceptor, **_: Any) -> Parts:
    return Parts(client_plugins=[ours], worker_interceptors=[other])


def everywhere(other: AblyInterceptor, ours: AblyPlugin, **_: Any) -> Parts:
    return Parts([ours], [other], [ours], [other])


def after_opentelemetry(ours: AblyPlugin, **_: Any) -> Parts:
    return Parts(client_plugins=[OpenTelemetryPlugin(add_temporal_spans=True), ours])


def before_opentelemetry(ours: AblyPlugin, **_: Any) -> Parts:
    return Parts(client_plugins=[ours, OpenTelemetryPlugin(add_temporal_spans=True)])


def beside_the_worker_s_opentelemetry(ours: AblyPlugin, **_: Any) -> Parts:
    return Parts(client_plugins=[ours], worker_plugins=[OpenTelemetryPlugin(add_temporal_spans=True)])


def beside_the_tracing_interceptor(ours: AblyPlugin, **_: Any) -> Parts:
    return Parts(client_interceptors=[TracingInterceptor()], worker_plugins=[ours])


def after_openai(ours: AblyPlugin, **_: Any) -> Parts:
    return Parts(client_plugins=[openai_plugin(), ours])


def before_openai(ours: AblyPlugin, **_: Any) -> Parts:
    return Parts(client_plugins=[ours, openai_plugin()])


def on_a_worker_whose_client_has_openai(ours: AblyPlugin, **_: Any) -> Parts:
    return Parts(client_plugins=[openai_plugin()], worker_plugins=[ours])


def amid_all(other: AblyInterceptor, ours: AblyPlugin, **_: Any) -> Parts:
    opentelemetry = OpenTelemetryPlugin(add_temporal_spans=True)
    return Parts([opentelemetry, ours, openai_plugin()], [other], [ours], [TracingInterceptor(), other])


PLACEMENTS = [
    on_the_client,
    on_the_worker,
    on_both,
    twice_on_the_client,
    twice_on_the_worker,
    beside_the_client_s_interceptor,
    on_a_worker_whose_client_has_the_interceptor,
    beside_the_worker_s_interceptor,
    on_the_client_of_a_worker_with_the_interceptor,
    everywhere,
    after_opentelemetry,
    before_opentelemetry,
    beside_the_worker_s_opentelemetry,
    beside_the_tracing_interceptor,
    after_openai,
    before_openai,
    on_a_worker_whose_client_has_openai,
    amid_all,
]


async def recite(temporal: Temporal, parts: Parts) -> tuple[str, list[str]]:
    """Run `Poem`; gives its id, and the types of the events of it and its child, workflow tasks left out."""
    workflow_id = new_name()
    client = await Client.connect(
        temporal.address, plugins=parts.client_plugins, interceptors=parts.client_interceptors
    )
    # Temporal warns of plugins that are on both sides.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The same plugin type", UserWarning)
        worker = Worker(
            client,
            task_queue=workflow_id,
            workflows=[Poem, Verse],
            activities=Narrator().activities,
            plugins=parts.worker_plugins,
            interceptors=parts.worker_interceptors,
        )
    async with worker:
        assert await client.execute_workflow(Poem.run, id=workflow_id, task_queue=workflow_id) == WHOLE
    plain = await temporal.connect()
    histories = [
        await plain.get_workflow_handle(each).fetch_history() for each in (workflow_id, f"{workflow_id}-verse")
    ]
    events = [event for history in histories for event in history.events if event.event_type not in WORKFLOW_TASKS]
    return workflow_id, [EventType.Name(event.event_type) for event in events]


def without_ours(parts: Parts) -> Parts:
    """The same without anything of ours."""
    ours = (AblyPlugin, AblyInterceptor)
    return Parts(
        *(
            [each for each in place if not isinstance(each, ours)]
            for place in (
                parts.client_plugins,
                parts.client_interceptors,
                parts.worker_plugins,
                parts.worker_interceptors,
            )
        )
    )


def assert_published_once(recorder: AblyRecorder, workflow_id: str) -> None:
    """Every chunk, every frame and every message of the poem went out exactly once."""
    operations = recorder.operations
    channel = session_name(workflow_id)
    assert {each.channel for each in operations} == {channel}
    assert "".join(each.text for each in operations) == SAID
    frames = [each.event for each in operations if each.event != "part"]
    assert sorted(frames) == ["run-end", "run-start", *["step-end"] * 3, *["step-start"] * 3]
    parts = [(each.message_id, each.part.kind) for each in recorder.envelopes if each.part is not None]
    assert len(parts) == len(set(parts))
    assert recorder.superseded == []


@pytest.fixture(autouse=True)
def no_traces_for_openai(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_AGENTS_DISABLE_TRACING", "1")


@pytest.fixture
async def others() -> AsyncGenerator[AblyRecorder]:
    async with AblyRecorder() as recorder:
        yield recorder


def ours_in(placement: Callable[..., Parts]) -> list[str]:
    """Which of ours a placement takes, the outermost first: that one works."""
    return [name for name in inspect.signature(placement).parameters if name in MAKERS]


STORIES = [
    *((placement, True) for placement in PLACEMENTS),
    *((placement, False) for placement in PLACEMENTS if len(ours_in(placement)) > 1),
]


@pytest.mark.parametrize(
    ("placement", "same_settings"),
    STORIES,
    ids=[f"{placement.__name__}{'' if same else ', other settings'}" for placement, same in STORIES],
)
async def test_each_chunk_is_published_once_and_the_history_is_unchanged(
    temporal: Temporal,
    ably_recorder: AblyRecorder,
    others: AblyRecorder,
    placement: Callable[..., Parts],
    *,
    same_settings: bool,
) -> None:
    recorders = [ably_recorder, ably_recorder if same_settings else others]
    ours = {
        name: MAKERS[name](recorder=recorder) for name, recorder in zip(ours_in(placement), recorders, strict=False)
    }
    parts = placement(**ours)
    with hearing(tracers=create_tracer_provider()):
        workflow_id, events = await recite(temporal, parts)
        await ably_recorder.wait_ended(session_name(workflow_id))
        assert_published_once(ably_recorder, workflow_id)
        _, plain = await recite(temporal, without_ours(parts))
    assert events == plain
    assert others.channels == []


@pytest.mark.parametrize("inside", [True, False], ids=["ours inside", "ours outside"])
async def test_tool_of_an_openai_agent_streams(
    temporal: Temporal, ably_recorder: AblyRecorder, *, inside: bool
) -> None:
    workflow_id = new_name()
    openai = openai_plugin(
        ResponseBuilders.tool_call('{"city": "Oslo"}', "look_up_weather"),
        ResponseBuilders.output_message("Take a hat."),
    )
    ours = AblyPlugin(recorder=ably_recorder)
    client = await Client.connect(temporal.address, plugins=[openai, ours] if inside else [ours, openai])
    async with Worker(client, task_queue=workflow_id, workflows=[AskAgent], activities=[look_up_weather]):
        said = await client.execute_workflow(AskAgent.run, "Weather?", id=workflow_id, task_queue=workflow_id)
    assert said == "Take a hat."
    assert "".join(each.text for each in ably_recorder.operations) == FOUND
    (step,) = ably_recorder.session(session_name(workflow_id)).runs[0].steps
    assert step.canonical.activity_type == "look_up_weather"
