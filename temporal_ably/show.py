"""``temporal-ably show``: what a channel holds, as a transcript for people or as envelopes for programs."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

from temporal_ably._session.attempts import judged
from temporal_ably._session.fold import Fold
from temporal_ably._session.transcript import transcript
from temporal_ably._transport.realtime import RealtimeConnection
from temporal_ably.envelope import Envelope
from temporal_ably.errors import DecodeError, HistoryError, SettingsError
from temporal_ably.settings import credentials, load

if TYPE_CHECKING:
    from collections.abc import Iterable

    from temporal_ably._transport.base import Stored


def show(channel: str, *, envelopes: bool = False) -> int:
    """Print a channel's history, read with the settings of the environment.

    Args:
        channel: the session's channel.
        envelopes: one JSON object a message instead of a transcript.

    Returns:
        The exit code: 1 if it cannot be read or holds no session.
    """
    try:
        stored = asyncio.run(_history(channel))
    except (SettingsError, HistoryError) as err:
        sys.stderr.write(f"{err}\n")
        return 1
    found = _envelopes(channel, reversed(stored))
    lines = [each.model_dump_json(exclude_defaults=True) for each in found] if envelopes else _transcript(found)
    if not lines:
        sys.stderr.write(
            f"unable to show {channel}; no session is there; check its name, and how long the channel keeps its "
            "history\n"
        )
        return 1
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


async def _history(channel: str) -> list[Stored]:
    # ABLY_ENABLED is about publishing.
    settings = load(None, {}, needs_key=False)
    if settings.api_key is None:
        raise SettingsError(
            "unable to read from Ably; ABLY_API_KEY is not set; set it to a key of your Ably app with the history "
            "capability, or, for a local server, to what `temporal-ably dev` prints"
        )
    connection = RealtimeConnection(credentials(settings))
    return [stored async for stored in connection.history(channel)]


def _envelopes(channel: str, stored: Iterable[Stored]) -> list[Envelope]:
    found = (_read(each, channel) for each in stored)
    return judged(each for each in found if each is not None)


def _read(stored: Stored, channel: str) -> Envelope | None:
    try:
        return Envelope.of(stored, channel=channel)
    except DecodeError:
        return None  # Whatever else is published to the channel.


def _transcript(envelopes: Iterable[Envelope]) -> list[str]:
    fold = Fold()
    for envelope in envelopes:
        fold.apply(envelope)
    return transcript(fold.session)
