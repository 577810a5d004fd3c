from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from anthropic.types import MessageParam
from hypothesis import given

from temporal_ably._session.anthropic_prompt import anthropic_messages
from tests.session.prompts import PDF, PNG, STEP, accepted, assistant, call, conversations, file, user

if TYPE_CHECKING:
    from temporal_ably._session.model import Message
    from temporal_ably._session.parts import FilePart


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def prompt(*messages: Message) -> list[dict[str, Any]]:
    return accepted(anthropic_messages(messages), MessageParam)


def test_a_conversation_for_messages():
    answer = assistant(STEP, "Let me see.", call(), call("output-error", "c2", errorText="no"), STEP, "There.")
    assert prompt(user("Where is it?"), answer, assistant("Indeed."), user("And"), user("now?")) == [
        {"role": "user", "content": [text("Where is it?")]},
        {
            "role": "assistant",
            "content": [
                text("Let me see."),
                {"type": "tool_use", "id": "c1", "name": "search", "input": {"q": "a"}},
                {"type": "tool_use", "id": "c2", "name": "search", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "c1", "content": "found"},
                {"type": "tool_result", "tool_use_id": "c2", "content": "no", "is_error": True},
            ],
        },
        {"role": "assistant", "content": [text("There."), text("Indeed.")]},
        {"role": "user", "content": [text("And"), text("now?")]},
    ]


def test_results_stand_before_what_a_user_says_next():
    (*_, last) = prompt(user("a"), assistant(call()), user("b"))
    assert [block["type"] for block in last["content"]] == ["tool_result", "text"]


def test_a_user_begins():
    assert prompt(assistant("Welcome!", call()), assistant("b"), user("Hi")) == [
        {"role": "user", "content": [text("Hi")]}
    ]
    assert prompt(assistant("Welcome!")) == []


def test_a_last_answer_does_not_end_in_white_space():
    assert prompt(user("a"), assistant("b \n"))[-1]["content"] == [text("b")]
    assert prompt(user("a"), assistant("b "), user("c"))[1]["content"] == [text("b ")]


SVG = "data:image/svg+xml;base64,YQ=="


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            file(PNG, "image/png"),
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
            },
        ),
        (file("https://a", "image/webp"), {"type": "image", "source": {"type": "url", "url": "https://a"}}),
        (file("https://a", "image/*"), {"type": "image", "source": {"type": "url", "url": "https://a"}}),
        (file("https://a", "image/svg+xml"), text("[a file of type image/svg+xml at https://a]")),
        (file(SVG, "image/*"), text("[a file of type image/*]")),
        (
            file(PDF, "application/pdf"),
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
            },
        ),
        (file("https://a", "application/pdf"), {"type": "document", "source": {"type": "url", "url": "https://a"}}),
        (file("data:text/plain,hello", "text/plain"), text("hello")),
        (file("https://a", "audio/wav"), text("[a file of type audio/wav at https://a]")),
    ],
)
def test_files_of_users(part: FilePart, block: dict[str, Any]):
    assert prompt(user(part)) == [{"role": "user", "content": [block]}]


@given(conversations())
def test_any_conversation_is_one_that_messages_takes(messages: list[Message]):
    told = prompt(*messages)
    roles = [message["role"] for message in told]
    assert roles == ["user", "assistant"] * (len(told) // 2) + ["user"] * (len(told) % 2)
    uses: list[str] = []
    for message in told:
        blocks = message["content"]
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        assert results == uses
        assert [block["type"] for block in blocks[: len(results)]] == ["tool_result"] * len(results)
        uses = [block["id"] for block in blocks if block["type"] == "tool_use"]
        assert all(block["text"].strip() for block in blocks if block["type"] == "text")
        assert blocks
    assert uses == []
    assert (
        not told or roles[-1] == "user" or told[-1]["content"][-1]["text"].rstrip() == told[-1]["content"][-1]["text"]
    )
