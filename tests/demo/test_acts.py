from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from temporal_ably.demo.acts import ACTS, Stage, play
from temporal_ably.demo.plain import PlainView
from temporal_ably.demo.services import Tempo, services

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

pytestmark = pytest.mark.asyncio(loop_scope="module")
_TEMPO = Tempo(max_tokens=40, pace=timedelta(milliseconds=20), outage=timedelta(milliseconds=300), fail_after=5)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage() -> AsyncGenerator[Stage]:
    """Everything real: Temporal, a model, the local server, a worker."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ABLY_API_KEY", raising=False)
        patch.delenv("OPENAI_API_KEY", raising=False)
        async with services(PlainView(StringIO()), _TEMPO) as started:
            yield started


async def _play(number: int, stage: Stage) -> list[str]:
    out = StringIO()
    act = ACTS[number - 1]
    shown = Stage(stage.temporal, stage.subscribe, PlainView(out), stage.outage, stage.fail_after)
    verdict = await play(act, shown, title=act.title, prompt=act.prompt)
    assert verdict.equal, out.getvalue()
    assert verdict.expected > 0
    return out.getvalue().splitlines()


async def test_act_1_shows_what_the_workflow_returned(stage: Stage):
    lines = await _play(1, stage)
    assert lines[-1].startswith("ok: view equal to the workflow's result")
    assert "answer: attempt 1 complete" in lines
    assert "run: complete" in lines


async def test_act_2_loses_and_doubles_nothing_while_the_viewer_is_offline(stage: Stage):
    lines = await _play(2, stage)
    offline = lines.index("viewer: offline")
    assert "viewer: connected" in lines[offline:]
    assert any("the text went on from there" in line for line in lines[offline:])
    assert lines[-1].endswith("lost 0, doubled 0")


async def test_act_3_shows_three_agents_in_one_session(stage: Stage):
    lines = await _play(3, stage)
    assert len([line for line in lines if line.startswith("session: ")]) == 1
    for agent in ("Historian", "Scientist", "Poet"):
        assert f"{agent}: attempt 1 complete" in lines
        assert any(line.startswith(f"{agent}| ") for line in lines)


async def test_act_4_strikes_out_the_dead_text_and_ends_with_the_retry(stage: Stage):
    lines = await _play(4, stage)
    failed = next(place for place, line in enumerate(lines) if line.startswith("answer: attempt 1 failed, "))
    assert lines[failed].endswith("characters struck out")
    assert "answer: attempt 2 complete" in lines[failed:]
