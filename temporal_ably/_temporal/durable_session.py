"""``durable_session``: what a client says of the session of the workflows that it starts or talks to."""

from __future__ import annotations

import logging
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from temporal_ably._wire.names import is_channel_name
from temporal_ably.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Generator

    from temporal_ably._wire.identity import Header

logger = logging.getLogger("temporal_ably")


@dataclass
class _Wish:
    header: Header
    heard: bool = False


_wish: ContextVar[_Wish | None] = ContextVar("temporal_ably_durable_session", default=None)


@contextmanager
def durable_session(session: str, *, input_event_id: str = "", client_id: str = "") -> Generator[None]:
    """Bind the workflows that are started or talked to within the block to a session.

    ::

        with durable_session("ai:chat-42", input_event_id=body["inputEventId"], client_id="alice"):
            await client.start_workflow(...)

    It holds for ``start_workflow``, ``execute_workflow``, signals, updates, signal-with-start and
    update-with-start through a Temporal client that has ``AblyInterceptor`` (or ``AblyPlugin``), awaited
    within the block. A workflow that is started so streams to that channel, and so do its children; what
    a signal or an update brings about belongs to a turn of its own. A session that a workflow inherits
    from its parent stays.

    Args:
        session: the channel, as Ably's client was given it.
        input_event_id: identifies what is to be answered on the channel: ``inputEventId`` of the body that
            Ably's clients post. Without it the run answers nothing in particular.
        client_id: who it is for, where the input does not tell.

    Raises:
        SettingsError: if Ably would not take ``session`` for a channel.
    """
    from temporal_ably._wire.identity import Header

    if not is_channel_name(session):
        raise SettingsError(
            f"unable to use the argument session {session!r}; a channel name is not empty, does not begin with '[' or "
            "':' and holds no comma, white space or control character; encode those, as in session_name()"
        )
    wish = _Wish(Header(session, input=input_event_id, client_id=client_id))
    token = _wish.set(wish)
    try:
        yield
    finally:
        # Web frameworks may leave a block elsewhere than they entered it; then it was heard by nobody.
        with suppress(ValueError):
            _wish.reset(token)
    if not wish.heard:
        logger.warning(
            "unable to bind anything to session %s; no workflow was started, signalled or updated within "
            "durable_session() through a client with AblyInterceptor; give it to Client.connect(interceptors=[...])",
            session,
        )


def take_wish() -> Header | None:
    """Give what the block around this call asks for."""
    wish = _wish.get()
    if wish is None:
        return None
    wish.heard = True
    return wish.header
