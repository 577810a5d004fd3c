"""Which names Ably takes for a channel.

The rule of the file: light, because a workflow's sandbox loads it afresh for each workflow.
"""

from __future__ import annotations

import re

# Half a surrogate pair, which JSON can bring, cannot be sent.
_FORBIDDEN = re.compile(r"[,\s\x00-\x1f\x7f\ud800-\udfff]")


def is_channel_name(name: str) -> bool:
    """Tell whether Ably takes a name for a channel. Source: Ably's channel rules, error 40010."""
    return bool(name) and name[0] not in "[:" and not _FORBIDDEN.search(name)
