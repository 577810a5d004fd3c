"""One channel message and what was delivered of it.

The rule of the file: the content depends on the set of deliveries alone, not on their order or
number. The delivery of the highest version that holds whole content is the base; later appends
extend it, earlier ones are contained in it.

Source: Ably message operations. An append is delivered as its new text to an attachment that has
seen the message, else as an update that holds the whole text up to that version.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from temporal_ably._session.places import Place, place_of

if TYPE_CHECKING:
    from temporal_ably._wire.parts import Json
    from temporal_ably.envelope import Envelope

_VERSION = attrgetter("version")
# A text may grow for hours.
_LONG = 16


@dataclass(frozen=True)
class Entry:
    """A message as it stands.

    ``envelope`` is the last operation on it, which decides on everything but the content: an append
    replaces all headers. ``text`` is the whole text, ``data`` the payload of a whole part.
    """

    envelope: Envelope
    text: str
    data: Json

    @property
    def serial(self) -> str:
        """Identity and order of the message."""
        return self.envelope.serial

    @property
    def missing(self) -> int:
        """Characters that were written and have not arrived."""
        return max(0, (self.envelope.length or 0) - len(self.text))


class Record:
    """Deliveries of one serial, reduced to the content of the message."""

    def __init__(self) -> None:
        self._base: Envelope | None = None
        self._tail: list[Envelope] = []
        self._text = ""

    def apply(self, delivery: Envelope) -> bool:
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

    def _append(self, delivery: Envelope) -> bool:
        if not self._tail or delivery.version > self._tail[-1].version:
            self._tail.append(delivery)
            self._text += _text(delivery)
            if self._base is not None and len(self._tail) > _LONG and delivery.length == len(self._text):
                self._absorb(delivery)
            return self._base is not None
        if any(each.version == delivery.version for each in self._tail):
            return False
        insort(self._tail, delivery, key=_VERSION)
        self._rebuild()
        return self._base is not None

    def _absorb(self, last: Envelope) -> None:
        """Keep the text in place of the deliveries that brought it; by its length none of them is missing."""
        part = last.part and last.part.model_copy(update={"text": self._text})
        self._base = last.model_copy(update={"action": "update", "part": part})
        self._tail.clear()

    def _rebuild(self) -> None:
        whole = [self._base] if self._base is not None else []
        self._text = "".join(_text(each) for each in [*whole, *self._tail])

    @property
    def place(self) -> Place | None:
        """The place that it belongs to, ``None`` while it shows nothing."""
        if self._base is None or self._base.action == "delete":
            return None
        return place_of(self._tail[-1] if self._tail else self._base)

    @property
    def entry(self) -> Entry | None:
        """The message as it stands, ``None`` while only appends are known or once it was deleted."""
        if self._base is None or self._base.action == "delete":
            return None
        last = self._tail[-1] if self._tail else self._base
        whole = self._base.part.data if self._base.part else None
        return Entry(last, self._text, self._text if self._tail else whole)


def _text(delivery: Envelope) -> str:
    part = delivery.part
    if part is None:
        return ""
    return part.data if isinstance(part.data, str) else part.text
