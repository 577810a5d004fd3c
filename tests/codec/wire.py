"""What the package writes on the wire for chunks, and reads from it, without a publisher in between."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from temporal_ably._dialect import ait08
from temporal_ably._wire.events import PartEmitted, PartText, Run, Step
from temporal_ably._wire.parts import Json, Status, Streamed, Whole
from temporal_ably.codec import CODEC
from temporal_ably.codec.table import Action, Close, Extend, Open

if TYPE_CHECKING:
    from collections.abc import Iterable

    from temporal_ably._wire.operations import Message
    from temporal_ably.codec import Chunk

STEP = Step(Run("run", ""), "step", "serial")
WireMessage = dict[str, Any]


class Writer:
    """Chunks of one message to messages as `js/codec.mjs` has them."""

    def __init__(self) -> None:
        self.messages: list[WireMessage] = []
        self._open: dict[tuple[str, str], tuple[str, Streamed]] = {}

    def write(self, chunk: Chunk) -> None:
        action = CODEC.encode(chunk)
        if isinstance(action, Open):
            self._open[action.part.kind, action.part.id] = (self._text("create", None, action.part), action.part)
        elif isinstance(action, Extend):
            serial, part = self._open[action.kind, action.id]
            self._text("append", serial, part, action.text)
        elif isinstance(action, Close) and (action.kind, action.id) in self._open:
            serial, part = self._open.pop((action.kind, action.id))
            self._text("append", serial, replace(part, fields={**part.fields, **action.fields}), status="complete")
        else:
            whole = action.whole if isinstance(action, Close) else action
            assert isinstance(whole, Whole)
            self._put("create", None, ait08.encode(PartEmitted(STEP, "m", whole)))

    def cancel(self) -> None:
        for serial, part in self._open.values():
            self._text("append", serial, part, status="cancelled")

    def _text(
        self, action: str, serial: str | None, part: Streamed, text: str = "", status: Status = "streaming"
    ) -> str:
        return self._put(action, serial, ait08.encode(PartText(STEP, "m", part, text, status)))

    def _put(self, action: str, serial: str | None, message: Message) -> str:
        serial = serial or f"{len(self.messages):06}"
        self.messages.append(
            {"action": action, "serial": serial, "name": message.name, "data": message.data, "extras": message.extras}
        )
        return serial


def write(chunks: Iterable[Chunk], *, cancel: bool = False) -> list[WireMessage]:
    writer = Writer()
    for chunk in chunks:
        writer.write(chunk)
    if cancel:
        writer.cancel()
    return writer.messages


def read(messages: Iterable[WireMessage]) -> list[Chunk]:
    """Read what a client that saw all the messages come in would read."""
    texts: dict[str, str] = {}
    chunks: list[Chunk] = []
    for message in messages:
        for action in _actions(message, texts):
            chunks += CODEC.decode(action)
    return chunks


def _actions(message: WireMessage, texts: dict[str, str]) -> Iterable[Action]:
    serial = message["serial"]
    ai = message["extras"]["ai"]
    fields = dict(ai["codec"])
    kind, data = fields.pop("kind"), cast("Json", message.get("data"))
    if ai["transport"]["stream"] == "false":
        yield Whole(kind, fields, data)
        return
    part, text = Streamed(kind, ai["transport"]["stream-id"], fields), cast("str", data)
    if message["action"] == "create":
        texts[serial] = ""
        yield Open(part)
    delta = text[len(texts[serial]) :] if message["action"] == "update" else text
    texts[serial] += delta
    if delta:
        yield Extend(kind, part.id, delta)
    if ai["transport"]["status"] == "complete":
        yield CODEC.close(part, texts[serial])


def shared(message: WireMessage) -> WireMessage:
    """Give what two writers must agree on: not the names of runs, steps and messages, nor a name that is not sent."""
    ai = message["extras"]["ai"]
    transport = {name: ai["transport"][name] for name in ("stream", "status", "stream-id") if name in ai["transport"]}
    name = message["name"] if message["action"] == "create" else None
    return {
        **{key: message.get(key) for key in ("action", "serial", "data")},
        "name": name,
        "codec": ai["codec"],
        "transport": transport,
        "ephemeral": message["extras"].get("ephemeral", False),
    }
