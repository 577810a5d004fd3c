"""Pages of the chat in headless Chromium (`js/browser.mjs`): what users do, and all that they ever saw."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tests.end_to_end.node_process import Json, NodeProcess, ViewerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from examples.chat.backstage.services import Chat

SCRIPT = Path(__file__).parent / "js" / "browser.mjs"
WAIT_S = 45.0


@dataclass(frozen=True)
class Message:
    """A message as the page shows it; `lane` is the sub-agent in whose lane it stands."""

    role: str
    agent: str
    attempt: int
    status: str
    run: str
    lane: str
    text: str


@dataclass(frozen=True)
class Shot:
    """What a page shows at one moment; `held` is what `useChat` has, shown or not."""

    loaded: bool
    connection: str
    people: tuple[str, ...]
    runs: dict[str, str]
    messages: tuple[Message, ...]
    tools: tuple[Json, ...]
    held: tuple[Json, ...]
    asking: str
    notices: tuple[str, ...]

    @property
    def said(self) -> list[tuple[str, str]]:
        """Who said what, from top to bottom."""
        return [(message.role, message.text) for message in self.messages]

    @property
    def texts(self) -> list[str]:
        """The text of each answer."""
        return [message.text for message in self.messages if message.role == "assistant"]

    @property
    def everything(self) -> list[str]:
        """Every text in the page and in `useChat`."""
        return [message.text for message in self.messages] + [message["text"] for message in self.held]

    def settled(self, *statuses: str) -> bool:
        """Whether the page shows runs with these statuses, and none goes on."""
        return list(self.runs.values()) == list(statuses) and all(each.status != "streaming" for each in self.messages)


NOTHING = Shot(loaded=False, connection="", people=(), runs={}, messages=(), tools=(), held=(), asking="", notices=())


def _shot(data: Json) -> Shot:
    return Shot(
        loaded=data["loaded"],
        connection=data["connection"],
        people=tuple(data["people"]),
        runs={run["id"]: run["status"] for run in data["runs"]},
        messages=tuple(Message(**message) for message in data["messages"]),
        tools=tuple(data["tools"]),
        held=tuple(data["held"]),
        asking=data["asking"],
        notices=tuple(data["notices"]),
    )


class Page:
    """The page of one user."""

    def __init__(self, node: NodeProcess, name: str, chat: str) -> None:
        self.chat = chat
        self.shots: list[Shot] = [NOTHING]
        """All that it ever showed, oldest first."""
        self._node = node
        self._name = name
        node.listeners[name] = lambda line: self.shots.append(_shot(line["shot"]))

    @property
    def shot(self) -> Shot:
        """What it shows now."""
        return self.shots[-1]

    async def wait_for(self, condition: Callable[[Shot], bool]) -> Shot:
        """Wait until it shows what is wanted; nothing that it shows from now on is missed."""
        position = len(self.shots) - 1
        found: list[Shot] = []

        def met() -> bool:
            nonlocal position
            while not found and position < len(self.shots):
                found.extend(filter(condition, [self.shots[position]]))
                position += 1
            return bool(found) or bool(self._node.failure)

        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._node.wait_until(met), WAIT_S)
        assert found, f"it never came; {self._node.failure}; {self._name} shows {self.shot}"
        return found[0]

    async def say(self, text: str, *, team: bool = False) -> None:
        """Write a prompt and send it."""
        if team:
            await self.click("mode-team")
        await self.fill("composer", text)
        await self.click("send")

    async def click(self, test_id: str, nth: int = 0) -> None:
        """Click the n-th of the elements with this test id."""
        await self._node.call("click", self._name, test_id=test_id, nth=nth)

    async def fill(self, test_id: str, text: str) -> None:
        """Write into a field."""
        await self._node.call("fill", self._name, test_id=test_id, text=text)

    async def reload(self) -> None:
        """Load the page again, and wait until it shows the history."""
        await self._node.call("reload", self._name)
        await self.wait_for(lambda shot: shot.loaded)

    async def wait(self, expression: str) -> None:
        """Wait until an expression of JavaScript is true, or a promise of what is."""
        await self._node.call("wait", self._name, expression=expression)

    async def read(self, expression: str) -> Any:
        """Give the value of an expression of JavaScript."""
        return await self._node.call("read", self._name, expression=expression)

    async def complaints(self) -> list[str]:
        """Give the errors on the browser's console."""
        return await self._node.call("complaints", self._name)

    async def picture(self, path: Path) -> None:
        """Take a picture of what is in the window."""
        await self._node.call("picture", self._name, path=str(path))

    async def close(self) -> None:
        """Close it."""
        await self._node.call("close", self._name)


class Browser:
    """Opens pages of one chat."""

    def __init__(self, node: NodeProcess, executable: str, address: str, chat: str) -> None:
        self._node = node
        self._executable = executable
        self._address = address
        self.chat = chat
        self._names = itertools.count(1)
        self._open: list[Page] = []

    async def open(self, user: str, *, scheme: str = "light", width: int = 1100, height: int = 900) -> Page:
        """Open the page of a user, in a browser of its own, and wait until it shows the history."""
        page = Page(self._node, f"{self.chat}-{user}-{next(self._names)}", self.chat)
        self._open.append(page)
        url = f"{self._address}?chat={self.chat}&user={user}"
        options = {"executable": self._executable, "scheme": scheme, "width": width, "height": height}
        await self._node.call("open", page._name, url=url, **options)
        await page.wait_for(lambda shot: shot.loaded)
        return page

    async def close(self) -> None:
        """Close all pages."""
        for page in self._open:
            with suppress(ViewerError):
                await page.close()


async def answered(chat: Chat, page: Page) -> str:
    """Give the result of the workflow that answered last in a page's chat."""
    assert chat.ably is not None
    extras = [cast("Json", message["extras"]) for message in chat.ably.messages(f"ai:chat-{page.chat}")]
    tags = [cast("dict[str, str]", each.get("headers", {})) for each in extras]
    workflow_id = [each["temporal-workflow-id"] for each in tags if "temporal-workflow-id" in each][-1]
    return await chat.temporal.get_workflow_handle(workflow_id).result()


def together(shots: Sequence[Shot], *words: str) -> list[Shot]:
    """Give the moments at which all these words were there at once."""
    return [shot for shot in shots if all(any(word in text for text in shot.everything) for word in words)]
