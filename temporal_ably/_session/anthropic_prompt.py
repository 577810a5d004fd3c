"""Turns of a conversation in the words of Anthropic's Messages API.

The rule of the file: users and assistant take turns, and a user begins. Its types are Anthropic's own, which only type
checkers read.

Source: anthropic 2.14, ``types/message_param.py``.
"""

from __future__ import annotations

from itertools import dropwhile, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Literal, cast, get_args

from temporal_ably._session.turns import Answered, Call, Said, in_words, read_data_url, turns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from anthropic.types import (
        ContentBlockParam,
        DocumentBlockParam,
        ImageBlockParam,
        MessageParam,
        TextBlockParam,
        ToolResultBlockParam,
    )

    from temporal_ably._session.model import Message, Role
    from temporal_ably._session.parts import FilePart

_Image = Literal["image/jpeg", "image/png", "image/gif", "image/webp"]


def anthropic_messages(messages: Iterable[Message]) -> list[MessageParam]:
    """Give messages for the Messages API. What stands before the first message of a user is left out."""
    listed = list(dropwhile(lambda turn: isinstance(turn, Answered), turns(messages)))
    found: list[MessageParam] = []
    for role, same in groupby(_told(_trimmed(listed)), key=itemgetter(0)):
        blocks = [block for _, turn in same for block in turn]
        found.append(
            {"role": "user", "content": blocks} if role == "user" else {"role": "assistant", "content": blocks}
        )
    return found


def _trimmed(listed: list[Said | Answered]) -> list[Said | Answered]:
    """Take white space from the end of a last answer, which the API does not take."""
    last = listed[-1] if listed else None
    return [*listed[:-1], Answered(last.text.rstrip())] if isinstance(last, Answered) and not last.calls else listed


def _told(turns: Iterable[Said | Answered]) -> Iterator[tuple[Role, list[ContentBlockParam]]]:
    for turn in turns:
        if isinstance(turn, Said):
            yield "user", [_content(each) for each in turn.content]
            continue
        text: list[ContentBlockParam] = [_text(turn.text)] if turn.text.strip() else []
        uses: list[ContentBlockParam] = [
            {"type": "tool_use", "id": call.id, "name": call.name, "input": dict(call.input)} for call in turn.calls
        ]
        yield "assistant", [*text, *uses]
        if turn.calls:
            yield "user", [_result(call) for call in turn.calls]


def _result(call: Call) -> ToolResultBlockParam:
    result: ToolResultBlockParam = {"type": "tool_result", "tool_use_id": call.id, "content": call.outcome}
    return {**result, "is_error": True} if call.failed else result


def _content(content: str | FilePart) -> TextBlockParam | ImageBlockParam | DocumentBlockParam:
    if isinstance(content, str):
        return _text(content)
    if content.media_type.startswith("image/"):
        return _image(content)
    blob = read_data_url(content.url)
    if content.media_type == "application/pdf":
        if blob is None:
            return {"type": "document", "source": {"type": "url", "url": content.url}}
        return {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": blob.base64},
        }
    return _text(in_words(content))


def _image(part: FilePart) -> ImageBlockParam | TextBlockParam:
    blob = read_data_url(part.url)
    media_type = part.media_type if blob is None else blob.media_type
    known = next((each for each in get_args(_Image) if each == media_type), None)
    if blob is None and (known or media_type == "image/*"):
        return {"type": "image", "source": {"type": "url", "url": part.url}}
    if blob is None or known is None:
        return _text(in_words(part))
    return {"type": "image", "source": {"type": "base64", "media_type": cast("_Image", known), "data": blob.base64}}


def _text(text: str) -> TextBlockParam:
    return {"type": "text", "text": text}
