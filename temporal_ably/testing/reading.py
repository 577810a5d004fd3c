"""What the recorder and the local server have in common where they show what a channel holds. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from temporal_ably._session.fold import Fold
from temporal_ably.envelope import Envelope
from temporal_ably.errors import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from temporal_ably._session.model import Session


class UnknownChannelError(LookupError):
    """Nothing was published to that channel; the text names the channels that were published to."""


def check_known(channel: str, known: Sequence[str]) -> None:
    """See that something was published to a channel.

    Raises:
        UnknownChannelError: if it is none of the known ones.
    """
    if channel not in known:
        raise UnknownChannelError(
            f"unable to find channel {channel}; nothing was published to it; "
            f"there is {', '.join(known) if known else 'no channel yet'}"
        )


def read(messages: Iterable[object], channel: str) -> list[Envelope]:
    """Read the messages of a channel. What is no message of a session is left out."""
    found = (_read(message, channel) for message in messages)
    return [each for each in found if each is not None]


def fold(envelopes: Iterable[Envelope]) -> Session:
    """Give the session that the messages of a channel make."""
    folding = Fold()
    for envelope in envelopes:
        folding.apply(envelope)
    return folding.session


def _read(message: object, channel: str) -> Envelope | None:
    try:
        return Envelope.of(message, channel=channel)
    except DecodeError:
        return None
