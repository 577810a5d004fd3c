"""A worker in an environment that has OpenTelemetry's API, as every one of ours, and nothing else of OpenTelemetry."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.testing import greeting

if TYPE_CHECKING:
    from tests.real_parts import Temporal

PROGRAM = """
import asyncio, importlib.metadata, json, logging, sys

files = importlib.metadata.files("opentelemetry-api")
api = {file.parts[1].removesuffix(".py") for file in files if file.parts[0] == "opentelemetry"}

class OnlyTheApi:
    def find_spec(self, name, path=None, target=None):
        rooms = name.split(".")
        if rooms[0] == "opentelemetry" and len(rooms) > 1 and rooms[1] not in api:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, OnlyTheApi())
try:
    import opentelemetry.sdk
except ModuleNotFoundError:
    pass
else:
    raise AssertionError("the SDK is there")

from temporalio.client import Client
from greeting import greeting
from temporal_ably import AblyInterceptor
from temporal_ably._publisher.metrics import Meters
from temporal_ably._publisher.telemetry import Account
from temporal_ably.testing import AblyRecorder

measured, logged = [], []

def measuring(self, *arguments):
    measured.append(type(self).__name__)
    raise AssertionError(measured)

Account.__init__ = Meters.__init__ = measuring

class Listener(logging.Handler):
    def emit(self, record):
        logged.append(record.getMessage())

logging.getLogger("temporal_ably").addHandler(Listener())

async def main():
    client = await Client.connect(sys.argv[1])
    async with AblyRecorder() as recorder, AblyInterceptor(recorder=recorder) as ably:
        await greeting(client, ably, "api-only")
        session = await recorder.wait_ended("ai:api-only")
    traces = [each.traceparent for each in recorder.envelopes if each.traceparent]
    loaded = [name for name in sys.modules if name.startswith("opentelemetry.sdk")]
    print(json.dumps([session.text, measured, logged, traces, loaded]))

asyncio.run(main())
"""


def test_activity_streams_and_nothing_is_measured_where_only_the_api_is_installed(temporal: Temporal) -> None:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", PROGRAM, temporal.address],
        cwd=Path(greeting.__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == ["Hello, Ada!", [], [], [], []]
