"""One channel message and what was delivered of it.

The rule of the file: the content depends on the set of deliveries alone, not on their order or
number. The delivery of the highest version that holds whole content is the base; later appends
extend it, earlier ones are contained in it.

Source: Ably message operations. An append is delivered as its new text to an attachment that has
seen the message, else as an update that holds the whole text up to that version.
"""

from __future__ import annotations

from bisect import insort
from operator import attrgetter
from typing import TYPE_CHECKING, cast

from temporal_ably._wire.operations import Extras, Message

if TYPE_CHECKING:
    from temporal_ably._session.model import Delivery
    from temporal_ably._wire.parts import Json

_VERSION = attrgetter("version")


class Record:
    """Deliveries of one serial, reduced to the content of the message."""

    def __init__(self) -> None:
        self._base: Delivery | None = None
        self._tail: list[Delivery] = []
        self._text = ""

    def apply(self, delivery: Delivery) -> bool:
        """Take in a delivery.

        Returns:
            Whether the content may have changed.
        """
        if self._base is not None and delivery.version <= self._base.version:
            return False
        if delivery.action == "append":
            return self._append(delivery)
        self._base = delivery
        self._tail = [each for each in self._tail if each.version > delivery.version]
        self._rebuild()
        return True

    def _append(self, delivery: Delivery) -> bool:
        if not self._tail or delivery.version > self._tail[-1].version:
            self._tail.append(delivery)
            self._text += _text(delivery)
            return self._base is not None
        if any(each.version == delivery.version for each in self._tail):
            return False
        insort(self._tail, delivery, key=_VERSION)
        self._rebuild()
        return self._base is not None

    def _rebuild(self) -> None:
        whole = [self._base] if self._base is not None else []
        self._text = "".join(_text(each) for each in [*whole, *self._tail])

    @property
    def message(self) -> Message | None:
        """The message as it stands, ``None`` while only appends are known or once it was deleted."""
        if self._base is None or self._base.action == "delete":
            return None
        data: Json = self._text if self._tail else self._base.data
        # The operation that came last decides on the headers: an append replaces them all.
        extras = self._tail[-1].extras if self._tail else self._base.extras
        # Whatever reads extras checks what it finds: they come from any publisher.
        return Message(self._base.name, data, cast("Extras", extras))


def _text(delivery: Delivery) -> str:
    return delivery.data if isinstance(delivery.data, str) else ""
