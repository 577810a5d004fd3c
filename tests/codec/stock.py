"""Ably's own codec in a Node process: a line of JSON in, a line of JSON out."""

from __future__ import annotations

import json
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from temporal_ably.codec import Chunk
    from tests.codec.wire import WireMessage

JS = Path(__file__).parent.parent / "end_to_end" / "js"
NODE = shutil.which("node", path=sysconfig.get_path("scripts")) or "node"


class StockCodecError(Exception):
    """The codec refused what it was asked."""


class StockCodec:
    """The codec of @ably/ai-transport. Node starts slowly, so one process serves all tests."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own script
            [NODE, str(JS / "codec.mjs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def encode(self, chunks: Iterable[Chunk]) -> list[WireMessage]:
        return self._call("encode", chunks=list(chunks))

    def decode(self, messages: Iterable[WireMessage]) -> list[Chunk]:
        return self._call("decode", messages=list(messages))

    def packages(self) -> dict[str, str]:
        return self._call("packages")

    def types(self) -> dict[str, list[str]]:
        return self._call("types")

    def stop(self) -> None:
        """Close standard input, which tells Node to quit, and wait until it has."""
        self._process.communicate()

    def _call(self, command: str, **parameters: object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"command": command, **parameters}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise StockCodecError(answer["error"])
        return answer["result"]


def record_golden(folder: Path) -> None:
    """Write the golden files anew."""
    subprocess.run([NODE, str(JS / "golden.mjs"), str(folder)], check=True)  # noqa: S603 - our own script
