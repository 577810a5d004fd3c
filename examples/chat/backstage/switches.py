"""What the page needs for this demo only: where everything is, and the switches that break it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse
from starlette.routing import Route

from examples.chat.api import BadRequestError, read_json, read_user

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from examples.chat.backstage.model import ModelDoor
    from examples.chat.backstage.network import Network
    from examples.chat.backstage.worker_process import WorkerProcess

_MAX_CUT_S = 120.0


@dataclass(frozen=True)
class Switches:
    """The switches. ``network`` is None where Ably is the real one: that network is nobody's to cut."""

    about: Mapping[str, object]
    door: ModelDoor
    worker: WorkerProcess
    network: Network | None

    @property
    def routes(self) -> list[Route]:
        """What a Starlette application is made of."""
        return [
            Route("/api/config", self.config, methods=["GET"]),
            Route("/api/switches", self.show, methods=["GET"]),
            Route("/api/switches", self.turn, methods=["POST"]),
        ]

    async def config(self, request: Request) -> Response:
        """Tell a user's page where everything is."""
        user = read_user(request)
        way: dict[str, object] = {}
        if self.network is not None:
            way = {"endpoint": "127.0.0.1", "port": self.network.port(user), "tls": False}
        switches = {"failNextCall": True, "killWorker": True, "cutNetwork": self.network is not None}
        return JSONResponse({"endpoint": None, "port": None, "tls": True, **self.about, **way, "switches": switches})

    async def show(self, request: Request) -> Response:
        """Tell how the switches stand."""
        del request
        return JSONResponse(
            {
                "failNextCall": self.door.fail_next,
                "workerRunning": self.worker.running,
                "workerKills": self.worker.kills,
                "cutNetwork": self.network.cut_off if self.network is not None else {},
            }
        )

    async def turn(self, request: Request) -> Response:
        """Turn one or more switches."""
        asked = await read_json(request)
        cut = read_cut(asked["cutNetwork"]) if "cutNetwork" in asked else None
        if "failNextCall" in asked:
            self.door.fail_next = asked["failNextCall"] is True
        if asked.get("killWorker") is True:
            self.worker.kill()
        if cut is not None and self.network is not None:
            self.network.cut(*cut)
        return await self.show(request)


def read_cut(value: object) -> tuple[str, timedelta]:
    """Read whose network to cut, and for how long.

    Raises:
        BadRequestError: if it does not say.
    """
    match value:
        case {"user": str(user), "seconds": int(seconds) | float(seconds)} if 0 <= seconds <= _MAX_CUT_S:
            return user, timedelta(seconds=seconds)
        case _:
            wanted = f'{{"user": ..., "seconds": 0 to {_MAX_CUT_S:g}}}'
            raise BadRequestError(f"unable to cut the network; cutNetwork is not {wanted}; correct it")
