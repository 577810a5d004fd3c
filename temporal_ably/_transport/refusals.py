"""What Ably's error codes mean for us: whether time mends it, and what does. Source: ably-common, ``errors/codes``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporal_ably._transport.secrets import REDACTION
from temporal_ably.errors import ChannelRuleError, MessageTooLargeError, PublishError

if TYPE_CHECKING:
    from temporal_ably._transport.sdk import AblyError

_CAPABILITY_CODES = (40160, 40161, 40162, 40165, 40166)
# Malformed key, unknown key, disabled account, forbidden, unknown app: nothing that time mends.
CREDENTIAL_CODES = (40005, *range(40100, 40200), *range(40300, 40500))


def is_refusal(code: int) -> bool:
    """Tell whether an operation that failed with this code is known not to have been applied."""
    # Everything else (5xxxx, 8xxxx, 90000) comes from the SDK itself or says nothing about the outcome.
    return 40000 <= code < 50000 or code == 93002


def refused_operation(error: AblyError, channel: str) -> PublishError:
    """Give our error for an operation that Ably refused."""
    why = REDACTION.text(f"{error.message} ({error.code})")
    if error.code == 93002:
        return ChannelRuleError(
            f"unable to stream to channel {channel}; {why}; enable the rule 'Message annotations, updates, deletes "
            "and appends' for the channel's namespace in the Ably dashboard",
            code=error.code,
            retryable=False,
            channel=channel,
        )
    if error.code == 40009:
        return MessageTooLargeError(
            f"unable to publish to channel {channel}; {why}; stream smaller parts",
            code=error.code,
            retryable=False,
            channel=channel,
        )
    if error.code in _CAPABILITY_CODES:
        return PublishError(
            f"unable to publish to channel {channel}; {why}; give the key the capabilities publish, history and "
            "message-update-own for this channel",
            code=error.code,
            retryable=False,
            channel=channel,
        )
    if error.code in CREDENTIAL_CODES and error.code != 40400:
        return PublishError(
            f"unable to publish to channel {channel}; {why}; check ABLY_API_KEY and the Ably account",
            code=error.code,
            retryable=False,
            channel=channel,
        )
    return PublishError(f"unable to publish to channel {channel}; {why}", code=error.code, channel=channel)


def refused_listening(code: int, message: str, channel: str) -> PublishError:
    """Give our error for a channel that Ably does not let us listen to."""
    for_good = code in CREDENTIAL_CODES
    fix = "give the key or token the capability subscribe for this channel" if for_good else "trying again later"
    why = REDACTION.text(f"{message} ({code})")
    return PublishError(
        f"unable to listen to channel {channel}; {why}; {fix}", code=code, retryable=not for_good, channel=channel
    )
