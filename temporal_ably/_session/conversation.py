"""What an agent has to know before it answers: the conversation so far, as messages and as prompts.

The rule of the file: a prompt can be sent to a model at any time, whatever state the conversation is in.

Source: @ably/ai-transport 0.8.0, ``src/core/transport/leaf-branch-source.ts``, ``steer-ordering.ts``. Other than there,
a message that was made anew within a run has no part in the prompt beside the one that took its place.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from itertools import accumulate, takewhile
from typing import TYPE_CHECKING

from temporal_ably._session.anthropic_prompt import anthropic_messages
from temporal_ably._session.openai_prompt import chat_messages, response_items
from temporal_ably._session.parts import StepStartPart, ToolPart

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from anthropic.types import MessageParam
    from openai.types.chat import ChatCompletionMessageParam
    from openai.types.responses import ResponseInputItemParam

    from temporal_ably._session.branches import Branches, Node
    from temporal_ably._session.model import Input, Message, Run
    from temporal_ably._wire.parts import Json

# What tells it from those of other invocations; then where it is started. Source: ``_wire/identity.py``.
_STEP = re.compile(r"(.*?)((?:/[0-9]+\.[0-9]+)*:[0-9]+:[0-9]+)", re.DOTALL)


@dataclass(frozen=True)
class Conversation:
    """Messages of users and agents, in order."""

    messages: tuple[Message, ...] = ()

    def __iter__(self) -> Iterator[Message]:
        """Give the messages."""
        return iter(self.messages)

    def __len__(self) -> int:
        """Count the messages."""
        return len(self.messages)

    @property
    def prompt(self) -> str:
        """The text of what a user said last."""
        said = (message.text for message in reversed(self.messages) if message.role == "user")
        return next(said, "")

    @property
    def text(self) -> str:
        """The texts, each after who said it, with an empty line between them."""
        said = ((message.role, message.text) for message in self.messages)
        return "\n\n".join(f"{role}: {text}" for role, text in said if text)

    def tool_call(self, call_id: str) -> ToolPart | None:
        """Find a tool call, with what became of it: whether it was ``approved``, its ``output``, its ``error``."""
        parts = (part for message in reversed(self.messages) for part in message.parts)
        return next((part for part in parts if isinstance(part, ToolPart) and part.call_id == call_id), None)

    def last(self, *, messages: int | None = None, characters: int | None = None) -> Conversation:
        """Give the newest part of it that keeps within limits and begins with what a user said.

        What a user said last, and all after it, is there in any case.

        Args:
            messages: how many at the most; ``None`` for any number.
            characters: of their JSON, how many at the most; ``None`` for any number.
        """
        sizes = [len(json.dumps(message.as_ui(), ensure_ascii=False)) for message in self.messages]
        left = list(accumulate(reversed(sizes)))[::-1]
        places = [place for place, message in enumerate(self.messages) if place == 0 or message.role == "user"]
        most = len(self.messages) if messages is None else messages
        room = sum(sizes) if characters is None else characters
        fitting = (place for place in places if len(sizes) - place <= most and left[place] <= room)
        return Conversation(self.messages[next(fitting, places[-1] if places else 0) :])

    def as_ui(self) -> list[dict[str, Json]]:
        """Give the messages as UIMessages of the AI SDK."""
        return [message.as_ui() for message in self.messages]

    def to_openai(self) -> list[ChatCompletionMessageParam]:
        """Give the messages for OpenAI's Chat Completions, and for all who speak it.

        Images and files of users go along, as far as the API takes them; one that it does not take is named in a text.
        Tool calls go along with their outcome; those without any are left out, as are reasoning, sources and data.
        """
        return chat_messages(self.messages)

    def to_openai_responses(self) -> list[ResponseInputItemParam]:
        """Give the messages as the input of OpenAI's Responses, otherwise as ``to_openai``."""
        return response_items(self.messages)

    def to_anthropic(self) -> list[MessageParam]:
        """Give the messages for Anthropic's Messages, otherwise as ``to_openai``.

        Users and assistant take turns, and a user begins. Reasoning is left out, because its signature is not kept in
        a session.
        """
        return anthropic_messages(self.messages)


def recall(branches: Branches, *, input_id: str, run_id: str, without_step: str) -> Conversation:
    """Give what was said up to an input, and in the run that answers it.

    Args:
        branches: the session.
        input_id: the input, by its event id or by its message's id; empty without one.
        run_id: the run; empty where it is not known.
        without_step: the step of the run that asks.
    """
    asked = _find_input(branches.inputs, input_id) if input_id else None
    own = _own_run(branches, asked, input_id, run_id)
    chain = _chain(branches, asked, own)
    kept = _without_what_came_to_nothing(chain, own)
    remade = {node.run.regenerates for node in kept if node.run is not None} | {asked.regenerates if asked else ""}
    found: list[Message] = []
    for node in kept:
        messages = node.messages
        if node.run is not None and node is own:
            messages = _own_messages(node.run, asked, without_step)
        # What was made anew within a run ends there.
        found += _before(messages, remade)
    return Conversation(tuple(found))


def _find_input(inputs: Sequence[Input], input_id: str) -> Input | None:
    by_event = (each for each in inputs if each.event_id == input_id)
    # Several results may be about one message: the newest of them is what the agent was woken for.
    by_message = (each for each in reversed(inputs) if each.id == input_id)
    return next(by_event, None) or next(by_message, None)


def _own_run(branches: Branches, asked: Input | None, input_id: str, run_id: str) -> Node | None:
    named = asked.run if asked is not None and asked.run else run_id
    known = branches.run(named)
    if known is not None or not input_id:
        return known
    answered = asked.id if asked is not None else input_id
    # The result of a tool is in its run before anybody has opened that.
    forked = branches.owner(answered)
    forked = forked if forked is not None and forked.run is not None else None
    if named:
        return forked
    answers = (node for node in reversed(branches.nodes) if node.run is not None and answered in node.run.input_ids)
    return next(answers, forked)


def _chain(branches: Branches, asked: Input | None, own: Node | None) -> list[Node]:
    anchor = own
    if asked is not None and not asked.run:
        # A wish to have an answer again is no message itself.
        anchor = branches.owner(asked.id) if asked.kind != "regenerate" else None
        anchor = anchor or branches.owner(asked.parent) or own
    chain = branches.lineage(anchor) if anchor is not None else []
    return chain if own is None or any(node is own for node in chain) else [*chain, own]


def _without_what_came_to_nothing(chain: Sequence[Node], own: Node | None) -> list[Node]:
    """Leave out the runs that were not completed, together with what they answer.

    Such a run may hold a call without a result, and what its user asked for stands without an answer.
    """
    failed = [node for node in chain if node.run is not None and node is not own and node.run.status != "complete"]
    left_out = {node.place for node in failed}
    unanswered = {node.parent for node in failed}
    return [node for node in chain if node.place not in left_out and not (node.run is None and node.id in unanswered)]


def _own_messages(run: Run, asked: Input | None, without_step: str) -> list[Message]:
    repeated = [each for each in run.steps if without_step and not _is_before(each.id, without_step)]
    written = [message for step in repeated for message in step.canonical.messages]
    left_out = {part.serial for message in written for part in message.parts}
    messages = list(run.messages)
    if left_out:
        messages = [each for message in messages for each in _without_parts(message, left_out)]
    # What the agent has still to heed stands last, whenever it came.
    unheeded = {each for each in run.unanswered if asked is None or each != asked.id}
    return [
        *(each for each in messages if each.id not in unheeded),
        *(each for each in messages if each.id in unheeded),
    ]


def _is_before(step: str, asking: str) -> bool:
    """Tell whether a step has its place before the one that asks; what other agents call their steps tells nothing."""
    one, other = _STEP.fullmatch(step), _STEP.fullmatch(asking)
    if one is None or other is None or one[1] != other[1]:
        return step != asking
    return _starts(one[2]) < _starts(other[2])


def _starts(path: str) -> list[tuple[int, int]]:
    """Read the starts that led to a step, each by its segment and its ordinal, the root's first."""
    numbers = [int(number) for number in re.findall(r"[0-9]+", path)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _without_parts(message: Message, left_out: set[str]) -> Iterator[Message]:
    parts = tuple(part for part in message.parts if part.serial not in left_out)
    if len(parts) == len(message.parts):
        yield message
    elif any(not isinstance(part, StepStartPart) for part in parts):
        yield replace(message, parts=parts)


def _before(messages: Sequence[Message], ends: set[str]) -> Iterator[Message]:
    return takewhile(lambda message: message.id not in ends, messages)
