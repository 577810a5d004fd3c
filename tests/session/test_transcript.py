from __future__ import annotations

from uuid import UUID

import pytest

from temporal_ably._session.model import Attempt, Input, Message, Run, Session, Step
from temporal_ably._session.parts import (
    DataPart,
    FilePart,
    Part,
    ReasoningPart,
    SourceDocumentPart,
    SourceUrlPart,
    StepStartPart,
    TextPart,
    ToolPart,
)
from temporal_ably._session.transcript import transcript
from temporal_ably._wire.events import Run as RunEvent
from tests.session.chat import Chat, data, file
from tests.session.recording import BEGIN, Recording


def test_a_retried_step_as_a_picture():
    channel = Recording()
    run = RunEvent(str(UUID(int=7)), "")
    channel.open_run(run)
    first = channel.attempt(run=run, activity="greet")
    first.write(*BEGIN)
    first.text().append("Hel").close("cancelled")
    first.end("failed")
    second = channel.attempt(run=run, activity="greet", number=2, started_us=2000)
    second.write(
        *BEGIN,
        {"type": "reasoning-start", "id": "0"},
        {"type": "reasoning-delta", "id": "0", "delta": "think"},
        {"type": "reasoning-end", "id": "0"},
        {"type": "tool-input-available", "toolCallId": "c1", "toolName": "getWeather", "input": {"city": "Oslo"}},
        {"type": "tool-output-available", "toolCallId": "c1", "output": {"temp": 3}},
    )
    second.text().append("Hello, ", "Ada!").close()
    second.end()
    channel.close_run(run)
    assert transcript(channel.session) == [
        "run 1 complete",
        "  step :0:1 greet (agent greet)",
        "    attempt 1 failed, superseded by attempt 2",
        '      text "Hel" (cancelled)',
        "    attempt 2 complete",
        '      reasoning "think"',
        '      tool getWeather {"city":"Oslo"} -> {"temp":3}',
        '      text "Hello, Ada!"',
    ]


def test_a_zombie_is_called_one():
    channel = Recording()
    channel.attempt(number=2, started_us=2000)
    channel.attempt(number=1, started_us=1000)
    assert transcript(channel.session)[2] == "    attempt 1 never ended, superseded by attempt 2 (a zombie)"


def test_runs_and_steps_named_by_uuids_are_named_alike_each_time():
    def session(seed: int) -> Session:
        ids = [str(UUID(int=seed + place)) for place in range(3)]
        step = Step(f"{ids[2]}:5", (Attempt(1, None, "1"),))
        return Session((Run(ids[0]), Run("plain"), Run(f"{ids[1]}/turn", steps=(step,))))

    assert (
        transcript(session(0))
        == transcript(session(1 << 64))
        == [
            "run 1 open",
            "run plain open",
            "run 3 open",
            "  step …:5",
            "    attempt 1 open",
        ]
    )


CALL = ToolPart("1", "c1", "search", "input-available", values={"input": {"q": "é"}})


@pytest.mark.parametrize(
    ("part", "line"),
    [
        (TextPart("1", 'He said "no"\n'), 'text "He said \\"no\\"\\n"'),
        (TextPart("1", "é", "streaming"), 'text "é" (streaming)'),
        (TextPart("1", "é", "cancelled"), 'text "é" (cancelled)'),
        (TextPart("1", "é", missing=1), 'text "é" (1 character missing)'),
        (ReasoningPart("1", "é", "streaming", 3), 'reasoning "é" (streaming, 3 characters missing)'),
        (ReasoningPart("1", "é", "cancelled", 1), 'reasoning "é" (cancelled, 1 character missing)'),
        (StepStartPart("1"), "step-start"),
        (CALL, 'tool search {"q":"é"}'),
        (ToolPart("1", "c1", "search", "input-streaming", status="streaming"), "tool search (streaming)"),
        (ToolPart("1", "c1", "search", "input-streaming", status="cancelled"), "tool search (cancelled)"),
        (
            ToolPart("1", "c1", "search", "output-available", values={"output": 1, "preliminary": True}),
            "tool search -> 1 (preliminary)",
        ),
        (ToolPart("1", "c1", "search", "output-available", values={"output": None}), "tool search -> null"),
        (
            ToolPart("1", "c1", "search", "output-error", values={"errorText": "timed out"}),
            "tool search failed: timed out",
        ),
        (ToolPart("1", "c1", "search", "output-denied"), "tool search denied"),
        (ToolPart("1", "c1", "search", "approval-requested"), "tool search awaits approval"),
        (ToolPart("1", "c1", "search", "approval-responded"), "tool search approved"),
        (FilePart("1", "image/png", "https://a"), "file image/png https://a"),
        (SourceUrlPart("1", "s", "https://a"), "source https://a"),
        (SourceUrlPart("1", "s", "https://a", "A"), 'source https://a "A"'),
        (SourceDocumentPart("1", "s", "text/plain", "Notes"), 'source text/plain "Notes"'),
        (SourceDocumentPart("1", "s", "text/plain", "Notes", "notes.txt"), 'source text/plain "Notes" notes.txt'),
        (DataPart("1", "data-progress", None, {"n": 1}), 'data-progress {"n":1}'),
        (DataPart("1", "data-progress", "p", [1]), "data-progress p [1]"),
    ],
)
def test_a_part_as_a_line(part: Part, line: str):
    parts = (StepStartPart("0"), part)
    attempt = Attempt(1, None, "1", messages=(Message("m", "1", "m", parts),))
    lines = transcript(Session((Run("r", steps=(Step("s", (attempt,)),)),)))
    assert lines == ["run r open", "  step s", "    attempt 1 open", f"      {line}"]


def test_only_that_step_start_is_left_out_which_begins_a_message():
    parts = (StepStartPart("0"), TextPart("1", "a"), StepStartPart("2"), TextPart("3", "b"))
    messages = (Message("m", "0", "m", parts), Message("n", "4", "n", (TextPart("4", "c"),)))
    step = Step("s", (Attempt(1, None, "1", ended="complete", messages=messages),))
    assert transcript(Session((Run("r", steps=(step,)),)))[3:] == [
        "      message 1",
        '        text "a"',
        "        step-start",
        '        text "b"',
        "      message 2",
        '        text "c"',
    ]


def test_a_conversation_as_a_picture():
    chat = Chat()
    chat.say("u1", "Where", file("https://a", "image/png"))
    answer = chat.open("r1", "u1").message("Let me see.")
    chat.say("s1", "Quick!", run="r1")
    answer.begin(":0:2").call(ask=True).suspend()
    chat.say("s2", data("mode", 1), run="r1")
    assert transcript(chat.session)[2:] == [
        "run r1 suspended",
        "  step :0:1",
        "    attempt 1 open",
        '      text "Let me see."',
        '  user alice "Quick!"',
        "  step :0:2",
        "    attempt 1 open",
        '      tool search {"q":"a"} awaits approval',
        "  user alice data-mode d 1",
    ]
    chat.approve("r1.2", "r1")
    answer.resume("r1.2", "again").message("There.").end()
    chat.say("u1b", "Where is it?", fork_of="u1")
    chat.open("r2", "u1b")
    lines = transcript(chat.session)
    assert lines[:3] == ['user alice "Where" (hidden)', "  file image/png https://a", "run r1 complete (hidden)"]
    assert lines[9] == '      tool search {"q":"a"} approved'
    assert lines[11:] == [
        "  step again:0:1",
        "    attempt 1 open",
        '      text "There."',
        'user alice "Where is it?"',
        "run r2 open",
        "  step :0:1",
        "    attempt 1 open",
    ]


def test_a_message_of_nobody_that_is_empty():
    said = Message("u", "1", "u", role="user")
    assert transcript(Session((), (Input("u", "e", "message", "1", message=said),))) == ["user"]


def test_an_empty_session_is_no_lines():
    assert transcript(Session()) == []


@pytest.mark.parametrize("width", [1, 2, 9, 20, 21, 30])
def test_lines_are_shortened_in_the_middle_when_asked(width: int):
    session = Session((Run("abcdefghijklmnop"),))
    (line,) = transcript(session, width=width)
    (whole,) = transcript(session)
    head, _, tail = line.partition("…")
    assert len(line) == min(width, len(whole))
    assert whole.startswith(head)
    assert whole.endswith(tail)
