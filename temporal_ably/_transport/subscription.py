"""A channel that one client listens to.

The SDK's channel is a trap in many states (ably 3.1.4, as observed): one that failed, or whose attachment was not
answered, refuses publishes; to attach while it detaches suspends it; one that is released while attached has
each message logged as an error; a message that is named "error" ends its frame. So what ended is forgotten at
once, and the next use of the name makes a new channel.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from temporal_ably._transport.refusals import refused_listening
from temporal_ably._transport.sdk import ably_error, delivered, modes
from temporal_ably._transport.secrets import REDACTION
from temporal_ably.errors import ConnectionLostError, PublishError

if TYPE_CHECKING:
    from temporal_ably._transport.base import OnGap, OnMessage
    from temporal_ably._transport.sdk import AblyMessage, Channels, ChannelStateChange

# Ably's code for a capability that is not given.
_NOT_PERMITTED = 40160


class Subscription:
    """Listens until it is stopped.

    ``ended`` is done, with the reason, once Ably or the SDK ended it; whoever holds the connection then
    does away with it, and listens again on the next one.

    Args:
        channels: the client's.
        name: the channel.
        on_message: called with each message.
        on_gap: called when messages may have been missed.
    """

    def __init__(self, channels: Channels, name: str, on_message: OnMessage, on_gap: OnGap) -> None:
        self._channels = channels
        self._name = name
        self._on_message = on_message
        self._on_gap = on_gap
        # With the mode for publishing, or an attached connection may publish no more.
        self._channel = channels.get(name, modes=modes())
        self._attaching: asyncio.Future[None] | None = None
        self._attached = False
        self._stopped = False
        self.ended: asyncio.Future[PublishError] = asyncio.get_running_loop().create_future()

    async def attach(self) -> None:
        """Attach, and see that messages will come. Where they will not it is still to be stopped.

        Raises:
            PublishError: if Ably refuses; the channel can still be published to.
            ConnectionLostError: if it ended otherwise.
        """
        if not self._stopped:
            self._channel.on(self._on_state)
            self._attaching = asyncio.ensure_future(self._subscribe())
            self._attaching.add_done_callback(retrieve)
            await asyncio.wait({self._attaching, self.ended}, return_when=asyncio.FIRST_COMPLETED)
        if self.ended.done():
            raise self.ended.result()
        if not self._stopped and modes()[1] not in self._channel.modes:
            # Ably attaches whoever may publish, and then sends nothing.
            raise refused_listening(_NOT_PERMITTED, "the mode subscribe was not granted", self._name)

    async def _subscribe(self) -> None:
        # No filter by name: Ably leaves it out of appends. For a message that is named "error" without a listener of
        # that name the SDK's emitter raises, and what came in one frame with it is lost.
        await asyncio.gather(self._channel.subscribe(self._receive), self._channel.subscribe("error", _ignore))

    def _receive(self, message: AblyMessage) -> None:
        found = delivered(message)
        if found is not None and not self._stopped:
            self._on_message(found)

    def _on_state(self, change: ChannelStateChange) -> None:
        state = change.current.value
        if state == "attached":
            if self._attached and not change.resumed:
                self._on_gap()
            self._attached = True
        elif state in ("failed", "suspended", "detached") and not self.ended.done():
            self._forget()
            self.ended.set_result(self._reason(state, change.reason))

    def _reason(self, state: str, reason: Exception | None) -> PublishError:
        error = ably_error(reason)
        if state == "failed" and error is not None and not self._attached:
            return refused_listening(error.code, error.message, self._name)
        why = REDACTION.text(str(reason or f"the channel is {state}"))
        return ConnectionLostError(f"unable to listen to channel {self._name}; {why}; trying again", channel=self._name)

    def _forget(self) -> None:
        self._quit()
        self._channels.release(self._name)

    def _quit(self) -> None:
        self._stopped = True
        self._channel.off(self._on_state)
        self._channel.unsubscribe()

    def give_up(self, reason: PublishError) -> None:
        """End, because the connection did. The SDK may be in the middle of its channels, so they stay as they are."""
        self._quit()
        if not self.ended.done():
            self.ended.set_result(reason)

    def stop(self) -> asyncio.Future[None]:
        """Listen no more; nothing is delivered from now on.

        Returns:
            A future that is done when Ably knows. Before that the channel must not be attached again.
        """
        self._quit()
        return asyncio.ensure_future(self._detach())

    async def _detach(self) -> None:
        if self._attaching is not None:
            await asyncio.wait({self._attaching, self.ended}, return_when=asyncio.FIRST_COMPLETED)
        if self.ended.done():
            return
        try:
            await self._channel.detach()
        finally:
            self._channels.release(self._name)


def _ignore(message: AblyMessage) -> None:
    del message


def retrieve(work: asyncio.Future[Any]) -> None:
    """Fetch the exception of what was given up and may still fail; nobody else would."""
    if not work.cancelled():
        work.exception()
