"""With a recorder nothing goes to a network but Temporal's own calls, which are not Python's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.real_parts import Temporal

PROGRAM = """
import asyncio, json, sys

spoken = []

def listen(event, arguments):
    if event in ("socket.bind", "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        spoken.append([event, repr(arguments)])

sys.addaudithook(listen)

from temporalio.client import Client
from greeting import greeting
from temporal_ably import AblyInterceptor
from temporal_ably.testing import AblyRecorder

async def main():
    client = await Client.connect(sys.argv[1])
    async with AblyRecorder() as recorder, AblyInterceptor(recorder=recorder) as ably:
        await greeting(client, ably, "no-network")
        session = await recorder.wait_ended("ai:no-network")
    loaded = sorted({name.partition(".")[0] for name in sys.modules} & {"ably", "aiohttp", "httpx", "websockets"})
    print(json.dumps([session.text, spoken, loaded]))

asyncio.run(main())
"""


def test_worker_with_a_recorder_opens_no_socket_and_loads_no_client_of_ably(temporal: Temporal) -> None:
    folder = Path(__file__).parent
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", PROGRAM, temporal.address], cwd=folder, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == ["Hello, Ada!", [], []]
