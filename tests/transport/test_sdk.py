"""Messages of the SDK as ours, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
from ably.types.message import Message as SdkMessage  # pyright: ignore[reportMissingTypeStubs] - it has none
from ably.types.message import MessageAction, MessageVersion  # pyright: ignore[reportMissingTypeStubs]
from ably.util.exceptions import AblyException  # pyright: ignore[reportMissingTypeStubs]

from temporal_ably._transport.base import Stored
from temporal_ably._transport.sdk import ably_error, ably_message, delivered, stored
from temporal_ably._wire.operations import Message


def message(action: int | None = 0, version: str = "1", by: str | None = None, **fields: Any) -> Any:
    changed = MessageVersion(serial=version, client_id=by)
    found: object = SdkMessage(serial="1", version=changed, action=action, **fields)
    return found


def test_a_delivered_message_has_all_that_the_sdk_knows_of_it() -> None:
    fields: dict[str, object] = {"name": "n", "data": "d", "extras": {}, "id": "x", "client_id": "me", "timestamp": 7}
    expected = Stored("1", "n", "d", {}, version="2", client_id="me", id="x", timestamp=7, action="append")
    assert delivered(message(5, "2", "you", **fields)) == replace(expected, version_client_id="you")


def test_what_a_message_lacks_is_empty() -> None:
    assert delivered(message(None)) == Stored("1", "", None, {}, version="1")


@pytest.mark.parametrize("action", [MessageAction.META, MessageAction.MESSAGE_SUMMARY])
def test_what_nobody_published_is_no_message(action: int) -> None:
    assert delivered(message(action)) is None


def test_every_other_action_of_the_sdk_is_known() -> None:
    others = set(MessageAction) - {MessageAction.META, MessageAction.MESSAGE_SUMMARY}
    found = [delivered(message(action)) for action in sorted(others)]
    assert [each and each.action for each in found] == ["create", "update", "delete", "append"]


@pytest.mark.parametrize(
    ("number", "version", "action"),
    [(0, "1", "create"), (1, "2", "update"), (0, "2", "update"), (4, "1", "create"), (2, "2", "delete")],
)
def test_history_tells_by_the_version_whether_a_message_was_changed(number: int, version: str, action: str) -> None:
    assert stored(message(number, version)).action == action


def test_a_message_is_published_as_it_is() -> None:
    made = cast("Any", ably_message(Message("n", {"a": 1}, {"headers": {"tag": "1"}}, id="x"), "s"))
    assert (made.name, made.data, made.extras, made.id, made.serial) == (
        "n",
        {"a": 1},
        {"headers": {"tag": "1"}},
        "x",
        "s",
    )


def test_only_an_exception_of_ably_has_a_code() -> None:
    error = ably_error(AblyException("no", 401, 40160))
    assert error is not None
    assert error.code == 40160
    assert ably_error(OSError()) is None
    assert ably_error(None) is None
