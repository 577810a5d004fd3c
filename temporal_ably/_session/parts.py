"""Parts of a chat message, as frozen values that know their shape in a UIMessage.

``serial`` is that of the message that brought the part to its place. A ``missing`` count is of
characters that were written and have not arrived.

Source: @ably/ai-transport 0.8.0, ``src/vercel/codec/fold-*.ts``, ``tool-transitions.ts``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from temporal_ably._wire.parts import Json, Status

ToolState = Literal[
    "input-streaming",
    "input-available",
    "approval-requested",
    "approval-responded",
    "output-available",
    "output-error",
    "output-denied",
]


@dataclass(frozen=True)
class TextPart:
    """Text, so far."""

    type: ClassVar[Literal["text"]] = "text"
    serial: str
    text: str
    status: Status = "complete"
    missing: int = 0

    def as_ui(self) -> dict[str, Json]:
        """Give the part as it stands in a UIMessage."""
        return {"type": self.type, "text": self.text}


@dataclass(frozen=True)
class ReasoningPart:
    """What a model thinks aloud, so far."""

    type: ClassVar[Literal["reasoning"]] = "reasoning"
    serial: str
    text: str
    status: Status = "complete"
    missing: int = 0

    def as_ui(self) -> dict[str, Json]:
        """Give the part as it stands in a UIMessage."""
        return {"type": self.type, "text": self.text}


@dataclass(frozen=True)
class StepStartPart:
    """A model call begins; a step in the words of a UIMessage."""

    type: ClassVar[Literal["step-start"]] = "step-start"
    serial: str

    def as_ui(self) -> dict[str, Json]:
        """Give the part as it stands in a UIMessage."""
        return {"type": self.type}


@dataclass(frozen=True)
class ToolPart:
    """A call of a tool, its input and its outcome.

    Args:
        name: the tool.
        status: of a streamed input.
        options: ``title`` and ``providerExecuted``, where given.
        values: ``input``, ``output``, ``errorText``, ``preliminary`` and ``approval``, as far as the state has them.
    """

    serial: str
    call_id: str
    name: str
    state: ToolState
    dynamic: bool = False
    status: Status = "complete"
    missing: int = 0
    options: Mapping[str, Json] = field(default_factory=dict[str, "Json"])
    values: Mapping[str, Json] = field(default_factory=dict[str, "Json"])

    @property
    def type(self) -> str:
        """Its type in a UIMessage."""
        return "dynamic-tool" if self.dynamic else f"tool-{self.name}"

    @property
    def input(self) -> Json:
        """The input, ``None`` while it cannot be read."""
        return self.values.get("input")

    @property
    def output(self) -> Json:
        """The output, ``None`` before there is one."""
        return self.values.get("output")

    @property
    def error(self) -> str | None:
        """What went wrong with the call."""
        error = self.values.get("errorText")
        return error if isinstance(error, str) else None

    @property
    def settled(self) -> bool:
        """Whether it has come to an end: to an output, an error or a refusal."""
        return self.state.startswith("output-")

    @property
    def by_provider(self) -> bool:
        """Whether the model's provider runs the tool."""
        return self.options.get("providerExecuted") is True

    @property
    def preliminary(self) -> bool:
        """Whether another output is to come."""
        return self.values.get("preliminary") is True

    @property
    def approval(self) -> Json:
        """The approval: its ``id``, and whether it was ``approved`` once that is known."""
        return self.values.get("approval")

    @property
    def approved(self) -> bool | None:
        """What a person said who was asked, ``None`` as long as nobody did."""
        return {"approval-responded": True, "output-denied": False}.get(self.state)

    def as_ui(self) -> dict[str, Json]:
        """Give the part as it stands in a UIMessage."""
        name: dict[str, Json] = {"toolName": self.name} if self.dynamic else {}
        call: dict[str, Json] = {"type": self.type, "toolCallId": self.call_id, "state": self.state}
        return {**call, **name, **self.options, **self.values}


@dataclass(frozen=True)
class FilePart:
    """A file, by its URL."""

    type: ClassVar[Literal["file"]] = "file"
    serial: str
    media_type: str
    url: str

    def as_ui(self) -> dict[str, Json]:
        """Give the part as it stands in a UIMessage."""
        return {"type": self.type, "mediaType": self.media_type, "url": self.url}


@dataclass(frozen=True)
class SourceUrlPart:
    """A web page that was drawn on."""

    type: ClassVar[Literal["source-url"]] = "source-url"
    serial: str
    source_id: str
    url: str
    title: str | None = None

    def as_ui(self) -> dict[str, Json]:
        """Give the part as it stands in a UIMessage."""
        return _present({"type": self.type, "sourceId": self.source_id, "url": self.url, "title": self.title})


@dataclass(frozen=True)
class SourceDocumentPart:
    """A document that was drawn on."""

    type: ClassVar[Literal["source-document"]] = "source-document"
    serial: str
    source_id: str
    media_type: str
    title: str
    filename: str | None = None

    def as_ui(self) -> dict[str, Json]:
        """Give the part as it stands in a UIMessage."""
        source: dict[str, Json] = {"type": self.type, "sourceId": self.source_id, "mediaType": self.media_type}
        return _present({**source, "title": self.title, "filename": self.filename})


@dataclass(frozen=True)
class DataPart:
    """A value of the application's own. ``type`` begins with ``data-``; no ``id``: it never changes."""

    serial: str
    type: str
    id: str | None
    data: Json

    def as_ui(self) -> dict[str, Json]:
        """Give the part as it stands in a UIMessage."""
        # Null on the wire is no data at all.
        return _present({"type": self.type, "id": self.id, "data": self.data})


Part = TextPart | ReasoningPart | StepStartPart | ToolPart | FilePart | SourceUrlPart | SourceDocumentPart | DataPart


def _present(values: dict[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in values.items() if value is not None}
