from dataclasses import replace

from temporal_ably._session.conversation import Conversation
from temporal_ably._session.model import Attempt, Input, Message, Run, Session, Step
from temporal_ably._session.parts import ReasoningPart, StepStartPart, TextPart


def _message(message_id: str, text: str) -> Message:
    return Message(message_id, "1", message_id, (TextPart("1", text),))


def _attempt(number: int, *messages: Message) -> Attempt:
    return Attempt(number, None, str(number), messages=messages)


def test_text_of_a_message_joins_its_text_parts_and_no_other():
    parts = (TextPart("1", "It is "), ReasoningPart("2", "look outside"), TextPart("3", "raining.", "streaming"))
    assert Message("m", "1", "m", parts).text == "It is raining."


def test_text_of_an_attempt_a_run_and_a_session_joins_their_messages():
    one, two = _message("a", "a"), _message("b", "b")
    assert _attempt(1, one, two).text == "ab"
    assert Run("r", messages=(one, two)).text == "ab"
    session = Session((Run("r", messages=(one,)), Run("s", messages=(two,))))
    assert session.text == "ab"
    assert session.messages == (one, two)


def test_the_last_attempt_of_a_step_is_canonical_and_the_others_are_dead():
    first, second, third = _attempt(1), _attempt(2), _attempt(3)
    step = Step("s", (first, second, third))
    assert step.canonical is third
    assert step.dead == (first, second)


def test_how_a_run_stands():
    runs = Run("r"), Run("r", suspended=True), Run("r", "error"), Run("r", "complete", suspended=True)
    assert [run.status for run in runs] == ["active", "suspended", "error", "complete"]


def test_text_of_a_run_and_a_session_is_what_the_agent_wrote():
    said, answered = replace(_message("u", "u"), role="user"), _message("a", "a")
    run = Run("r", serial="2", messages=(answered, said), parent="u")
    session = Session((run,), (Input("u", "e", "message", "1", message=said),))
    assert (run.text, session.text) == ("a", "a")
    assert [message.id for message in session.messages] == ["u", "a", "u"]


def test_an_input_has_a_message_or_none():
    said = _message("u", "u")
    assert Input("u", "e", "message", "1", message=said).messages == (said,)
    assert Input("m", "e", "tool-result", "1").messages == ()


def test_an_empty_session_knows_nothing():
    session = Session()
    assert (session.messages, session.text, session.path(["m"]), session.siblings("m")) == ((), "", (), ())
    assert session.conversation(run_id="r") == Conversation()


def test_a_message_of_a_user_as_a_ui_message():
    assert replace(_message("u", "Hi"), role="user").as_ui() == {
        "id": "u",
        "role": "user",
        "parts": [{"type": "text", "text": "Hi"}],
    }


def test_a_message_as_a_ui_message_has_the_id_that_the_ui_knows():
    message = Message("r/s/0", "1", "shown", (StepStartPart("1"), TextPart("2", "Hi")), {"agent": "writer"})
    assert message.as_ui() == {
        "id": "shown",
        "role": "assistant",
        "metadata": {"agent": "writer"},
        "parts": [{"type": "step-start"}, {"type": "text", "text": "Hi"}],
    }
    assert "metadata" not in _message("m", "").as_ui()
