"""Pages with the AI SDK's `useChat` over Ably's chat transport: one Node process (`js/chat.mjs`) that serves many.

A page keeps all that it ever held: a test can say what `useChat` showed, and what it never showed.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.end_to_end.node_process import WAIT_S, Json, NodeClients, NodeProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


SCRIPT = Path(__file__).parent / "js" / "chat.mjs"


@dataclass(frozen=True)
class ChatState:
    """What a page holds at one moment.

    `messages` are `useChat`'s, `shown` those of the session's view beside it, all as UIMessages. `status` is that of
    `useChat`: submitted, streaming, ready or error. `runs` has the status of each visible run by its id.
    """

    messages: Sequence[Json] = ()
    shown: Sequence[Json] = ()
    status: str = "ready"
    streaming: bool = False
    runs: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def settled(self) -> bool:
        """Whether nothing is under way, and `useChat` holds what the session shows."""
        held = [(message["id"], message["parts"]) for message in self.messages]
        shown = [(message["id"], message["parts"]) for message in self.shown]
        return self.status == "ready" and not self.streaming and held == shown

    @property
    def texts(self) -> list[str]:
        """The text of each assistant message that `useChat` holds."""
        return [text_of(message) for message in self.messages if message["role"] == "assistant"]

    @property
    def calls(self) -> dict[str, Json]:
        """The tool calls that `useChat` holds, by tool."""
        parts = [part for message in self.messages for part in message["parts"]]
        return {part["type"].removeprefix("tool-"): part for part in parts if part["type"].startswith("tool-")}


def text_of(message: Json) -> str:
    """The text of a UIMessage."""
    return "".join(part["text"] for part in message["parts"] if part["type"] == "text")


class Chat:
    """One page. What it would post to its server is in `posts`, and `next_post` waits for it."""

    def __init__(self, node: NodeProcess, name: str) -> None:
        self._node = node
        self._name = name
        self._taken = 0
        self.states: list[ChatState] = [ChatState()]
        """All that it held, oldest first."""
        self.posts: list[Json] = []
        self.errors: list[Json] = []
        node.listeners[name] = self._apply

    def _apply(self, line: Json) -> None:
        if line["event"] == "chat":
            self.states.append(_state(line))
        elif line["event"] == "post":
            self.posts.append(line["body"])
        else:
            self.errors.append(line)

    @property
    def state(self) -> ChatState:
        """What it holds now."""
        return self.states[-1]

    async def say(self, text: str) -> Json:
        """Send a prompt as its user does; returns the body that the page posts."""
        await self._node.call("say", self._name, text=text)
        return await self.next_post()

    async def next_post(self) -> Json:
        """The next body that the page posts, in their order."""
        await self._wait(lambda: len(self.posts) > self._taken, "the page posted nothing")
        self._taken += 1
        return self.posts[self._taken - 1]

    async def answer_call(self, call: Json, *, output: object = None, error: str | None = None) -> None:
        """Give the outcome of a tool that the page ran (`addToolOutput`)."""
        outcome = {"output": output} if error is None else {"errorText": error}
        tool, call_id = call["type"].removeprefix("tool-"), call["toolCallId"]
        await self._node.call("answerCall", self._name, tool=tool, toolCallId=call_id, **outcome)

    async def approve(self, call: Json, *, approved: bool = True, reason: str | None = None) -> None:
        """Answer an approval request (`addToolApprovalResponse`)."""
        approval_id = call["approval"]["id"]
        given = {} if reason is None else {"reason": reason}
        await self._node.call("approve", self._name, approvalId=approval_id, approved=approved, **given)

    async def resolve(self, message: Json, call: Json, *, output: object) -> Json:
        """Give the output of a call of a shown message as a continuation of its run; returns the body to be posted."""
        [run] = self.state.runs
        call_id, message_id = call["toolCallId"], message["codecMessageId"]
        return await self._node.call(
            "resolve", self._name, runId=run, codecMessageId=message_id, toolCallId=call_id, output=output
        )

    async def regenerate(self, message_id: str) -> Json:
        """Ask for another answer; returns the body that the page posts."""
        await self._node.call("regenerate", self._name, messageId=message_id)
        return await self.next_post()

    async def stop(self) -> None:
        """Press stop."""
        await self._node.call("stop", self._name)

    async def wait_for(self, condition: Callable[[ChatState], bool]) -> ChatState:
        """Return the first state, from now on, for which the condition holds; none is skipped.

        Raises:
            AssertionError: no such state came in time, or Node died.
        """
        position = len(self.states) - 1
        found: list[ChatState] = []

        def met() -> bool:
            nonlocal position
            while not found and position < len(self.states):
                found.extend([self.states[position]] if condition(self.states[position]) else [])
                position += 1
            return bool(found)

        await self._wait(met, "the condition never held")
        return found[0]

    async def close(self) -> None:
        """Leave the page."""
        await self._node.call("close", self._name)

    async def _wait(self, met: Callable[[], bool], complaint: str) -> None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._node.wait_until(lambda: met() or bool(self._node.failure)), WAIT_S)
        if not met():
            raise AssertionError(f"{complaint}; failure: {self._node.failure}; errors: {self.errors}; {self.state}")


def _state(line: Json) -> ChatState:
    runs = {run["id"]: run["status"] for run in line["runs"]}
    return ChatState(line["messages"], line["shown"], line["status"], line["streaming"], runs)


class Chats(NodeClients[Chat]):
    """Opens pages in one Node process; use as a context manager, which ends the process."""

    script = SCRIPT

    async def open(
        self,
        endpoint: str,
        channel: str,
        *,
        key: str,
        client_id: str = "alice",
        tools: Mapping[str, Any] | None = None,
    ) -> Chat:
        """Load a page: connect, attach, then read the whole history.

        Args:
            endpoint: "host:port" of a local server.
            channel: the session's channel.
            key: API key.
            client_id: the user's client id.
            tools: what the page answers by itself, at once, by the name of the tool that is called.

        Raises:
            ViewerError: the client could not connect, attach or read the history.
        """
        node = self._running()
        name = f"chat-{next(self._names)}"
        chat = Chat(node, name)
        self._open.append(chat)
        host, _, port = endpoint.rpartition(":")
        options = {"host": host, "port": int(port), "key": key, "clientId": client_id, "tools": dict(tools or {})}
        await node.call("open", name, channel=channel, **options)
        return chat
