"""A stage for one user story: a worker with the interceptor, the local Ably server, viewers, and what must agree."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from temporalio.worker import Worker

from temporal_ably import AblyInterceptor, Envelope, session_name
from temporal_ably._session.fold import Fold
from tests.end_to_end.mix import Mix

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from temporalio.client import Client

    from temporal_ably.server import LocalServer
    from tests.end_to_end.node_process import Json
    from tests.end_to_end.viewer import Viewer, Viewers

# Temporal's default, most of the heartbeat timeout, would have stories wait for a cancellation and expire under load.
HEARTBEAT_THROTTLE = timedelta(milliseconds=200)


@dataclass
class Stage:
    """Everything that a story needs. `name` is unique: a task queue, and a prefix for workflow ids."""

    client: Client
    server: LocalServer
    viewers: Viewers
    name: str

    @property
    def environment(self) -> dict[str, str]:
        """The settings, as environment variables for a worker in another process."""
        return {"ABLY_API_KEY": self.server.key, "ABLY_ENDPOINT": self.server.endpoint, "ABLY_TLS": "0"}

    def interceptor(self, **overrides: Any) -> AblyInterceptor:
        """An interceptor for the local server."""
        settings: dict[str, Any] = {"api_key": self.server.key, "endpoint": self.server.endpoint, "tls": False}
        return AblyInterceptor(None, **(settings | overrides))

    @asynccontextmanager
    async def worker(
        self,
        workflows: Sequence[type],
        activities: Sequence[Callable[..., object]],
        *,
        interceptor: AblyInterceptor | None = None,
        task_queue: str | None = None,
        mixed: bool = True,
    ) -> AsyncGenerator[Worker]:
        """Run a worker; on exit its output is flushed. Unless told otherwise, activities stream more than text."""
        with ThreadPoolExecutor(8) as executor:
            async with interceptor or self.interceptor() as ably:
                worker = Worker(
                    self.client,
                    task_queue=task_queue or self.name,
                    workflows=workflows,
                    activities=activities,
                    activity_executor=executor,
                    interceptors=[ably, Mix()] if mixed else [ably],
                    max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
                )
                async with worker:
                    yield worker

    def workflow_id(self, suffix: str = "wf") -> str:
        """A workflow id of this story."""
        return f"{self.name}-{suffix}"

    async def view(self, workflow_id: str, *, client_id: str = "alice") -> Viewer:
        """Open the session of a workflow as a page that has just been loaded."""
        return await self.viewers.open(
            self.server.endpoint, session_name(workflow_id), key=self.server.key, client_id=client_id
        )

    def written(self, workflow_id: str) -> str:
        """All text that was ever sent to the session of a workflow, shown or not."""
        sent = (operation.get("data") for operation in self.server.operations(session_name(workflow_id)))
        return "".join(data for data in sent if isinstance(data, str))

    async def assert_shown(
        self, live: Viewer, workflow_id: str, texts: Sequence[str], *, status: str = "complete"
    ) -> None:
        """The live viewer, and a fresh one that reads history, end with exactly these assistant messages."""
        channel = session_name(workflow_id)
        await live.wait_settled_text(texts, status=status)
        await assert_all_readers_agree(live, self.server.operations(channel))
        fresh = await self.view(workflow_id, client_id="bob")
        await fresh.wait_settled_text(texts, status=status)
        await assert_all_readers_agree(fresh, self.server.messages(channel))


async def assert_all_readers_agree(viewer: Viewer, deliveries: Sequence[Json]) -> None:
    """The stock client, the plain client and our own fold make the same messages of one channel.

    Of alternatives the stock client shows one, so its visible runs are compared.
    """
    visible = [run.id for run in viewer.view.runs]
    shown = [message.content for message in viewer.messages if message.role == "assistant"]
    runs = await viewer.plain_runs()
    plain = [_content(message) for run in visible for message in runs[run]["messages"]]
    assert plain == shown, "the plain client and the stock client differ"
    fold = Fold()
    for delivery in deliveries:
        fold.apply(Envelope.of(delivery, channel=""))
    folded = {run.id: run.messages for run in fold.session.runs}
    ours = [_content(message.as_ui()) for run in visible for message in folded[run]]
    assert ours == shown, "our fold and the stock client differ"


def _content(message: Json) -> Json:
    return {"id": message["id"], "metadata": message["metadata"], "parts": message["parts"]}


def new_name() -> str:
    """A name that no other story has."""
    return f"story-{uuid.uuid4().hex[:8]}"
