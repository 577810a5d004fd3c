"""A small local stand-in for Ably, for development, demos and tests.

It is not Ably and not for production: one process, all in memory, one key. Unpatched SDKs work on it:
ably-python 3.1, ably-js 2.28, @ably/ai-transport 0.8. Needs the extra `local`.
"""

from .app import DEVELOPMENT_KEY, LocalServer
from .controls import Faults
from .limits import Limits

__all__ = ["DEVELOPMENT_KEY", "Faults", "Limits", "LocalServer"]
