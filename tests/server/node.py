"""The real, unpatched ably-js, as the tests of the server use it: in one Node process for all tests."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.end_to_end.node_process import NodeProcess

if TYPE_CHECKING:
    from collections.abc import Sequence

    from temporal_ably.server import LocalServer

SCRIPT = Path(__file__).parent / "js" / "client.mjs"


class JsClient:
    """One `Ably.Realtime`."""

    def __init__(self, node: NodeProcess, name: str) -> None:
        self._node = node
        self._name = name

    async def run(self, code: str) -> Any:
        """Run the body of an async function that sees `client`, `Ably` and `kept`; give what it returns.

        Raises:
            ViewerError: with what the code threw, and its code.
        """
        return await self._node.call("run", self._name, code=code)

    async def close(self) -> None:
        """Close the connection."""
        await self._node.call("close", self._name)


class JsClients:
    """The Node process, and the clients of one test."""

    def __init__(self, node: str) -> None:
        self.node = NodeProcess(node, SCRIPT)
        self._open: list[JsClient] = []
        self._names = itertools.count(1)

    async def open(
        self,
        server: LocalServer,
        *,
        tokens: Sequence[str] | None = None,
        signs_with: str | None = None,
        **options: object,
    ) -> JsClient:
        """Make a client, by the server's key unless told otherwise.

        Args:
            server: where it connects to.
            tokens: it is given these one after the other, the last again and again.
            signs_with: a key; the client gets signed token requests.
            options: more of `ClientOptions`.
        """
        client = JsClient(self.node, f"client-{next(self._names)}")
        self._open.append(client)
        host, _, port = server.endpoint.rpartition(":")
        if tokens is None and signs_with is None and not {"token", "key"} & options.keys():
            options["key"] = server.key
        given = {"tokens": tokens and list(tokens), "signsWith": signs_with, "options": options}
        await self.node.call("open", client._name, host=host, port=int(port), **given)
        return client

    async def close_all(self) -> None:
        """Close the clients; the Node process stays."""
        clients, self._open = self._open, []
        for client in clients:
            await client.close()
