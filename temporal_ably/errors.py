"""The error tree. Imports nothing, so that a workflow sandbox can load it at no cost.

TemporalAblyError
├── SettingsError           a setting is missing or wrong
├── EncodeError             the caller's chunk cannot go on the wire
├── DecodeError             a message read from a channel cannot be understood
├── StreamClosedError       a part or stream was used after its end
├── HistoryError            a channel's history could not be read
└── PublishError            Ably did not take an operation
    ├── MessageTooLargeError
    ├── ChannelRuleError    the channel lacks a rule that streaming needs
    └── ConnectionLostError

Every message reads "unable to X; reason; fix" and holds no secret.
"""

from __future__ import annotations


class TemporalAblyError(Exception):
    """Base of every error raised by this package."""


class SettingsError(TemporalAblyError):
    """A setting is missing or wrong; the text names the variable and the fix."""


class EncodeError(TemporalAblyError):
    """The caller's chunk cannot go on the wire; the text names its type and the fix."""


class DecodeError(TemporalAblyError):
    """A message read from a channel cannot be understood."""


class StreamClosedError(TemporalAblyError):
    """A part or stream was used after its end."""


class HistoryError(TemporalAblyError):
    """A channel's history could not be read.

    Args:
        message: "unable to X; reason; fix".
        retryable: whether it may be readable later.
    """

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable


class PublishError(TemporalAblyError):
    """Ably did not take an operation.

    Args:
        message: "unable to X; reason; fix".
        code: Ably's error code, 0 where there is none.
        retryable: whether the same operation may succeed later.
        channel: the channel, or an empty string where the connection is at fault.
    """

    def __init__(self, message: str, *, code: int = 0, retryable: bool = True, channel: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable
        self.channel = channel


class MessageTooLargeError(PublishError):
    """One message is larger than the account's limit (Ably code 40009)."""


class ChannelRuleError(PublishError):
    """The channel's namespace lacks the rule for message appends and updates (Ably code 93002)."""


class ConnectionLostError(PublishError):
    """The connection ended before the outcome of the operation was known."""
