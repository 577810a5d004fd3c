"""Ably's own reducer in a Node process: a line of JSON in, a line of JSON out."""

from __future__ import annotations

import json
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from temporal_ably._wire.parts import Json
    from tests.session.recording import Recording

JS = Path(__file__).parent.parent / "end_to_end" / "js"
NODE = shutil.which("node", path=sysconfig.get_path("scripts")) or "node"


class StockReducer:
    """The reducer of @ably/ai-transport. Node starts slowly, so one process serves all tests."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own script
            [NODE, str(JS / "fold.mjs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def fold(self, channel: Recording) -> list[dict[str, Json]]:
        """Give the messages that a client shows for the outputs of a channel with one run."""
        outputs = [each for each in channel.history.values() if each.name == "ai-output"]
        messages = [
            {
                "serial": each.serial,
                "version": {"serial": each.version},
                "action": f"message.{each.action}",
                "name": each.name,
                "extras": {"ai": each.extras["ai"]},
                # Null does not travel.
                **({} if each.data is None else {"data": each.data}),
            }
            for each in sorted(outputs, key=lambda each: each.serial)
        ]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"messages": messages}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def stop(self) -> None:
        """Close standard input, which tells Node to quit, and wait until it has."""
        self._process.communicate()
