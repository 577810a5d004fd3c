"""Other folds in a Node process: a line of JSON in, a line of JSON out."""

from __future__ import annotations

import json
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from temporal_ably._wire.parts import Json
    from tests.session.recording import Delivery, Recording

JS = Path(__file__).parent.parent / "end_to_end" / "js"
NODE = shutil.which("node", path=sysconfig.get_path("scripts")) or "node"


def _wire(delivery: Delivery) -> dict[str, object]:
    message: dict[str, object] = {
        "serial": delivery.serial,
        "version": {"serial": delivery.version},
        "action": f"message.{delivery.action}",
        "name": delivery.name,
        "extras": delivery.extras,
    }
    # Null does not travel.
    return message if delivery.data is None else {**message, "data": delivery.data}


class OtherFolds:
    """Folds in JavaScript. Node starts slowly, so one process serves all tests."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own script
            [NODE, str(JS / "fold.mjs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def stock(self, channel: Recording) -> list[dict[str, Json]]:
        """Give the messages that the reducer of @ably/ai-transport makes of the outputs of a channel with one run."""
        outputs = [each for each in channel.history.values() if each.name == "ai-output"]
        return self._call(ui=[_wire(each) for each in sorted(outputs, key=lambda each: each.serial)])

    def plain(self, deliveries: Iterable[Delivery]) -> dict[str, Any]:
        """Give the session that examples/plain-client makes of tags."""
        return self._call(plain=[_wire(each) for each in deliveries])

    def stop(self) -> None:
        """Close standard input, which tells Node to quit, and wait until it has."""
        self._process.communicate()

    def _call(self, **command: object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["result"]
