"""Codecs: chunks of a model's stream to parts of a message and back. Pure."""
