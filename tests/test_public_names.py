"""The public names, frozen: a change here is a change for users, and belongs in CHANGELOG.md."""

from __future__ import annotations

import inspect

import pytest

import temporal_ably
from temporal_ably import errors

ERRORS = {
    "ChannelRuleError",
    "ConnectionLostError",
    "DecodeError",
    "EncodeError",
    "HistoryError",
    "MessageTooLargeError",
    "PublishError",
    "SettingsError",
    "StreamClosedError",
    "TemporalAblyError",
}
NAMES = ERRORS | {
    "AblyInterceptor",
    "AblyPlugin",
    "AblySettings",
    "ActivityStream",
    "Conversation",
    "Envelope",
    "Invocation",
    "Message",
    "ReconciledRun",
    "Reconciliation",
    "Session",
    "SessionReader",
    "client_token",
    "current_stream",
    "durable_session",
    "read_session",
    "reconcile",
    "session_name",
    "streaming",
    "suspended",
    "turn",
    "wait_for_approval",
}


def test_public_names_are_frozen() -> None:
    assert set(temporal_ably.__all__) == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_public_name_resolves_and_is_documented(name: str) -> None:
    assert inspect.getdoc(getattr(temporal_ably, name))


def test_every_error_is_public() -> None:
    classes = inspect.getmembers(errors, inspect.isclass)
    assert {name for name, kind in classes if issubclass(kind, Exception)} == ERRORS


def test_unknown_name_is_an_ordinary_attribute_error() -> None:
    name = "no_such_name"
    with pytest.raises(AttributeError, match=name):
        getattr(temporal_ably, name)
