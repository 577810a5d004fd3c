"""Turns of a conversation in the words of OpenAI's APIs.

The rule of the file: its types are OpenAI's own, which only type checkers read.

Source: openai 3.54, ``types/chat/chat_completion_message_param.py``, ``types/responses/response_input_item_param.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporal_ably._session.turns import Answered, Call, in_words, read_data_url, turns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from openai.types.chat import (
        ChatCompletionAssistantMessageParam,
        ChatCompletionContentPartParam,
        ChatCompletionMessageFunctionToolCallParam,
        ChatCompletionMessageParam,
    )
    from openai.types.responses import ResponseInputContentParam, ResponseInputItemParam

    from temporal_ably._session.model import Message
    from temporal_ably._session.parts import FilePart

_IMAGES = ("image/*", "image/png", "image/jpeg", "image/gif", "image/webp")
_PDF = "application/pdf"
_PDF_NAME = "file.pdf"


def chat_messages(messages: Iterable[Message]) -> list[ChatCompletionMessageParam]:
    """Give messages for Chat Completions."""
    found: list[ChatCompletionMessageParam] = []
    for turn in turns(messages):
        if isinstance(turn, Answered):
            found += _chat_answer(turn)
        elif all(isinstance(each, str) for each in turn.content) and len(turn.content) == 1:
            found.append({"role": "user", "content": str(turn.content[0])})
        else:
            found.append({"role": "user", "content": [_chat_part(each) for each in turn.content]})
    return found


def _chat_answer(turn: Answered) -> Iterator[ChatCompletionMessageParam]:
    answer: ChatCompletionAssistantMessageParam = {"role": "assistant"}
    if turn.text.strip():
        answer["content"] = turn.text
    if turn.calls:
        answer["tool_calls"] = [_chat_call(call) for call in turn.calls]
    yield answer
    for call in turn.calls:
        yield {"role": "tool", "tool_call_id": call.id, "content": _outcome(call)}


def _chat_call(call: Call) -> ChatCompletionMessageFunctionToolCallParam:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _outcome(call: Call) -> str:
    # The API knows no failed call.
    return f"Error: {call.outcome}" if call.failed else call.outcome


def _chat_part(content: str | FilePart) -> ChatCompletionContentPartParam:
    if isinstance(content, str):
        return {"type": "text", "text": content}
    if content.media_type in _IMAGES:
        return {"type": "image_url", "image_url": {"url": content.url}}
    if content.media_type == _PDF and read_data_url(content.url) is not None:
        return {"type": "file", "file": {"filename": _PDF_NAME, "file_data": content.url}}
    return {"type": "text", "text": in_words(content)}


def response_items(messages: Iterable[Message]) -> list[ResponseInputItemParam]:
    """Give messages as the input of Responses."""
    found: list[ResponseInputItemParam] = []
    for turn in turns(messages):
        if isinstance(turn, Answered):
            found += _items_of_answer(turn)
        else:
            found.append({"type": "message", "role": "user", "content": [_input(each) for each in turn.content]})
    return found


def _items_of_answer(turn: Answered) -> Iterator[ResponseInputItemParam]:
    if turn.text.strip():
        yield {"type": "message", "role": "assistant", "content": turn.text}
    for call in turn.calls:
        yield {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}
    for call in turn.calls:
        yield {"type": "function_call_output", "call_id": call.id, "output": _outcome(call)}


def _input(content: str | FilePart) -> ResponseInputContentParam:
    if isinstance(content, str):
        return {"type": "input_text", "text": content}
    if content.media_type in _IMAGES:
        return {"type": "input_image", "image_url": content.url, "detail": "auto"}
    if content.media_type == _PDF and read_data_url(content.url) is None:
        return {"type": "input_file", "file_url": content.url}
    if content.media_type == _PDF:
        return {"type": "input_file", "filename": _PDF_NAME, "file_data": content.url}
    return {"type": "input_text", "text": in_words(content)}
