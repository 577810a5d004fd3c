"""Serves the page and the API on one port of this machine."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from temporalio.service import RPCError

from examples.chat.api import BadRequestError
from temporal_ably import SettingsError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Sequence
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

HOST = "127.0.0.1"
_CLOSE_TIMEOUT_S = 1


def application(routes: Sequence[Route], page: Path) -> Starlette:
    """Put together what is served.

    Args:
        routes: the API.
        page: the folder of the built page.

    Raises:
        SettingsError: if the page is not built.
    """
    if not (page / "index.html").is_file():
        raise SettingsError(
            "unable to show the chat; its page is not built; run `make demo`, or `npm ci && npm run build` in "
            "examples/chat/web"
        )
    return Starlette(
        routes=[*routes, Mount("/", StaticFiles(directory=page, html=True))],
        # Another site's name may be made to lead to this machine; its pages must not reach the API.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])],
        exception_handlers={BadRequestError: _refuse, SettingsError: _refuse, RPCError: _regret},
    )


async def _refuse(request: Request, error: Exception) -> Response:
    del request
    return JSONResponse({"error": str(error)}, 400)


async def _regret(request: Request, error: Exception) -> Response:
    del request
    return JSONResponse({"error": f"unable to reach Temporal; {error}; try again"}, 503)


@asynccontextmanager
async def serve(app: Starlette, port: int) -> AsyncGenerator[str]:
    """Serve an application until the context is left; gives its address.

    Args:
        app: the application.
        port: 0 picks a free one.

    Raises:
        SettingsError: if the port is taken.
    """
    try:
        listener = socket.create_server((HOST, port))
    except OSError as err:
        raise SettingsError(
            f"unable to serve the chat; port {port} of this machine cannot be had ({err.strerror}); "
            "stop what listens there, or choose another with `make demo ARGS='--port 0'`"
        ) from err
    # It listens from here on: who connects before uvicorn is up waits a moment.
    options = uvicorn.Config(
        app, log_config=None, access_log=False, ws="none", lifespan="off", timeout_graceful_shutdown=_CLOSE_TIMEOUT_S
    )
    server = _Server(options)
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield f"http://{HOST}:{listener.getsockname()[1]}/"
    finally:
        server.should_exit = True
        await task


class _Server(uvicorn.Server):
    """Leaves signals to the program that it is a part of."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield
