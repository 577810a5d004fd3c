"""Durable sessions for Temporal workers: streams of activities on Ably channels.

One line does it: ``Worker(client, ..., interceptors=[AblyInterceptor()])``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from temporal_ably.errors import (
    ChannelRuleError,
    ConnectionLostError,
    DecodeError,
    EncodeError,
    HistoryError,
    MessageTooLargeError,
    PublishError,
    SettingsError,
    StreamClosedError,
    TemporalAblyError,
)

if TYPE_CHECKING:
    from temporal_ably._session.conversation import Conversation
    from temporal_ably._session.model import Message, Session
    from temporal_ably._temporal.durable_session import durable_session
    from temporal_ably._temporal.interceptor import AblyInterceptor, session_name
    from temporal_ably._temporal.invocation import Invocation
    from temporal_ably._temporal.plugin import AblyPlugin
    from temporal_ably._temporal.reconcile import reconcile
    from temporal_ably._temporal.reconciliation import ReconciledRun, Reconciliation
    from temporal_ably._temporal.stream import ActivityStream
    from temporal_ably._temporal.streaming import current_stream, streaming
    from temporal_ably._temporal.suspending import suspended, wait_for_approval
    from temporal_ably._temporal.turns import turn
    from temporal_ably.access import client_token
    from temporal_ably.envelope import Envelope
    from temporal_ably.reader import SessionReader, read_session
    from temporal_ably.settings import AblySettings

__all__ = [
    "AblyInterceptor",
    "AblyPlugin",
    "AblySettings",
    "ActivityStream",
    "ChannelRuleError",
    "ConnectionLostError",
    "Conversation",
    "DecodeError",
    "EncodeError",
    "Envelope",
    "HistoryError",
    "Invocation",
    "Message",
    "MessageTooLargeError",
    "PublishError",
    "ReconciledRun",
    "Reconciliation",
    "Session",
    "SessionReader",
    "SettingsError",
    "StreamClosedError",
    "TemporalAblyError",
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
]


_HOMES = {
    "AblyInterceptor": "temporal_ably._temporal.interceptor",
    "AblyPlugin": "temporal_ably._temporal.plugin",
    "AblySettings": "temporal_ably.settings",
    "ActivityStream": "temporal_ably._temporal.stream",
    "Conversation": "temporal_ably._session.conversation",
    "Envelope": "temporal_ably.envelope",
    "Invocation": "temporal_ably._temporal.invocation",
    "Message": "temporal_ably._session.model",
    "ReconciledRun": "temporal_ably._temporal.reconciliation",
    "Reconciliation": "temporal_ably._temporal.reconciliation",
    "Session": "temporal_ably._session.model",
    "SessionReader": "temporal_ably.reader",
    "client_token": "temporal_ably.access",
    "current_stream": "temporal_ably._temporal.streaming",
    "durable_session": "temporal_ably._temporal.durable_session",
    "read_session": "temporal_ably.reader",
    "reconcile": "temporal_ably._temporal.reconcile",
    "session_name": "temporal_ably._temporal.interceptor",
    "streaming": "temporal_ably._temporal.streaming",
    "suspended": "temporal_ably._temporal.suspending",
    "turn": "temporal_ably._temporal.turns",
    "wait_for_approval": "temporal_ably._temporal.suspending",
}


def __getattr__(name: str) -> object:
    # Settings and envelopes bring pydantic along, which a workflow's sandbox would load for each workflow; pytest
    # loads this package with our plugin, where not even Temporal's SDK is needed.
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)
