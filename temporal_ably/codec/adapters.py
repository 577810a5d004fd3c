"""Adapters: how the codec learns chunk classes other than UIMessage chunks, such as those of a model provider.

An adapter is a function of one chunk. A factory makes one for each stream, so it may keep state from chunk to chunk.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from temporal_ably.codec.table import Chunk

_T = TypeVar("_T")

Adapter = Callable[[_T], Iterable[str | Chunk]]
"""Turns one chunk into any number of strings (text of the open text part) and UIMessage chunks, in order."""

AdapterFactory = Callable[[], Adapter[_T]]
"""Makes the adapter of one stream."""

_lock = threading.Lock()
# Replaced as a whole at each registration, so a reader in any thread needs no lock.
_factories: dict[type, AdapterFactory[Any]] = {}


def register_adapter(chunk_class: type[_T], factory: AdapterFactory[_T]) -> None:
    """Teach the codec a class of chunks, for the whole process.

    A subclass is taken for its nearest registered base. Registering a class again replaces its factory; streams
    that have begun keep the adapter that they have. May be called from any thread.

    Args:
        chunk_class: the class of the chunks.
        factory: makes the adapter of one stream; called when the stream's first such chunk comes.

    Example:
        >>> class Token:
        ...     def __init__(self, text: str) -> None:
        ...         self.text = text
        >>> register_adapter(Token, lambda: lambda token: [token.text])
    """
    global _factories
    with _lock:
        _factories = {**_factories, chunk_class: factory}


def adapter_factory(chunk: object) -> AdapterFactory[Any] | None:
    """Give the factory for a chunk: that of its class, else of the nearest base. ``None`` where there is none."""
    factories = _factories
    return next((factories[base] for base in type(chunk).__mro__ if base in factories), None)
