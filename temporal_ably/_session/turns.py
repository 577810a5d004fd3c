"""Messages as the turns of a conversation that models are asked in, before any provider's words.

The rule of the file: a turn of the assistant is what one call of a model gave, text and then tool calls, each with its
outcome. A call without one has no part in it, as no provider takes it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from temporal_ably._session.parts import FilePart, ReasoningPart, StepStartPart, TextPart, ToolPart

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from temporal_ably._session.model import Message
    from temporal_ably._wire.parts import Json

# What all providers take. The shortest limit is that of OpenAI's Chat Completions.
_CALL_ID = re.compile(r"[a-zA-Z0-9_-]{1,40}")
_NOT_OF_A_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_NAME_LENGTH = 64
_REFUSED = "The user refused this call."


@dataclass(frozen=True)
class Call:
    """A tool call with its outcome."""

    id: str
    name: str
    input: dict[str, Json]
    outcome: str
    failed: bool = False

    @property
    def arguments(self) -> str:
        """The input as JSON."""
        return json_text(self.input)


@dataclass(frozen=True)
class Said:
    """What a user said: texts and files, at least one."""

    content: tuple[str | FilePart, ...]


@dataclass
class Answered:
    """What a model answered: a text, calls, or both."""

    text: str = ""
    calls: list[Call] = field(default_factory=list[Call])


@dataclass(frozen=True)
class Blob:
    """What a ``data:`` URL holds."""

    media_type: str
    content: bytes

    @property
    def base64(self) -> str:
        """The content as text."""
        return base64.b64encode(self.content).decode()

    @property
    def text(self) -> str:
        """The content, if it is text."""
        return self.content.decode(errors="replace")


def turns(messages: Iterable[Message]) -> list[Said | Answered]:
    """Give the turns of messages, in order. Whoever speaks twice has two of them."""
    found: list[Said | Answered] = []
    ids = _CallIds()
    for message in messages:
        if message.role == "assistant":
            found += _answers(message, ids)
        elif content := tuple(_content(message)):
            found.append(Said(content))
    return found


def read_data_url(url: str) -> Blob | None:
    """Read a ``data:`` URL, ``None`` for any other."""
    head, comma, data = url.partition(",")
    if not comma or not head.startswith("data:"):
        return None
    media_type, *options = head.removeprefix("data:").split(";")
    encoded = unquote_to_bytes(data)
    if "base64" in options:
        try:
            encoded = base64.b64decode(encoded)
        except binascii.Error:
            return None
    return Blob(media_type or "text/plain", encoded)


def in_words(part: FilePart) -> str:
    """Give a file that cannot go along as such: the text in it, else what it is and where."""
    blob = read_data_url(part.url)
    if blob is not None and part.media_type.startswith("text/") and blob.text.strip():
        return blob.text
    where = f" at {part.url}" if blob is None else ""
    return f"[a file of type {part.media_type or 'unknown'}{where}]"


def json_text(value: Json) -> str:
    """Write a value as JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class _CallIds:
    """Gives ids that every provider takes, each one once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._numbers = count(1)

    def take(self, call_id: str) -> str:
        while call_id in self._taken or not _CALL_ID.fullmatch(call_id):
            call_id = f"call_{next(self._numbers)}"
        self._taken.add(call_id)
        return call_id


def _content(message: Message) -> Iterator[str | FilePart]:
    for part in message.parts:
        if isinstance(part, FilePart):
            yield part
        elif isinstance(part, TextPart) and part.text.strip():
            yield part.text


def _answers(message: Message, ids: _CallIds) -> Iterator[Answered]:
    turn = Answered()
    for part in message.parts:
        # Whatever a model says after its calls it says in another answer.
        begins = isinstance(part, StepStartPart) or (turn.calls and isinstance(part, TextPart | ReasoningPart))
        if begins and (turn.calls or turn.text.strip()):
            yield turn
            turn = Answered()
        if isinstance(part, TextPart):
            turn.text += part.text
        elif isinstance(part, ToolPart) and part.settled:
            turn.calls.append(_call(part, ids))
    if turn.calls or turn.text.strip():
        yield turn


def _call(part: ToolPart, ids: _CallIds) -> Call:
    name = _NOT_OF_A_NAME.sub("_", part.name)[:_NAME_LENGTH] or "tool"
    given: dict[str, Json] = part.input if isinstance(part.input, dict) else {}
    if part.input is not None and not isinstance(part.input, dict):
        given = {"input": part.input}
    outcome = {"output-error": part.error or "", "output-denied": _REFUSED}.get(part.state)
    if outcome is None:
        outcome = part.output if isinstance(part.output, str) else json_text(part.output)
    return Call(ids.take(part.call_id), name, given, outcome, failed=part.state == "output-error")
