"""Channel names, modes and attachments: how one connection looks at one channel.

Source: ably/specification 6.1 (RTL4, RTL16, TB), ably/docs "Channel options".
"""

import re
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import parse_qsl

from .auth import Identity
from .store import Channel, Operation, Replay
from .wire import AblyError, Action, Flag, Wire

_MODES = {
    Flag.PRESENCE: ("presence",),
    Flag.PUBLISH: ("publish",),
    Flag.SUBSCRIBE: ("subscribe",),
    Flag.PRESENCE_SUBSCRIBE: ("subscribe",),
    Flag.ANNOTATION_PUBLISH: ("annotation-publish",),
    Flag.ANNOTATION_SUBSCRIBE: ("annotation-subscribe",),
}
"""Channel mode to the capabilities that grant it."""
_DEFAULT_MODES = Flag.PRESENCE | Flag.PUBLISH | Flag.SUBSCRIBE | Flag.PRESENCE_SUBSCRIBE | Flag.ANNOTATION_PUBLISH
_PARAMS = ("rewind", "modes", "appendMode")
"""Parameters that are understood and so given back in ATTACHED."""
_REWIND = re.compile(r"(\d+)([sm]?)")
_REWIND_MAX = 100

Owner = TypeVar("Owner")


@dataclass(slots=True, eq=False)
class Attachment(Generic[Owner]):
    """One connection attached to one channel."""

    owner: Owner
    name: str
    """The name as the client sent it, qualifiers included: its identity on the wire."""
    bare: str
    """The channel's own name."""
    wanted: Flag
    """The modes that the client asked for."""
    modes: Flag
    """Those of them that it was granted."""
    params: Wire
    seen: set[str] = field(default_factory=set[str])
    """Serials of the messages sent so far: only for those an append can go out as a delta."""

    @property
    def rewinds(self) -> bool:
        """Whether the client asked for older messages."""
        return "rewind" in self.params

    def rewind(self, channel: Channel, now: int) -> Replay:
        """Give the messages that the `rewind` parameter asks for.

        Raises:
            AblyError: 40003 if the parameter is unreadable.
        """
        found = _REWIND.fullmatch(str(self.params["rewind"]))
        if found is None:
            raise AblyError(40003, 400, "unable to attach; rewind is no number and no duration; give 10, 15s or 2m")
        amount, unit = int(found[1]), found[2]
        if not unit:
            return channel.rewind(count=min(amount, _REWIND_MAX), since=None)
        return channel.rewind(count=_REWIND_MAX, since=now - amount * (1000 if unit == "s" else 60_000))

    def render(self, operation: Operation) -> Wire:
        """Give an operation in the form this client can use, and note that it has the message now."""
        known = operation.serial in self.seen and self.params.get("appendMode") != "full"
        self.seen.add(operation.serial)
        return operation.delta() if known else operation.full()


def parse_name(name: str) -> tuple[str, Wire]:
    """Split a qualified name such as `[?rewind=1]name`.

    Returns:
        The channel's own name, and the parameters of the qualifier.

    Raises:
        AblyError: 40010 for a name that no channel can have.
    """
    params: Wire = {}
    bare = name
    if name.startswith("["):
        qualifier, _, bare = name[1:].partition("]")
        kind, _, query = qualifier.partition("?")
        if kind:
            raise AblyError(40010, 400, "unable to use the channel; this server knows no such qualifier")
        params = dict(parse_qsl(query))
    if not bare or bare[0] in ":[" or any(char in bare for char in ",\r\n"):
        raise AblyError(40010, 400, "unable to use the channel; its name is invalid")
    return bare, params


def known_params(params: Wire) -> Wire:
    """Keep the channel parameters that this server understands."""
    return {name: params[name] for name in _PARAMS if name in params}


def wanted_modes(params: Wire, flags: Flag) -> Flag:
    """Give the modes that an attach asks for."""
    named = str(params.get("modes", "")).split(",")
    wanted = Flag.NONE
    for mode in _MODES:
        by_name = mode.name is not None and mode.name.lower() in named
        wanted |= mode if by_name or ("modes" not in params and mode in flags) else Flag.NONE
    return wanted or _DEFAULT_MODES


def granted_modes(identity: Identity, bare: str, wanted: Flag) -> Flag:
    """Give the modes that are both asked for and allowed.

    Raises:
        AblyError: 40160 if none is left.
    """
    granted = Flag.NONE
    for mode, operations in _MODES.items():
        if mode in wanted and identity.allows(bare, *operations):
            granted |= mode
    if not granted:
        raise AblyError(40160, 401, "unable to attach; the credentials allow none of the channel's modes")
    return granted


def attached_frame(attachment: Attachment[Owner], replay: Replay, *, lost: bool, present: bool) -> Wire:
    """Write ATTACHED.

    Args:
        attachment: what it is about.
        replay: the messages that follow.
        lost: whether messages between the client's position and `replay` are lost.
        present: whether SYNC follows.
    """
    flags = attachment.modes | (Flag.RESUMED if replay.resumed else Flag.NONE)
    flags |= Flag.HAS_BACKLOG if replay.operations else Flag.NONE
    flags |= Flag.HAS_PRESENCE if present else Flag.NONE
    frame: Wire = {"action": int(Action.ATTACHED), "channel": attachment.name, "flags": int(flags)}
    frame["channelSerial"] = replay.start
    if attachment.params:
        frame["params"] = attachment.params
    if lost:
        error = AblyError(90003, 404, "unable to recover the channel; its messages are no longer retained")
        frame["error"] = error.to_wire()
    return frame
