"""Recorded histories replay with and without us, whoever recorded them: the line can come and go at any time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.openai_agents import OpenAIAgentsPlugin
from temporalio.contrib.opentelemetry import OpenTelemetryPlugin, TracingInterceptor, create_tracer_provider
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner

from temporal_ably import AblyInterceptor, AblyPlugin
from temporal_ably._temporal.headers import NAME
from tests.hearing import hearing
from tests.replay.journal import WORKFLOWS, Page
from tests.replay.recording import HISTORIES, ID
from tests.replay.rewritten import Rewritten

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from temporal_ably._temporal.runtime import Runtime
    from tests.end_to_end.stage import Stage

RECORDED = sorted(folder.name for folder in HISTORIES.iterdir())
KINDS = {"abandon", "continued", "failed", "reset", "retried", "terminate"}


def settings_of(stage: Stage) -> dict[str, Any]:
    return {"api_key": stage.server.key, "endpoint": stage.server.endpoint, "tls": False, "client_id": stage.name}


def without_us(stage: Stage) -> dict[str, Any]:
    del stage
    return {}


def with_the_interceptor(stage: Stage) -> dict[str, Any]:
    return {"interceptors": [AblyInterceptor(**settings_of(stage))]}


def with_the_plugin(stage: Stage) -> dict[str, Any]:
    return {"plugins": [AblyPlugin(**settings_of(stage))]}


def without_a_sandbox(stage: Stage) -> dict[str, Any]:
    return {**with_the_plugin(stage), "workflow_runner": UnsandboxedWorkflowRunner()}


def with_both(stage: Stage) -> dict[str, Any]:
    return {**with_the_interceptor(stage), **with_the_plugin(stage)}


def amid_other_plugins(stage: Stage) -> dict[str, Any]:
    others = OpenTelemetryPlugin(add_temporal_spans=True), OpenAIAgentsPlugin()
    return {
        "interceptors": [TracingInterceptor()],
        "plugins": [others[0], *with_the_plugin(stage)["plugins"], others[1]],
    }


LINES = [without_us, with_the_interceptor, with_the_plugin, without_a_sandbox, with_both, amid_other_plugins]


async def histories(name: str) -> AsyncIterator[WorkflowHistory]:
    for path in sorted((HISTORIES / name).iterdir()):
        workflow_id = ID if path.stem not in ("abandon", "terminate") else f"{ID}-{path.stem}"
        yield WorkflowHistory.from_json(workflow_id, path.read_text(encoding="utf-8"))


def runtime_of(line: dict[str, Any]) -> Runtime | None:
    """What ours of a line would publish with."""
    ours = [*line.get("interceptors", ()), *(each._ably for each in line.get("plugins", ()) if hasattr(each, "_ably"))]
    return next((each._runtime for each in ours if isinstance(each, AblyInterceptor)), None)


@pytest.mark.parametrize("recorded", RECORDED)
def test_every_kind_of_history_was_recorded(recorded: str) -> None:
    assert {path.stem for path in (HISTORIES / recorded).iterdir()} == KINDS


def test_histories_are_what_their_names_say() -> None:
    for recorded in RECORDED:
        texts = [path.read_text(encoding="utf-8") for path in (HISTORIES / recorded).iterdir()]
        assert {f'"{NAME}"' in text for text in texts} == {recorded != "without_us"}


@pytest.mark.parametrize("made", LINES)
@pytest.mark.parametrize("recorded", RECORDED)
async def test_recorded_histories_replay(stage: Stage, recorded: str, made: Callable[[Stage], dict[str, Any]]) -> None:
    line = made(stage)
    with hearing(tracers=create_tracer_provider()):
        replayed = await Replayer(workflows=WORKFLOWS, **line).replay_workflows(
            histories(recorded), raise_on_replay_failure=False
        )
    assert replayed.replay_failures == {}
    # A replayed workflow tells nobody anything.
    runtime = runtime_of(line)
    assert runtime is None or runtime.active is None
    assert stage.server.connections_total == 0


async def test_history_of_another_workflow_does_not_replay(stage: Stage) -> None:
    replayed = await Replayer(workflows=[Rewritten, Page], **with_the_plugin(stage)).replay_workflows(
        histories("with_us"), raise_on_replay_failure=False
    )
    failed = {str(error) for error in replayed.replay_failures.values()}
    assert len(failed) > 0
    assert all("TMPRL1100" in error for error in failed), failed
