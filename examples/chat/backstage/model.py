"""The door between the worker and the model. Here the model is made to fail, and to write no faster than one reads."""

from __future__ import annotations

import asyncio
import json
import os
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from aiohttp import ClientConnectionError, ClientSession, ClientTimeout, web

if TYPE_CHECKING:
    from typing_extensions import Self

    from temporal_ably.demo.model import Model

OPENAI = "https://api.openai.com/v1"
_FAILURE = {"error": {"message": "The model failed, as you asked.", "type": "server_error"}}


class ModelDoor:
    """Passes calls of OpenAI's chat API on to a model, on an address of its own; a context manager.

    Args:
        model: where calls go; its options are put into each.
        pace: the least time between two chunks of an answer.
        fail_after: how many chunks of a call that is to fail come through.
    """

    def __init__(self, model: Model, *, pace: timedelta = timedelta(milliseconds=30), fail_after: int = 15) -> None:
        self.fail_next = False
        """Whether the next call breaks off in the middle."""
        self._model = model
        self._upstream = model.base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI
        self._pace_s = pace.total_seconds()
        self._fail_after = fail_after

    async def __aenter__(self) -> Self:
        """Start to listen."""
        self._session = ClientSession(timeout=ClientTimeout(total=None))
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._complete)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self._runner.cleanup()
        await self._session.close()

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which OpenAI's client finds the door. The model's own key stays here."""
        port = self._runner.addresses[0][1]
        return {
            "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
            "OPENAI_API_KEY": "none",
            "OPENAI_MODEL": self._model.name,
        }

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        fails, self.fail_next = self.fail_next, False
        asked = {**await request.json(), **self._model.options}
        headers = {"Authorization": f"Bearer {self._model.api_key}"}
        async with self._session.post(f"{self._upstream}/chat/completions", json=asked, headers=headers) as answer:
            response = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
            await response.prepare(request)
            with suppress(ClientConnectionError):  # the worker went away
                left = self._fail_after if fails else None
                async for line in answer.content:
                    if line.startswith(b"data:"):
                        if left == 0 or (fails and b"[DONE]" in line):
                            await response.write(f"data: {json.dumps(_FAILURE)}\n\n".encode())
                            break
                        left = None if left is None else left - 1
                        await asyncio.sleep(self._pace_s)
                    await response.write(line)
            return response
