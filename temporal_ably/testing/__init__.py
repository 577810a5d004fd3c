"""What users' tests need: a recorder in Ably's place, and a local server where a real client has to connect.

The pytest fixtures `ably_recorder` and `ably_server` give both; they are there as soon as the package is installed.

```python
async def test_greets(ably_recorder: AblyRecorder) -> None:
    async with await WorkflowEnvironment.start_time_skipping() as env:
        ably = AblyInterceptor(recorder=ably_recorder)
        async with Worker(env.client, task_queue="t", workflows=[Greet], activities=[greet], interceptors=[ably]):
            await env.client.execute_workflow(Greet.run, "Ada", id="wf-1", task_queue="t")
    assert ably_recorder.session("ai:wf-1").text == "Hello, Ada!"
```
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from temporal_ably._session.model import Attempt, Input, Message, Part, Run, Session, Step
    from temporal_ably._session.parts import (
        DataPart,
        FilePart,
        ReasoningPart,
        SourceDocumentPart,
        SourceUrlPart,
        StepStartPart,
        TextPart,
        ToolPart,
    )
    from temporal_ably._session.transcript import transcript
    from temporal_ably.envelope import Envelope, EnvelopePart
    from temporal_ably.server import LocalServer
    from temporal_ably.testing.reading import UnknownChannelError
    from temporal_ably.testing.recorder import AblyRecorder
    from temporal_ably.testing.server import ServerThread

__all__ = [
    "AblyRecorder",
    "Attempt",
    "DataPart",
    "Envelope",
    "EnvelopePart",
    "FilePart",
    "Input",
    "LocalServer",
    "Message",
    "Part",
    "ReasoningPart",
    "Run",
    "ServerThread",
    "Session",
    "SourceDocumentPart",
    "SourceUrlPart",
    "Step",
    "StepStartPart",
    "TextPart",
    "ToolPart",
    "UnknownChannelError",
    "transcript",
]

_HOMES = {
    "temporal_ably._session.model": ("Attempt", "Input", "Message", "Part", "Run", "Session", "Step"),
    "temporal_ably._session.transcript": ("transcript",),
    "temporal_ably.envelope": ("Envelope", "EnvelopePart"),
    "temporal_ably.server": ("LocalServer",),
    "temporal_ably.testing.reading": ("UnknownChannelError",),
    "temporal_ably.testing.recorder": ("AblyRecorder",),
    "temporal_ably.testing.server": ("ServerThread",),
}


def __getattr__(name: str) -> object:
    # pytest loads this package with the plugin: pydantic and the server come when they are asked for.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = next((home for home, names in _HOMES.items() if name in names), "temporal_ably._session.parts")
    return getattr(import_module(home), name)
