"""A model whose words a test knows, and which stops where a test wants it to, behind OpenAI's API."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import ClientConnectionError, web

if TYPE_CHECKING:
    from typing_extensions import Self


WORDS = 40
"""Words of an answer after the first, which says who answers what for which time."""


@dataclass
class Call:
    """A call that came in, and how many words of the answer have gone out."""

    messages: list[dict[str, Any]]
    options: dict[str, Any]
    key: str
    text: str = ""
    written: int = 0
    ended: bool = False

    @property
    def question(self) -> str:
        """What the user said last."""
        said = (message["content"] for message in reversed(self.messages) if message["role"] == "user")
        return next(said, "")


@dataclass
class StandIn:
    """Answers every call with words that nobody else says; a context manager."""

    calls: list[Call] = field(default_factory=list[Call])
    stop_after: int | None = None
    """How many words each answer has before it stops until `go`; None never stops."""

    async def __aenter__(self) -> Self:
        """Start to listen."""
        self._asked: Counter[str] = Counter()
        self._changed = asyncio.Event()
        self._gate = asyncio.Event()
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._complete)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        self.go()
        await self._runner.cleanup()

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which the chat takes it for a hosted model."""
        address = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return {"OPENAI_BASE_URL": address, "OPENAI_API_KEY": "sk-nothing", "OPENAI_MODEL": "stand-in"}

    def stop(self, after: int) -> None:
        """Have each answer stop after so many words, until `go`."""
        self._gate.clear()
        self.stop_after = after

    def go(self) -> None:
        """Let all answers go on, and stop no more."""
        self.stop_after = None
        self._gate.set()

    async def wait_stopped(self, calls: int = 1) -> None:
        """Wait until so many calls have written all they may for now."""

        def stopped() -> bool:
            return sum(call.written == self.stop_after and not call.ended for call in self.calls) >= calls

        await self.wait_until(stopped)

    async def wait_until(self, condition: Any) -> None:
        """Wait for something that the calls tell."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        call = Call(body.pop("messages"), body, request.headers["Authorization"].removeprefix("Bearer "))
        call.text = self._text(call)
        self.calls.append(call)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        with suppress(ClientConnectionError):
            for word in call.text.split(" "):
                if call.written == self.stop_after:
                    self._changed.set()
                    await self._gate.wait()
                chunk = {"index": 0, "delta": {"content": word if not call.written else f" {word}"}}
                await response.write(f"data: {json.dumps({'choices': [chunk]})}\n\n".encode())
                call.written += 1
            await response.write(b"data: [DONE]\n\n")
        call.ended = True
        self._changed.set()
        return response

    def _text(self, call: Call) -> str:
        """Say who answers (the first words of its role), what was asked, for which time, and many words more."""
        role = " ".join(call.messages[0]["content"].split()[:4])
        about = f"[{role}] {call.question[:60]}"
        self._asked[about] += 1
        number = self._asked[about]
        return f"{about} #{number}: " + " ".join(f"w{number}.{word}" for word in range(WORDS))
