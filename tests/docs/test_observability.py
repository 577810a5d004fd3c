"""What docs/observability.md says is true: its metrics, its span, the way to switch it on."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from temporal_ably._publisher.metrics import METRICS, Metric

if TYPE_CHECKING:
    from tests.end_to_end.stage import Stage
    from tests.real_parts import Temporal

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ")]
(SNIPPET,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
(TREE,) = re.findall(r"```\n(StartWorkflow.*?)```", TEXT, re.DOTALL)

# What a user's own program adds to the snippet.
PROGRAM = """
import asyncio, os, sys
from temporalio.worker import Worker
from temporal_ably import AblyInterceptor
from tests.end_to_end.ask import Ask, Question
from tests.end_to_end.test_opentelemetry import speak

async def main():
    client = await connect(sys.argv[1])
    async with AblyInterceptor() as ably:
        worker = Worker(client, task_queue=sys.argv[2], workflows=[Ask], activities=[speak], interceptors=[ably])
        async with worker:
            await client.execute_workflow(Ask.run, Question("speak"), id=sys.argv[2], task_queue=sys.argv[2])

asyncio.run(main())
"""


def row(metric: Metric) -> str:
    attributes = ", ".join(f"`{name}`" for name in metric.attributes)
    return f"| `{metric.name}` | {metric.instrument} | `{metric.unit}` | {attributes} | {metric.meaning} |"


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_each_metric_has_its_row(metric: Metric) -> None:
    assert row(metric) in ROWS


def test_no_name_is_told_of_that_is_not_in_the_code() -> None:
    rooms = ("_publisher/metrics.py", "_publisher/telemetry.py", "_temporal/attempt_sink.py")
    code = "".join((ROOT / "temporal_ably" / room).read_text(encoding="utf-8") for room in rooms)
    for name in re.findall(r"`temporal_ably\.([a-z_.]+)`", TEXT):
        assert re.search(rf'(temporal_ably|SCOPE\}})\.{name}"|_event\("{name}"', code), name


async def test_the_way_to_switch_it_on_shows_the_trace_and_the_metrics(
    temporal: Temporal, stage: Stage, tmp_path: Path
) -> None:
    program = tmp_path / "traced.py"
    program.write_text(SNIPPET + PROGRAM, encoding="utf-8")
    environment = {**os.environ, **stage.environment, "PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(program), temporal.address, stage.name),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    printed = output.decode()
    assert process.returncode == 0, printed
    spans = re.findall(r'"name": "([A-Z]\w+:\w+)"', printed)
    assert sorted(spans) == sorted(TREE.split())
    assert '"name": "temporal_ably.chunks"' in printed
