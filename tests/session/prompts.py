"""Messages on paper, for prompts, and whether a provider would take what is made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, cast, get_args

from hypothesis import strategies as st
from pydantic import TypeAdapter

from temporal_ably._session.model import Message
from temporal_ably._session.parts import (
    DataPart,
    FilePart,
    Part,
    ReasoningPart,
    SourceUrlPart,
    StepStartPart,
    TextPart,
    ToolPart,
    ToolState,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from temporal_ably._session.model import Role
    from temporal_ably._wire.parts import Json

STEP = StepStartPart("1")
PNG = "data:image/png;base64,iVBORw0KGgo="
PDF = "data:application/pdf;base64,JVBERi0="


def says(role: Role, *parts: Part | str, message_id: str = "m") -> Message:
    return Message(message_id, "1", message_id, tuple(map(_part, parts)), role=role)


def user(*parts: Part | str) -> Message:
    return says("user", *parts)


def assistant(*parts: Part | str) -> Message:
    return says("assistant", *parts)


def file(url: str, media_type: str) -> FilePart:
    return FilePart("1", media_type, url)


def call(state: ToolState = "output-available", call_id: str = "c1", name: str = "search", **values: Json) -> ToolPart:
    given: dict[str, Json] = {"input": {"q": "a"}, "output": "found"} if state == "output-available" else {}
    return ToolPart("1", call_id, name, state, values={**given, **values})


def _part(part: Part | str) -> Part:
    return TextPart("1", part) if isinstance(part, str) else part


URLS = [
    PNG,
    PDF,
    "data:text/plain,hello",
    "data:text/plain,",
    "data:nothing",
    "https://a/b",
    "data:image/png;base64,?",
    "",
]
MEDIA_TYPES = ["image/png", "image/*", "image/svg+xml", "application/pdf", "text/plain", "audio/wav", ""]
TEXTS = ["a", "b ", " ", "", "\n\n"]
CALL_IDS = ["c1", "c2", "call_1", "a/b:c", "x" * 60, ""]
NAMES = ["search", "get weather", "", "n" * 80]
STATES: list[ToolState] = list(get_args(ToolState))
INPUTS: list[dict[str, Json]] = [{}, {"input": {"q": 1}}, {"input": "raw"}, {"input": [1]}, {"input": None}]
OUTCOMES: list[dict[str, Json]] = [{}, {"output": {"n": 1}}, {"output": None}, {"output": ""}, {"errorText": "no"}]


@st.composite
def _parts(draw: st.DrawFn) -> Part:
    kind = draw(st.sampled_from(["step", "text", "reasoning", "file", "source", "data", "call", "call"]))
    if kind == "text":
        return TextPart("1", draw(st.sampled_from(TEXTS)))
    if kind == "file":
        return FilePart("1", draw(st.sampled_from(MEDIA_TYPES)), draw(st.sampled_from(URLS)))
    if kind == "call":
        values = draw(st.sampled_from(INPUTS)) | draw(st.sampled_from(OUTCOMES))
        call_id, name, state = (draw(st.sampled_from(each)) for each in (CALL_IDS, NAMES, STATES))
        return ToolPart("1", call_id, name, cast("ToolState", state), values=values)
    whole: dict[str, Part] = {
        "step": STEP,
        "reasoning": ReasoningPart("1", "hm"),
        "source": SourceUrlPart("1", "s", "https://a"),
        "data": DataPart("1", "data-x", None, {}),
    }
    return whole[kind]


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    """Draw messages of any sort, sensible or not."""
    roles = draw(st.lists(st.sampled_from(["user", "assistant"]), max_size=6))
    return [says(cast("Role", role), *draw(st.lists(_parts(), max_size=5))) for role in roles]


def accepted(value: Sequence[object], item: object) -> list[dict[str, Any]]:
    """See that a provider's own types take a prompt, in all its depth."""
    for each in value:
        _read(_adapter(item).validate_python(each))
    return cast("list[dict[str, Any]]", list(value))


@cache
def _adapter(item: object) -> TypeAdapter[Any]:
    return TypeAdapter(cast("Any", item))


def _read(value: object) -> None:
    # What is declared as iterable is only looked at as it is read.
    if isinstance(value, Mapping):
        for each in cast("Mapping[str, object]", value).values():
            _read(each)
    elif isinstance(value, Iterable) and not isinstance(value, str):
        for each in cast("Iterable[object]", value):
            _read(each)
