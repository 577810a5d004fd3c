from temporal_ably._session.model import Attempt, Message, Part, Step


def _attempt(number: int, *messages: Message) -> Attempt:
    return Attempt(number, number, str(number), "wf", "answer", "writer", "", None, messages)


def test_text_of_a_message_joins_its_text_parts_and_no_other():
    parts = (
        Part("1", "text", "It is ", "complete"),
        Part("2", "reasoning", "look outside", "complete"),
        Part("3", "text", "raining.", "streaming"),
    )
    assert Message("m", parts).text == "It is raining."


def test_text_of_an_attempt_joins_its_messages():
    one, two = (Message(name, (Part(name, "text", name, "complete"),)) for name in ("a", "b"))
    assert _attempt(1, one, two).text == "ab"


def test_the_last_attempt_of_a_step_is_canonical_and_the_others_are_dead():
    first, second, third = _attempt(1), _attempt(2), _attempt(3)
    step = Step("s", (first, second, third))
    assert step.canonical is third
    assert step.dead == (first, second)
