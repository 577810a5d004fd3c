"""Watch a session with nothing but Ably's own package: ``python watch.py hello-1``."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# The package carries no types.

import asyncio
import os
import sys
from typing import Any

from ably import AblyRealtime  # noqa: TID253 - a program of its own, not part of a worker

APPEND = 5


class Printer:
    """Prints the text of a session as it grows, and says when another attempt takes over."""

    def __init__(self) -> None:
        """Begin with nothing printed."""
        self.started = 0
        self.printed: dict[str, int] = {}
        self.done = asyncio.Event()

    def receive(self, message: Any) -> None:
        """Print what is new in a message."""
        tags: dict[str, str] = message.extras["headers"]
        started = int(tags.get("temporal-started", 0))
        if started > self.started:
            # The attempt that started last is the one that counts: what came before is dead.
            self.started = started
            print(f"\n[attempt {tags['temporal-attempt']}] ", end="", flush=True)
        if message.name == "ai-run-end":
            print()
            self.done.set()
        elif message.name == "ai-output" and started == self.started:
            self.print_text(message.serial, message.data or "", append=message.action == APPEND)

    def print_text(self, serial: str, data: str, *, append: bool) -> None:
        """Print an append, or of a whole text what is not printed yet."""
        printed = self.printed.get(serial, 0)
        text = data if append else data[printed:]
        self.printed[serial] = printed + len(text)
        print(text, end="", flush=True)


async def main(workflow_id: str) -> None:
    """Watch the session of a workflow until its run ends."""
    client = AblyRealtime(
        key=os.environ["ABLY_API_KEY"],
        endpoint=os.environ.get("ABLY_ENDPOINT"),
        tls=os.environ.get("ABLY_TLS") != "0",
    )
    printer = Printer()
    channel = client.channels.get(f"ai:{workflow_id}", params={"rewind": "2m"})
    await channel.subscribe(printer.receive)
    print("watching", flush=True)
    await printer.done.wait()
    await client.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
