"""What every test gets: an environment without the developer's own keys and settings, and real parts on demand."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.real_parts import (
    chats,
    checkpoints,
    local_server,
    node_chats,
    node_viewers,
    stage,
    temporal,
    viewers,
    workers,
)

__all__ = [
    "chats",
    "checkpoints",
    "local_server",
    "node_chats",
    "node_viewers",
    "stage",
    "temporal",
    "viewers",
    "workers",
]

# On a busy machine an example may take its time; only what it finds counts.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")

PREFIXES = ("ABLY_", "OPENAI_")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIXES)]:
        monkeypatch.delenv(name)
