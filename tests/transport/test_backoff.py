from __future__ import annotations

from typing import TYPE_CHECKING

from temporal_ably._transport.backoff import backoff_s

if TYPE_CHECKING:
    import pytest


def test_pause_grows_to_a_limit_and_is_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("temporal_ably._transport.backoff._PAUSES_S", (1.0, 2.0, 4.0))
    for failures, middle in [(1, 1.0), (2, 2.0), (3, 4.0), (9, 4.0)]:
        pauses = {backoff_s(failures) for _ in range(50)}
        assert middle * 0.75 <= min(pauses) < max(pauses) <= middle * 1.25
