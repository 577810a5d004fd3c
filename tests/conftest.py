"""What every test gets: an environment without the developer's own keys and settings."""

from __future__ import annotations

import os

import pytest

PREFIXES = ("ABLY_", "OPENAI_")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIXES)]:
        monkeypatch.delenv(name)
