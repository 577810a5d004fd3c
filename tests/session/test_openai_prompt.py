from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from openai.types.chat import ChatCompletionMessageParam
from openai.types.responses import ResponseInputItemParam

from temporal_ably._session.openai_prompt import chat_messages, response_items
from tests.session.prompts import PDF, PNG, STEP, accepted, assistant, call, conversations, file, user

if TYPE_CHECKING:
    from temporal_ably._session.model import Message
    from temporal_ably._session.parts import FilePart

STORY = [
    user("Where is it?"),
    assistant(STEP, "Let me see.", call(), call("output-error", "c2", errorText="no"), STEP, "There."),
    user("And", "now?"),
]
WORDS = "[a file of type application/zip at https://a]"


def test_a_conversation_for_chat_completions():
    assert accepted(chat_messages(STORY), ChatCompletionMessageParam) == [
        {"role": "user", "content": "Where is it?"},
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "search", "arguments": '{"q":"a"}'}},
                {"id": "c2", "type": "function", "function": {"name": "search", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "found"},
        {"role": "tool", "tool_call_id": "c2", "content": "Error: no"},
        {"role": "assistant", "content": "There."},
        {"role": "user", "content": [{"type": "text", "text": "And"}, {"type": "text", "text": "now?"}]},
    ]


def test_a_conversation_for_responses():
    assert accepted(response_items(STORY), ResponseInputItemParam) == [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Where is it?"}]},
        {"type": "message", "role": "assistant", "content": "Let me see."},
        {"type": "function_call", "call_id": "c1", "name": "search", "arguments": '{"q":"a"}'},
        {"type": "function_call", "call_id": "c2", "name": "search", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "found"},
        {"type": "function_call_output", "call_id": "c2", "output": "Error: no"},
        {"type": "message", "role": "assistant", "content": "There."},
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "And"}, {"type": "input_text", "text": "now?"}],
        },
    ]


FILES: list[tuple[FilePart, dict[str, Any], dict[str, Any]]] = [
    (
        file("https://a", "image/png"),
        {"type": "image_url", "image_url": {"url": "https://a"}},
        {"type": "input_image", "image_url": "https://a", "detail": "auto"},
    ),
    (
        file(PNG, "image/png"),
        {"type": "image_url", "image_url": {"url": PNG}},
        {"type": "input_image", "image_url": PNG, "detail": "auto"},
    ),
    (
        file(PDF, "application/pdf"),
        {"type": "file", "file": {"filename": "file.pdf", "file_data": PDF}},
        {"type": "input_file", "filename": "file.pdf", "file_data": PDF},
    ),
    (
        file("https://a", "application/pdf"),
        {"type": "text", "text": "[a file of type application/pdf at https://a]"},
        {"type": "input_file", "file_url": "https://a"},
    ),
    (
        file("https://a", "application/zip"),
        {"type": "text", "text": WORDS},
        {"type": "input_text", "text": WORDS},
    ),
    (
        file("data:text/plain,hello", "text/plain"),
        {"type": "text", "text": "hello"},
        {"type": "input_text", "text": "hello"},
    ),
]


@pytest.mark.parametrize(("part", "in_chat", "in_responses"), FILES)
def test_files_of_users(part: FilePart, in_chat: dict[str, Any], in_responses: dict[str, Any]):
    assert accepted(chat_messages([user(part)]), ChatCompletionMessageParam) == [{"role": "user", "content": [in_chat]}]
    (item,) = accepted(response_items([user(part)]), ResponseInputItemParam)
    assert item["content"] == [in_responses]


def test_files_of_the_agent_do_not_go_along():
    assert chat_messages([assistant(file(PNG, "image/png"))]) == []


@given(conversations())
def test_any_conversation_is_one_that_chat_completions_takes(messages: list[Message]):
    prompt = accepted(chat_messages(messages), ChatCompletionMessageParam)
    waiting: list[str] = []
    for message in prompt:
        if message["role"] == "tool":
            assert message["tool_call_id"] == waiting.pop(0)
            continue
        # Each call is answered before anybody goes on.
        assert waiting == []
        waiting = [each["id"] for each in message.get("tool_calls", ())]
        assert message.get("content") or waiting
    assert waiting == []


@given(conversations())
def test_any_conversation_is_one_that_responses_takes(messages: list[Message]):
    prompt = accepted(response_items(messages), ResponseInputItemParam)
    made = [item["call_id"] for item in prompt if item["type"] == "function_call"]
    answered = [item["call_id"] for item in prompt if item["type"] == "function_call_output"]
    assert made == answered
    assert all(item["content"] for item in prompt if item["type"] == "message")
