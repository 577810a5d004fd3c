from __future__ import annotations

from temporal_ably._wire.operations import Append, Message, Publish, Update, messages_of, size_bytes

MESSAGE = Message("ai-output", "h\u00e9llo", {"headers": {"a": "b"}})


def test_every_operation_gives_its_messages() -> None:
    other = Message("ai-step-end", None, {})
    assert messages_of(Publish((MESSAGE, other))) == (MESSAGE, other)
    assert messages_of(Append("s1", MESSAGE)) == (MESSAGE,)
    assert messages_of(Update("s1", MESSAGE)) == (MESSAGE,)


def test_size_counts_name_data_and_extras_in_bytes() -> None:
    assert size_bytes(Append("s1", MESSAGE)) == len("ai-output") + 6 + len('{"headers": {"a": "b"}}')


def test_size_of_a_publish_is_the_sum_of_its_messages() -> None:
    assert size_bytes(Publish((MESSAGE, MESSAGE))) == 2 * size_bytes(Update("s1", MESSAGE))


def test_size_of_structured_data_is_that_of_its_json() -> None:
    assert size_bytes(Publish((Message("n", {"a": [1]}, {}),))) == len("n") + len('{"a": [1]}') + len("{}")


def test_size_counts_that_a_message_is_ephemeral() -> None:
    assert size_bytes(Publish((Message("n", "", {"ephemeral": True}),))) == len("n") + len('{"ephemeral": true}')


def test_update_without_data_is_one_that_leaves_it_as_it_is() -> None:
    mark = Update("s1", Message("ai-output", None, {}))
    assert messages_of(mark)[0].data is None
