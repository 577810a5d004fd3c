"""Codecs: chunks of a model's stream to parts of a message and back. Pure.

To stream chunks of a class of your own, register an adapter:

    from temporal_ably.codec import register_adapter

    register_adapter(Token, lambda: lambda token: [token.text])
"""

from temporal_ably.codec.adapters import Adapter, AdapterFactory, adapter_factory, register_adapter
from temporal_ably.codec.table import Chunk
from temporal_ably.codec.vercel import CODEC

__all__ = ["CODEC", "Adapter", "AdapterFactory", "Chunk", "adapter_factory", "register_adapter"]
