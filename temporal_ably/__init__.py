"""Durable sessions for Temporal workers: streams of activities on Ably channels.

One line does it: ``Worker(client, ..., interceptors=[AblyInterceptor()])``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporal_ably._temporal.interceptor import AblyInterceptor, session_name
from temporal_ably._temporal.streaming import current_stream, streaming
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
    from temporal_ably.envelope import Envelope
    from temporal_ably.settings import AblySettings

__all__ = [
    "AblyInterceptor",
    "AblySettings",
    "ChannelRuleError",
    "ConnectionLostError",
    "DecodeError",
    "EncodeError",
    "Envelope",
    "HistoryError",
    "MessageTooLargeError",
    "PublishError",
    "SettingsError",
    "StreamClosedError",
    "TemporalAblyError",
    "current_stream",
    "session_name",
    "streaming",
]


def __getattr__(name: str) -> object:
    # These bring pydantic along, which a workflow's sandbox would load for each workflow.
    if name == "Envelope":
        from temporal_ably.envelope import Envelope

        return Envelope
    if name == "AblySettings":
        from temporal_ably.settings import AblySettings

        return AblySettings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
