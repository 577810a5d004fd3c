"""A worker in a process of its own, for stories in which a process dies, stops or is shut down.

It serves a workflow, `Ask` unless told otherwise, and the activities named on its command line; the settings come from
the environment.
SIGTERM shuts it down as a deployment does: the worker first, then what it holds is published.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker

from temporal_ably import AblyInterceptor
from tests.end_to_end.lingering import Lingering
from tests.end_to_end.mix import Mix
from tests.end_to_end.stage import HEARTBEAT_THROTTLE


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("task_queue")
    parser.add_argument("module")
    parser.add_argument("activities", nargs="+")
    parser.add_argument("--grace", type=float, default=0)
    parser.add_argument("--workflow", default="tests.end_to_end.ask:Ask")
    parser.add_argument("--linger", action="store_true")
    return parser.parse_args()


async def main() -> None:
    arguments = _arguments()
    module = importlib.import_module(arguments.module)
    home, _, workflow = arguments.workflow.partition(":")
    asked_to_stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked_to_stop.set)
    with ThreadPoolExecutor(2) as executor:
        async with (
            AblyInterceptor() as ably,
            Worker(
                await Client.connect(arguments.address),
                task_queue=arguments.task_queue,
                workflows=[getattr(importlib.import_module(home), workflow)],
                activities=[getattr(module, name) for name in arguments.activities],
                activity_executor=executor,
                interceptors=[*([Lingering()] if arguments.linger else []), ably, Mix()],
                graceful_shutdown_timeout=timedelta(seconds=arguments.grace),
                max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
                # One at a time: who is stuck in a first attempt cannot take the second, too.
                max_concurrent_activities=1,
                # Nothing sticks to a process that is going to die.
                max_cached_workflows=0,
            ),
        ):
            await asked_to_stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
